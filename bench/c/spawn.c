/* spawn time|memory N PROGRAM ARG...
 *
 * Runs the program N times and prints the median: of the wall-clock time in milliseconds, or of ru_maxrss in MB.
 * Written in C because a child's ru_maxrss starts at its parent's size before exec. */
#include "bench.h"
#include <sys/resource.h>

enum { MOST = 100 };

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double once(char **argv, int memory)
{
	struct rusage usage;
	int status;
	double start = now();
	pid_t pid = must(fork(), "fork");
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	must(wait4(pid, &status, 0, &usage), "wait4");
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "spawn: %s: status %#x\n", argv[0], status);
		exit(1);
	}
	return memory ? usage.ru_maxrss / 1024.0 : (now() - start) * 1e3;
}

int main(int argc, char **argv)
{
	double values[MOST];
	int count = argc > 3 ? atoi(argv[2]) : 0;
	if (count < 1 || count > MOST)
		return fprintf(stderr, "usage: spawn time|memory N PROGRAM ARG...\n"), 2;
	for (int i = 0; i < count; i++)
		values[i] = once(argv + 3, argv[1][0] == 'm');
	qsort(values, count, sizeof *values, ascending);
	printf("%.3f\n", values[count / 2]);
}
