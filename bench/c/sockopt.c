/* socket + setsockopt + close: what every new socket goes through. */
#include "bench.h"

static void step(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket"), one = 1;
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "setsockopt");
	close(fd);
}

int main(int argc, char **argv) { return measure(argv, 16, step); }
