/* Datagrams of one byte that arrive per second when one process sends with sendto as fast as it can. */
#include "bench.h"

static struct local server;
static int client;
static volatile long *received;

static void count(void)
{
	char byte;
	for (;;) {
		must(recv(server.fd, &byte, 1, 0), "recv");
		++*received;
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	char byte = 'x';
	received = mmap(NULL, sizeof *received, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	server = bound(AF_INET, SOCK_DGRAM);
	pid_t pid = child(count);
	client = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	double start = now();
	while (now() - start < seconds)
		must(sendto(client, &byte, 1, 0, &server.name.any, server.length), "sendto");
	printf("%.1f\n", *received / (now() - start));
	end(pid);
}
