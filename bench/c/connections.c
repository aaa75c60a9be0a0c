/* New TCP connections per second, one after another: connect, accept, the server closes, the client sees the end.
 * The server closes first, so that TIME_WAIT does not use up the client's ports. argv[2] "6" takes AF_INET6. */
#include "bench.h"

static struct local local;

static void serve(void)
{
	for (;;)
		close(must(accept(local.fd, NULL, NULL), "accept"));
}

static void step(void)
{
	char byte;
	int fd = must(socket(local.name.any.sa_family, SOCK_STREAM, 0), "socket");
	must(connect(fd, &local.name.any, local.length), "connect");
	must(read(fd, &byte, 1), "read");
	close(fd);
}

int main(int argc, char **argv)
{
	local = bound(argc > 2 && argv[2][0] == '6' ? AF_INET6 : AF_INET, SOCK_STREAM);
	must(listen(local.fd, 64), "listen");
	pid_t pid = child(serve);
	measure(argv, 4, step);
	end(pid);
}
