/* As many calls as argv[1] says: getsockname, and of every 16 two for a datagram of 100 bytes to itself. Prints calls
 * per second. For bench/recording.py. */
#include "bench.h"

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1000;
	struct local local = bound(AF_INET, SOCK_DGRAM);
	struct sockaddr *to = (struct sockaddr *)&local.name.any;
	char bytes[100] = "twice as long as this, and then some";
	struct sockaddr_storage name;
	double start = now();
	for (long made = 0; made < calls; made++) {
		socklen_t length = sizeof name;
		if (made % 16 == 14)
			must(sendto(local.fd, bytes, sizeof bytes, 0, to, local.length), "sendto");
		else if (made % 16 == 15)
			must(recvfrom(local.fd, bytes, sizeof bytes, 0, (struct sockaddr *)&name, &length), "recvfrom");
		else
			must(getsockname(local.fd, (struct sockaddr *)&name, &length), "getsockname");
	}
	printf("%.0f\n", calls / (now() - start));
	return 0;
}
