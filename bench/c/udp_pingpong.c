/* Round trips of one byte over UDP, every call with an address: sendto and recvfrom on both sides. */
#include "bench.h"

static struct local server, client;

static void echo(void)
{
	char byte;
	for (;;) {
		struct sockaddr_storage from;
		socklen_t length = sizeof from;
		must(recvfrom(server.fd, &byte, 1, 0, (struct sockaddr *)&from, &length), "recvfrom");
		must(sendto(server.fd, &byte, 1, 0, (struct sockaddr *)&from, length), "sendto");
	}
}

static void step(void)
{
	char byte = 'x';
	struct sockaddr_storage from;
	socklen_t length = sizeof from;
	must(sendto(client.fd, &byte, 1, 0, &server.name.any, server.length), "sendto");
	must(recvfrom(client.fd, &byte, 1, 0, (struct sockaddr *)&from, &length), "recvfrom");
}

int main(int argc, char **argv)
{
	server = bound(AF_INET, SOCK_DGRAM);
	client = bound(AF_INET, SOCK_DGRAM);
	pid_t pid = child(echo);
	measure(argv, 16, step);
	end(pid);
}
