/* with_server PORT SERVER ARG... -- CLIENT ARG...
 *
 * Starts the server (output discarded), waits until 127.0.0.1:PORT accepts, runs the client, ends the server with
 * SIGTERM; the status is the client's. Small and static in behaviour, so that it adds nothing to what is measured. */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>

static int accepts(int port)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
	int result = connect(fd, (struct sockaddr *)&name, sizeof name);
	close(fd);
	return result == 0;
}

static pid_t start(char **argv, int quiet)
{
	pid_t pid = must(fork(), "fork");
	if (pid)
		return pid;
	if (quiet) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		int null = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
	}
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	char **client = argv + 2;
	while (client < argv + argc && strcmp(*client, "--"))
		client++;
	if (argc < 5 || client >= argv + argc - 1)
		return fprintf(stderr, "usage: with_server PORT SERVER ARG... -- CLIENT ARG...\n"), 2;
	*client++ = NULL;
	pid_t server = start(argv + 2, 1);
	double deadline = now() + 10;
	while (!accepts(atoi(argv[1]))) {
		if (now() > deadline || waitpid(server, NULL, WNOHANG) == server)
			return fprintf(stderr, "with_server: %s does not accept connections\n", argv[2]), 1;
		usleep(20000);
	}
	usleep(100000); /* iperf3 serves one client at a time: let it be done with the probe */
	int status;
	waitpid(start(client, 0), &status, 0);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
