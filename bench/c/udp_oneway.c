/* Datagrams of one byte that arrive per second when one process sends as fast as it can, with an address for each:
 * by sendto(2), or so many in a call by sendmmsg(2). */
#include "bench.h"

enum { MOST = 64 };

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

static void send_many(int several)
{
	static struct mmsghdr messages[MOST];
	static char byte = 'x';
	static struct iovec piece = {&byte, 1};
	for (int i = 0; i < several; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_name = &server.name, .msg_namelen = server.length,
						      .msg_iov = &piece, .msg_iovlen = 1};
	must(sendmmsg(client, messages, several, 0), "sendmmsg");
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	int several = argc > 2 ? atoi(argv[2]) : 1;
	char byte = 'x';
	received = mmap(NULL, sizeof *received, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	server = bound(AF_INET, SOCK_DGRAM);
	pid_t pid = child(count);
	client = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	double start = now();
	while (now() - start < seconds)
		if (several > 1)
			send_many(several < MOST ? several : MOST);
		else
			must(sendto(client, &byte, 1, 0, &server.name.any, server.length), "sendto");
	printf("%.1f\n", *received / (now() - start));
	end(pid);
}
