/* execve(2) in the middle of many calls: what lies at one and the same address is another thing afterwards, for
 * the thread that goes on under its number, for a child of vfork(2) that shared it with a parent that stays, and
 * for a thread that becomes the process. */
#include "../../native/ends.h"
#include <pthread.h>

#define PLACE ((void *)0x30000000)
enum { OFTEN = 30 };

static char **self;

/* The sockaddr at PLACE, which every bind reads. */
static void put(const char *ip)
{
    struct end e = end_at(ip, 0);
    if (mmap(PLACE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != PLACE)
        die("mmap");
    memcpy(PLACE, &e, sizeof e.in);
}

static void bind_often(const char *who)
{
    int right = 0;
    char last[INET_ADDRSTRLEN] = "";
    for (int i = 0; i < OFTEN; i++) {
        int fd = new_socket(AF_INET, SOCK_STREAM);
        struct end e = {.len = ROOM};
        char text[INET_ADDRSTRLEN];
        right += !bind(fd, PLACE, sizeof(struct sockaddr_in)) && !getsockname(fd, &e.sa, &e.len);
        inet_ntop(AF_INET, &e.in.sin_addr, text, sizeof text);
        if (strcmp(text, last))
            printf("%s: %s\n", who, strcpy(last, text));
        close(fd);
    }
    printf("%s: %d bound\n", who, right);
    fflush(stdout);
}

static void become(const char *what)
{
    char *argv[] = {self[0], (char *)what, NULL};
    execv("/proc/self/exe", argv);
    _exit(98);
}

static void *thread_executes(void *nothing)
{
    bind_often("thread");
    become("once-a-thread");
    return nothing;
}

int main(int argc, char **argv)
{
    self = argv;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2) {
        int status;
        put("127.0.0.1");
        bind_often("first");
        pid_t pid = vfork();
        if (!pid) {
            bind_often("child");
            become("child");
        }
        waitpid(pid, &status, 0);
        bind_often("parent");
        become("again");
    }
    put(!strcmp(argv[1], "child") ? "127.0.0.2" : !strcmp(argv[1], "again") ? "127.0.0.3" : "127.0.0.4");
    bind_often(argv[1]);
    if (!strcmp(argv[1], "again")) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, thread_executes, NULL))
            die("pthread_create");
        pthread_join(thread, NULL);
    }
    return 0;
}
