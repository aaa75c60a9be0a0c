/* The ways in which tasks are born, change and die, each with a look at a socket: a task that escaped its
 * supervisor sees another kernel. Every line printed is the same natively, but for what the test names. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *self = "/proc/self/exe";

static int bound(int type)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, type, 0);
    if (fd < 0 || bind(fd, (void *)&a, sizeof a))
        printf("bind: %s\n", strerror(errno));
    return fd;
}

static void look(const char *who)
{
    struct sockaddr_in6 a = {0};
    socklen_t len = sizeof a;
    int fd = bound(SOCK_STREAM), listens = listen(fd, 4);
    getsockname(fd, (void *)&a, &len);
    printf("%s: listen %d, family %d, ::1 %d, length %d\n", who, listens, a.sin6_family,
           IN6_IS_ADDR_LOOPBACK(&a.sin6_addr), (int)len);
    fflush(stdout);
    close(fd);
}

static void reap(void)
{
    int status = 0;
    while (waitpid(-1, &status, __WALL) > 0)
        printf("child ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static char *look_argv[] = {"lives", "look", NULL};

static void vfork_exec(void)
{
    for (int i = 0; i < 20; i++) {
        if (vfork() == 0) {
            execv(self, look_argv);
            _exit(9);
        }
        reap();
    }
}

static void spawned(void)
{
    pid_t pid;
    int made = posix_spawn(&pid, self, NULL, NULL, look_argv, environ);
    reap();
    printf("posix_spawn %d, of nothing %d\n", made,
           posix_spawn(&pid, "/nonexistent", NULL, NULL, look_argv, environ));
}

static void untraced(void)
{
    if (syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0) == 0) {
        look("untraced clone");
        _exit(3);
    }
    reap();
}

static void by_clone3(struct clone_args *args)
{
    long pid = syscall(SYS_clone3, args, sizeof *args);
    if (pid == 0) {
        look("clone3");
        _exit(4);
    }
    int error = errno;
    reap();
    printf("clone3 %s\n", pid < 0 ? strerror(error) : "made a child");
}

static void untraced3(void)
{
    struct clone_args args = {.flags = CLONE_UNTRACED, .exit_signal = SIGCHLD};
    by_clone3(&args);
    errno = 0;
    long bad = syscall(SYS_clone3, 8L, sizeof args);
    printf("bad address %ld %s\n", bad, strerror(errno));
}

static void untraced3_const(void)
{
    struct clone_args *args = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *args = (struct clone_args){.flags = CLONE_UNTRACED, .exit_signal = SIGCHLD};
    mprotect(args, 4096, PROT_READ);
    by_clone3(args);
}

static int shared_memory_child(void *unused)
{
    (void)unused;
    look("shares memory");
    return 6;
}

static void shares_memory(void)
{
    static char stack[1 << 16] __attribute__((aligned(16)));
    clone(shared_memory_child, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    reap();
    look("the parent");
}

static void *exec_here(void *unused)
{
    (void)unused;
    usleep(50000);
    execv(self, look_argv);
    return NULL;
}

static void *accept_for_ever(void *fd)
{
    accept((int)(intptr_t)fd, NULL, NULL);
    return NULL;
}

static void exec_thread(void)
{
    pthread_t t;
    int fd = bound(SOCK_STREAM);
    listen(fd, 1);
    for (int i = 0; i < 4; i++)
        pthread_create(&t, NULL, accept_for_ever, (void *)(intptr_t)fd);
    pthread_create(&t, NULL, exec_here, NULL);
    accept(fd, NULL, NULL);
}

static void *after_leader(void *unused)
{
    (void)unused;
    usleep(100000);
    look("after the leader's end");
    exit(0);
}

static void dead_leader(void)
{
    pthread_t t;
    pthread_create(&t, NULL, after_leader, NULL);
    pthread_exit(NULL);
}

static int taken;

static void *own_table(void *unused)
{
    (void)unused;
    printf("unshare %d\n", unshare(CLONE_FILES));
    close(taken); /* here alone: the next socket gets its number */
    look("a table of its own");
    for (int i = 0; i < 50; i++)
        dup(0);
    look("a longer table");
    return NULL;
}

static void tables(void)
{
    pthread_t t;
    taken = bound(SOCK_STREAM);
    pthread_create(&t, NULL, own_table, NULL);
    pthread_join(t, NULL);
    look("the other table");
}

static void *short_life(void *unused)
{
    close(bound(SOCK_DGRAM));
    return unused;
}

static void many_threads(void)
{
    int made = 0;
    for (int round = 0; round < 250; round++) {
        pthread_t t[8];
        for (int i = 0; i < 8; i++)
            made += !pthread_create(&t[i], NULL, short_life, NULL);
        for (int i = 0; i < 8; i++)
            pthread_join(t[i], NULL);
    }
    printf("%d threads\n", made);
}

static void *close_all(void *stop)
{
    while (!*(volatile int *)stop)
        for (int fd = 3; fd < 12; fd++)
            close(fd);
    return NULL;
}

/* Descriptors that another thread closes while they are made, bound and named: only the errnos vary. */
static void hasty_close(void)
{
    static int stop;
    pthread_t t;
    pthread_create(&t, NULL, close_all, &stop);
    for (int i = 0; i < 600; i++) {
        struct sockaddr_in6 a = {.sin6_family = AF_INET6}, b;
        socklen_t len = sizeof b;
        int fd = socket(AF_INET6, SOCK_STREAM, 0), one = 1;
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        bind(fd, (void *)&a, sizeof a);
        listen(fd, 1);
        getsockname(fd, (void *)&b, &len);
        connect(fd, (void *)&b, len);
        close(fd);
    }
    stop = 1;
    pthread_join(t, NULL);
    look("after the haste");
}

