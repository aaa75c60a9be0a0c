/* A timer that rings once, while accept is being asked for: `alarms ROUNDS` prints how many accepts slept on, a
 * second long, though the handler has no SA_RESTART. Few do: the timer may ring before the call begins. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t late;

static void on_signal(int number) { late = number == SIGUSR1; }

static void die(const char *what) { perror(what); exit(1); }

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct itimerspec second = { .it_value = { 1, 0 } };
    struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
    int fd = socket(AF_INET6, SOCK_STREAM, 0), missed = 0, rounds = argc > 1 ? atoi(argv[1]) : 0;
    timer_t watch;
    if (sigaction(SIGALRM, &action, NULL) || sigaction(SIGUSR1, &action, NULL)) die("sigaction");
    if (timer_create(CLOCK_MONOTONIC, &event, &watch)) die("timer_create");
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) || listen(fd, 5)) die("listen");
    for (int i = 0; i < rounds; i++) {
        struct itimerval soon = { .it_value = { 0, 20 + i % 300 } };
        late = 0;
        if (timer_settime(watch, 0, &second, NULL) || setitimer(ITIMER_REAL, &soon, NULL)) die("timer");
        if (accept(fd, NULL, NULL) >= 0 || errno != EINTR) die("accept");
        missed += late;
    }
    printf("%d\n", missed);
    return 0;
}
