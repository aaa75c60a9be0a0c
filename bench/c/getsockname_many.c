/* getsockname in argv[2] processes at once: what all of them together make of one supervisor. */
#include "bench.h"

static struct local local;
static volatile long *counts;
static int mine;

static void serve(void)
{
	local = bound(AF_INET, SOCK_STREAM);
	for (;;) {
		struct sockaddr_storage name;
		socklen_t length = sizeof name;
		must(getsockname(local.fd, (struct sockaddr *)&name, &length), "getsockname");
		counts[mine]++;
	}
}

static long total(int processes)
{
	long sum = 0;
	for (int i = 0; i < processes; i++)
		sum += counts[i];
	return sum;
}

int main(int argc, char **argv)
{
	int processes = argc > 2 ? atoi(argv[2]) : 1;
	pid_t pids[processes];
	counts = mmap(NULL, processes * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (mine = 0; mine < processes; mine++)
		pids[mine] = child(serve);
	for (int i = 0; i < processes; i++) /* all are at work */
		while (!counts[i])
			usleep(1000);
	double start = now();
	long before = total(processes);
	usleep(1e6 * atof(argv[1]));
	printf("%.1f\n", (total(processes) - before) / (now() - start));
	for (int i = 0; i < processes; i++)
		end(pids[i]);
}
