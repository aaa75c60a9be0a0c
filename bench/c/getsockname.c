/* The smallest serviced call: no state changes, one address comes back. */
#include "bench.h"

static struct local local;

static void step(void)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof name;
	must(getsockname(local.fd, (struct sockaddr *)&name, &length), "getsockname");
}

int main(int argc, char **argv)
{
	local = bound(AF_INET, SOCK_STREAM);
	return measure(argv, 64, step);
}
