/* Idle TCP connections within this process tree: as many as each argument says, in turn. Prints the number once
 * they are open, and waits for a line. */
#include "bench.h"
#include <sys/resource.h>

static struct local local;

static void serve(void)
{
	for (;;)
		must(accept(local.fd, NULL, NULL), "accept");
}

static void dial(void)
{
	must(connect(must(socket(AF_INET, SOCK_STREAM, 0), "socket"), &local.name.any, local.length), "connect");
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	char line[16];
	int open = 0;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	local = bound(AF_INET, SOCK_STREAM);
	must(listen(local.fd, 4096), "listen");
	pid_t pid = child(serve);
	for (int i = 1; i < argc; i++) {
		while (open < atoi(argv[i])) {
			dial();
			open++;
		}
		printf("%d\n", open);
		fflush(stdout);
		if (!fgets(line, sizeof line, stdin))
			return fprintf(stderr, "idle: standard input has ended\n"), 1;
	}
	end(pid);
}
