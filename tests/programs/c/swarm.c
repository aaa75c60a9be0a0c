/* swarm PROCESSES THREADS ROUNDS: everything at once, to find a stop that is lost or a descriptor that stays.
 *
 * Every thread of every process opens, names and closes AF_INET6 sockets ROUNDS times. "ready" is printed when
 * all processes wait for the start and the first one has done that already, so that what a supervisor opens
 * at the first need is open; a line on standard input starts them; then the counts are printed, and
 * the end of standard input ends the program. Status 0 if no call failed.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int rounds;

static void *work(void *unused)
{
    long failures = 0;
    (void)unused;
    for (int i = 0; i < rounds; i++) {
        struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
        socklen_t length = sizeof name;
        int fd = socket(AF_INET6, i % 2 ? SOCK_DGRAM : SOCK_STREAM, 0);
        failures += fd < 0;
        failures += bind(fd, (struct sockaddr *)&name, length) != 0;
        failures += getsockname(fd, (struct sockaddr *)&name, &length) != 0;
        failures += name.sin6_port == 0 || length != sizeof name;
        failures += close(fd) != 0;
    }
    return (void *)failures;
}

static int child(int threads, int start)
{
    pthread_t ids[64];
    long failures = 0;
    char byte;
    if (read(start, &byte, 1) != 0) return 255;         /* end of file is the starting signal */
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, NULL)) return 254;
    for (int i = 0; i < threads; i++) {
        void *result;
        pthread_join(ids[i], &result);
        failures += (long)result;
    }
    return failures > 100 ? 100 : failures;
}

int main(int argc, char **argv)
{
    int processes = atoi(argv[1]), threads = atoi(argv[2]), start[2], bad = 0, status;
    rounds = atoi(argv[argc - 1]);
    if (pipe(start)) return 1;
    for (int i = 0; i < processes; i++) {
        pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) { close(start[1]); _exit(child(threads, start[0])); }
    }
    if (work(NULL)) return 1;
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF) return 1;
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < processes; i++) bad += wait(&status) < 0 || status != 0;
    printf("processes %d bad %d\n", processes, bad);
    fflush(stdout);
    while (getchar() != EOF) { }
    return bad != 0;
}
