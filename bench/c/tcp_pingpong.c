/* Round trips of one byte over one TCP connection with TCP_NODELAY. */
#include "bench.h"

static struct local local;
static int fd;

static void echo(void)
{
	char byte;
	int peer = must(accept(local.fd, NULL, NULL), "accept"), one = 1;
	must(setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "setsockopt");
	while (recv(peer, &byte, 1, 0) == 1)
		must(send(peer, &byte, 1, 0), "send");
}

static void step(void)
{
	char byte = 'x';
	must(send(fd, &byte, 1, 0), "send");
	must(recv(fd, &byte, 1, 0), "recv");
}

int main(int argc, char **argv)
{
	int one = 1;
	local = bound(AF_INET, SOCK_STREAM);
	must(listen(local.fd, 1), "listen");
	pid_t pid = child(echo);
	fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
	must(connect(fd, &local.name.any, local.length), "connect");
	must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "setsockopt");
	measure(argv, 16, step);
	end(pid);
}
