/* Shared by the micro-benchmarks. Each takes the seconds to run for, and prints one number: a rate per second. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The value of a system call that must not fail. */
static inline int must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

/* Run step() for argv[1] seconds; the clock is read every `batch` steps. Prints steps per second. */
static inline int measure(char **argv, int batch, void (*step)(void))
{
	double seconds = argv[1] ? atof(argv[1]) : 1, start = now(), end = start;
	long count = 0;
	while (end - start < seconds) {
		for (int i = 0; i < batch; i++)
			step();
		count += batch;
		end = now();
	}
	printf("%.1f\n", count / (end - start));
	return 0;
}

/* A loopback address of a free port, bound to a new socket; family is AF_INET or AF_INET6. */
struct local {
	int fd;
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} name;
};

static inline struct local bound(int family, int type)
{
	struct local l = {.fd = must(socket(family, type, 0), "socket")};
	l.name.any.sa_family = family;
	l.length = family == AF_INET ? sizeof l.name.in : sizeof l.name.in6;
	if (family == AF_INET)
		l.name.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		l.name.in6.sin6_addr = in6addr_loopback;
	must(bind(l.fd, &l.name.any, l.length), "bind");
	must(getsockname(l.fd, &l.name.any, &l.length), "getsockname");
	return l;
}

/* Run serve() in a child that ends with this process. Returns the child's process id. */
static inline pid_t child(void (*serve)(void))
{
	pid_t pid = must(fork(), "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve();
		_exit(0);
	}
	return pid;
}

static inline void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
