/* What a program sees of answers that put descriptors in place or let it wait (answering.py); one mode each. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int descriptors(void)
{
    int count = -1; /* the directory's own */
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static int mappings(void)
{
    int count = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        count++;
    fclose(maps);
    return count;
}

static void show(const char *what, int result)
{
    printf("%s: %d %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
}

static void look(const char *what, int fd)
{
    char text[32] = "";
    ssize_t count = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    printf("%s: \"%s\" %zd, cloexec %d, nonblock %d\n", what, text, count, fcntl(fd, F_GETFD),
           !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

static int begun;

static void begin(void)
{
    mappings(); /* stdio and malloc have what they want */
    descriptors();
    begun = descriptors() * 1000 + mappings();
}

static void end(const char *what, int more)
{
    int ended = descriptors() * 1000 + mappings();
    printf("%s: %d descriptors more, %d mappings\n", what, (ended - begun) / 1000 - more,
           (ended - begun) % 1000);
}

static int connect_to(int fd, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    return connect(fd, (void *)&a, sizeof a);
}

static int listener(struct sockaddr_un *a)
{
    socklen_t length = sizeof *a;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    a->sun_family = AF_UNIX;
    bind(fd, (void *)a, sizeof(sa_family_t));
    syscall(SYS_getsockname, fd, a, &length);
    listen(fd, 8);
    return fd;
}

static int dialled(struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (void *)a, sizeof(sa_family_t) + 6))
        show("connect", -1);
    return fd;
}

static void made(void)
{
    struct sockaddr_un a, peer = {0};
    socklen_t length = sizeof peer;
    begin();
    look("plain", socket(AF_INET, SOCK_STREAM, 0));
    look("flags", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    end("sockets", 2);
    int fd = listener(&a);
    dialled(&a), dialled(&a);
    begin();
    look("accept", accept(fd, (void *)&peer, &length));
    printf("peer: %d %s\n", peer.sun_family, peer.sun_path);
    look("accept4", accept4(fd, (void *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    end("accepts", 2);
}

static void kept(void)
{
    begin();
    look("kept", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    end("sockets", 1);
}

static void refused(void)
{
    struct sockaddr_un a, peer = {0};
    socklen_t length = sizeof peer;
    begin();
    show("socket", socket(AF_INET, SOCK_STREAM, 0));
    int fd = listener(&a), client = dialled(&a);
    char byte;
    show("accept", accept(fd, (void *)&peer, &length));
    show("the peer reads", read(client, &byte, 1));
    end("after", 2);
}

static void replaced(void)
{
    begin();
    int flags[] = {0, SOCK_CLOEXEC, SOCK_NONBLOCK}, fd;
    for (int i = 0; i < 3; i++) {
        fd = socket(AF_INET, SOCK_STREAM | flags[i], 0);
        show("connect", connect_to(fd, 1));
        look("connected", fd);
        close(fd);
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    int copy = dup(fd);
    show("connect", connect_to(fd, 2));
    look("connected", fd);
    look("the copy", copy);
    close(copy), close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    show("another", connect_to(fd, 3));
    show("later", connect_to(fd, 4));
    look("came", fd);
    close(fd);
    end("after", 0);
}

static volatile int caught;

static void catch(int number)
{
    (void)number;
    int saved = errno;
    getsockopt(0, SOL_SOCKET, SO_TYPE, NULL, NULL);
    errno = saved;
    caught++;
}

static void catching(int number, int flags)
{
    struct sigaction action = {.sa_handler = catch, .sa_flags = flags};
    sigaction(number, &action, NULL);
}

static void storm(void)
{
    /* Neither call may be interrupted: natively they do not wait. */
    struct itimerval each = {{0, 300}, {0, 300}};
    int failed = 0, wrong = 0;
    begin();
    catching(SIGALRM, SA_RESTART);
    setitimer(ITIMER_REAL, &each, NULL);
    for (int i = 0; i < 300; i++) {
        char text[8] = "";
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        failed += connect_to(fd, 1) != 0;
        wrong += recv(fd, text, 3, 0) != 3 || strcmp(text, "new");
        close(fd);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    printf("failed %d, wrong %d, caught some %d\n", failed, wrong, caught > 10);
    end("after", 0);
}

static void *replacer(void *arg)
{
    intptr_t failed = 0;
    (void)arg;
    for (int i = 0; i < 40; i++) {
        char text[8] = "";
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        failed += connect_to(fd, 1) != 0 || recv(fd, text, 3, 0) != 3 || strcmp(text, "new");
        close(fd);
    }
    return (void *)failed;
}

static void threads(void)
{
    pthread_t thread[8];
    intptr_t failed = 0;
    void *some;
    begin();
    for (int i = 0; i < 8; i++)
        pthread_create(&thread[i], NULL, replacer, NULL);
    for (int i = 0; i < 8; i++) {
        pthread_join(thread[i], &some);
        failed += (intptr_t)some;
    }
    printf("failed %d, %d descriptors more\n", (int)failed, descriptors() - begun / 1000);
}

static void killed(void)
{
    int rounds = 30;
    for (int i = 0; i < rounds; i++) {
        pid_t pid = fork();
        if (pid == 0)
            for (;;) {
                int fd = socket(AF_INET, SOCK_STREAM, 0);
                connect_to(fd, 1);
                close(fd);
            }
        usleep(1000 + 137 * i);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    printf("killed %d\n", rounds);
}

static void full(void)
{
    /* No descriptor is free for a moment. */
    int fd = socket(AF_INET, SOCK_STREAM, 0), top = 0;
    for (int copy; (copy = dup(fd)) >= 0;)
        top = copy;
    int result = connect_to(fd, 1);
    printf("connect: %s\n", result == 0 || errno == EMFILE ? "0 or EMFILE" : strerrorname_np(errno));
    close(top);
    show("dup", dup(fd) == top ? 0 : -1);
}

/* A call that took no less than this; how much more is the machine's affair. */
#define TOOK(least, call) do { \
    double before = now(); \
    int result = (call), number = errno; \
    printf("%s: %d %s%s\n", #call, result, result < 0 ? strerrorname_np(number) : "", \
           now() - before >= (least) ? "" : " too early"); \
    } while (0)

enum { RUNG = 8 }; /* answering.py */

static void parked(void)
{
    TOOK(0, listen(0, 0));
    TOOK(0.04, listen(0, 1));
    TOOK(0.09, listen(0, 2));
    TOOK(0, listen(0, 0));
    int status;
    pid_t pid = fork();
    if (pid == 0)
        listen(0, 3);
    usleep(50000);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    printf("stopped by %d\n", WSTOPSIG(status));
    kill(pid, SIGCONT);
    usleep(20000);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    printf("ended by %d\n", WTERMSIG(status));
}

static void signals(void)
{
    catching(SIGALRM, 0);
    TOOK(0.015, listen(0, RUNG | 3));
    catching(SIGALRM, SA_RESTART);
    TOOK(0.06, listen(0, RUNG | 1)); /* begun again: 50 ms more, though the first sleep's end comes before */
    TOOK(0, listen(0, 0)); /* what the first one asked for was for nobody */
    TOOK(0.015, listen(1, RUNG | 3)); /* one with a timeout is not resumed */
    printf("caught %d\n", caught);
}

enum { WRITES = 60 };
static int pair[2];
static volatile int writes, enough;

static void *writer(void *arg)
{
    for (; writes < WRITES && !enough; writes++) {
        usleep(50000);
        if (write(pair[1], "x", 1) < 0)
            break;
        usleep(5000);
        char byte;
        if (recv(pair[0], &byte, 1, MSG_DONTWAIT) < 0)
            break;
    }
    return arg;
}

static void waits(void)
{
    pthread_t thread;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    TOOK(0.19, listen(pair[0], 1));
    pthread_create(&thread, NULL, writer, NULL);
    TOOK(0.19, listen(pair[0], 1)); /* being woken gives no more time */
    enough = 1;
    pthread_join(thread, NULL);
    printf("woken till the last %d\n", writes == WRITES);
    show("closed", listen(99, 1));
    catching(SIGALRM, SA_RESTART);
    TOOK(0.01, listen(pair[0], RUNG));
    catching(SIGALRM, 0);
    TOOK(0.01, listen(pair[0], RUNG | 1));
    printf("caught %d\n", caught);
}

/* The most that was told of in one pause, where that is enough or after many. */
static int told_in_a_pause(int least, int usec)
{
    int most = 0;
    for (int i = 0; i < 20 && most < least; i++) {
        int before = listen(0, 0);
        usleep(usec);
        int more = listen(0, 0) - before;
        most = more > most ? more : most;
    }
    return most;
}

static void serving(void)
{
    int calls = 0, first, told = 0;
    printf("while idle %d\n", told_in_a_pause(5, 200000) >= 5);
    first = listen(0, 0);
    for (double end = now() + 10; now() < end && calls < 20000 && (told < 5 || calls <= 100); calls++)
        told = listen(0, 0) - first;
    printf("while busy %d\n", told >= 5 && calls > 100);
    if (fork() == 0)
        _exit(told_in_a_pause(3, 100000) >= 3);
    int status;
    wait(&status);
    printf("for a child %d\n", WEXITSTATUS(status));
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"made", made}, {"kept", kept}, {"refused", refused}, {"replaced", replaced}, {"storm", storm},
    {"threads", threads}, {"killed", killed}, {"full", full}, {"parked", parked}, {"signals", signals}, {"waits", waits},
    {"serving", serving},
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(modes[i].name, argv[1]))
            return modes[i].run(), 0;
    return 2;
}
