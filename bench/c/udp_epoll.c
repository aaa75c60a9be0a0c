/* Trips of a datagram of one byte per second to a server that sleeps in epoll_wait(2), and takes what is there until
 * there is nothing more. No case: run it by itself. */
#include <sys/epoll.h>
#include "bench.h"

static struct local server;
static int client;

static void serve(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int sleep = must(epoll_create1(0), "epoll_create1");
	must(epoll_ctl(sleep, EPOLL_CTL_ADD, server.fd, &event), "epoll_ctl");
	for (;;) {
		char byte;
		struct sockaddr_in from;
		socklen_t length = sizeof from;
		must(epoll_wait(sleep, &event, 1, -1), "epoll_wait");
		while (recvfrom(server.fd, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&from, &length) >= 0)
			must(sendto(server.fd, &byte, 1, 0, (struct sockaddr *)&from, length), "sendto");
	}
}

static void step(void)
{
	char byte = 'x';
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	must(sendto(client, &byte, 1, 0, &server.name.any, server.length), "sendto");
	must(recvfrom(client, &byte, 1, 0, (struct sockaddr *)&from, &length), "recvfrom");
}

int main(int argc, char **argv)
{
	(void)argc;
	server = bound(AF_INET, SOCK_DGRAM);
	client = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	pid_t pid = child(serve);
	measure(argv, 16, step);
	end(pid);
}