static struct msghdr spoiled;
static uint64_t spoiled_control[32];
static socklen_t spoiled_length;

static void *spoil(void *stop)
{
    while (!*(volatile int *)stop) {
        *(volatile socklen_t *)&spoiled.msg_namelen = 0x7fffffff;
        *(volatile size_t *)&spoiled.msg_controllen = 1UL << 30;
        *(volatile socklen_t *)&spoiled_length = 0x7fffffff;
        *(volatile uint64_t *)spoiled_control = 1UL << 30;
        *(volatile socklen_t *)&spoiled.msg_namelen = sizeof(struct sockaddr_in6);
        *(volatile size_t *)&spoiled.msg_controllen = sizeof spoiled_control;
        *(volatile socklen_t *)&spoiled_length = sizeof(struct sockaddr_in6);
        *(volatile uint64_t *)spoiled_control = 0;
    }
    return NULL;
}

/* Lengths that another thread changes between the kernel's look and the supervisor's. */
static void spoiled_lengths(void)
{
    static int stop, one = 1;
    static struct sockaddr_in6 name;
    struct sockaddr_in6 a;
    socklen_t len = sizeof a;
    char data[8];
    struct iovec v = {data, sizeof data};
    pthread_t t;
    int s = bound(SOCK_DGRAM), c = socket(AF_INET6, SOCK_DGRAM, 0);
    getsockname(s, (void *)&a, &len);
    setsockopt(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
    pthread_create(&t, NULL, spoil, &stop);
    for (int i = 0; i < 400; i++) {
        sendto(c, "x", 1, 0, (void *)&a, sizeof a);
        spoiled = (struct msghdr){&name, sizeof name, &v, 1, spoiled_control, sizeof spoiled_control, 0};
        if (i % 2)
            recvmsg(s, &spoiled, MSG_DONTWAIT);
        else
            recvfrom(s, data, 8, MSG_DONTWAIT, (void *)&name, &spoiled_length);
        sendmsg(c, &spoiled, MSG_DONTWAIT);
        getsockname(s, (void *)&name, &spoiled_length);
    }
    stop = 1;
    pthread_join(t, NULL);
    look("after it all");
}

static void killed_in_calls(void)
{
    int fd = bound(SOCK_STREAM), killed = 0;
    struct sockaddr_in6 a;
    socklen_t len = sizeof a;
    listen(fd, 1000);
    getsockname(fd, (void *)&a, &len);
    for (int i = 0; i < 60; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            for (;;) {
                int c = socket(AF_INET6, SOCK_STREAM, 0);
                connect(c, (void *)&a, len);
                close(accept(fd, (void *)&a, &len));
                close(c);
            }
        usleep(500 + 37 * i);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    printf("killed %d\n", killed);
    look("the survivor");
}

static void traces(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        long r = ptrace(PTRACE_TRACEME, 0, 0, 0);
        printf("PTRACE_TRACEME %s\n", r ? strerror(errno) : "0");
        fflush(stdout);
        _exit(0);
    }
    reap();
}

static void not_dumpable(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    look("not dumpable");
}

static void refused(void)
{
    long x32 = syscall(0x40000000L + SYS_socket, AF_INET6, SOCK_STREAM, 0);
    printf("x32 %ld %s\n", x32, strerror(errno));
    errno = 0;
    long ring = syscall(SYS_io_uring_setup, 4L, 0L);
    printf("io_uring %ld %s\n", ring, strerror(errno));
}

#ifdef __x86_64__
static int in_table_of_tcp6(int fd)
{
    char line[300], inode[32];
    struct stat status;
    FILE *table = fopen("/proc/net/tcp6", "r");
    int found = 0;
    fstat(fd, &status);
    snprintf(inode, sizeof inode, " %lu ", (unsigned long)status.st_ino);
    while (table && fgets(line, sizeof line, table))
        found |= strstr(line, inode) != NULL;
    return found;
}

/* socketcall(2) by int 0x80 with rubbish in the high halves, which the kernel does not look at. */
static void dirty_registers(void)
{
    uint32_t *args = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    struct sockaddr_in6 *a = (void *)(args + 16);
    long r;
    args[0] = AF_INET6, args[1] = SOCK_STREAM, args[2] = 0;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(102L), "b"(0xdead00000001UL), "c"((uintptr_t)args | 0xbeef00000000UL)
                     : "memory", "r8", "r9", "r10", "r11");
    *a = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    printf("bind %d\n", bind((int)r, (void *)a, sizeof *a));
    printf("listen %d\n", listen((int)r, 1));
    printf("in the host's table: %d\n", in_table_of_tcp6((int)r));
}
#endif

static const struct { const char *name; void (*run)(void); } modes[] = {
    {"vfork_exec", vfork_exec}, {"spawned", spawned}, {"untraced", untraced}, {"untraced3", untraced3},
    {"untraced3_const", untraced3_const}, {"shares_memory", shares_memory}, {"exec_thread", exec_thread},
    {"dead_leader", dead_leader}, {"tables", tables}, {"many_threads", many_threads}, {"hasty_close", hasty_close},
    {"spoiled_lengths", spoiled_lengths}, {"killed_in_calls", killed_in_calls}, {"traces", traces}, {"not_dumpable", not_dumpable}, {"refused", refused},
#ifdef __x86_64__
    {"dirty_registers", dirty_registers},
#endif
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && !strcmp(argv[1], "look")) {
        look("executed");
        return 5;
    }
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(argv[1], modes[i].name)) {
            modes[i].run();
            return 0;
        }
    return 99;
}
