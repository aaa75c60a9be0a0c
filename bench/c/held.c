/* New TCP connections per second while argv[2] others are open in the same two processes. */
#include "bench.h"
#include <sys/resource.h>

static struct local local;
static int others;

static void serve(void)
{
	for (int i = 0; i < others; i++)
		must(accept(local.fd, NULL, NULL), "accept");
	for (;;)
		close(must(accept(local.fd, NULL, NULL), "accept"));
}

static int dialled(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
	must(connect(fd, &local.name.any, local.length), "connect");
	return fd;
}

static void step(void)
{
	char byte;
	int fd = dialled();
	must(read(fd, &byte, 1), "read");
	close(fd);
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	others = argc > 2 ? atoi(argv[2]) : 0;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	local = bound(AF_INET, SOCK_STREAM);
	must(listen(local.fd, 4096), "listen"); /* a full queue drops SYNs: a second each */
	pid_t pid = child(serve);
	for (int i = 0; i < others; i++)
		dialled();
	step();
	measure(argv, 4, step);
	end(pid);
}
