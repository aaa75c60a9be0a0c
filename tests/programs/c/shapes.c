/* One echo server in the shapes that servers have, on a dual-stack AF_INET6 socket:
 *
 *     shapes single|threads PORT         shapes prefork PORT WORKERS        shapes daemon PORT PIDFILE
 *     shapes dial HOST PORT TEXT         prints what comes back
 *
 * A connection is told its peer's and its own address, byte for byte, then gets its bytes back. SIGTERM
 * stops a server with status 0 and the word "stopped"; "prefork" ends its workers with the same signal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;

static void on_term(int number) { (void)number; stopping = 1; }

static void die(const char *what) { perror(what); exit(1); }

static void catch_term(void)
{
    struct sigaction action = { .sa_handler = on_term };   /* no SA_RESTART: accept must return */
    sigaction(SIGTERM, &action, NULL);
}

static int listener(const char *port)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), zero = 0, one = 1;
    if (fd < 0) die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)) die("SO_REUSEADDR");
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero)) die("IPV6_V6ONLY");
    if (bind(fd, (struct sockaddr *)&any, sizeof any)) die("bind");
    if (listen(fd, 64)) die("listen");
    return fd;
}

typedef int (*name_call)(int, struct sockaddr *, socklen_t *);

static void tell(int fd, const char *label, name_call call, int with_port)
{
    struct sockaddr_in6 name;
    socklen_t length = sizeof name;
    char line[128];
    memset(&name, 0xee, sizeof name);
    if (call(fd, (struct sockaddr *)&name, &length)) die(label);
    int at = snprintf(line, sizeof line, "%s len %u family %d port %d flow %u scope %u ", label, length,
                      name.sin6_family, with_port ? ntohs(name.sin6_port) : name.sin6_port != 0,
                      name.sin6_flowinfo, name.sin6_scope_id);
    for (int i = 0; i < 16; i++) at += snprintf(line + at, sizeof line - at, "%02x", name.sin6_addr.s6_addr[i]);
    dprintf(fd, "%s\n", line);
}

static void serve(int fd)
{
    char buffer[4096];
    ssize_t got;
    tell(fd, "peer", getpeername, 0);
    tell(fd, "self", getsockname, 1);
    while ((got = read(fd, buffer, sizeof buffer)) > 0)
        if (write(fd, buffer, got) != got) break;
    close(fd);
}

static void accept_loop(int fd)
{
    while (!stopping) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) serve(client);
        else if (errno != EINTR) die("accept4");
    }
}

static void *thread_main(void *fd) { serve((int)(long)fd); return NULL; }

static void threads(int fd)
{
    pthread_t thread;
    while (!stopping) {
        int client = accept(fd, NULL, NULL);
        if (client < 0 && errno == EINTR) continue;
        if (client < 0 || pthread_create(&thread, NULL, thread_main, (void *)(long)client)) die("thread");
        pthread_detach(thread);
    }
}

static void prefork(int fd, int workers)
{
    pid_t children[64];
    for (int i = 0; i < workers; i++)
        if ((children[i] = fork()) == 0) { accept_loop(fd); _exit(10 + i); }
    while (!stopping) pause();
    for (int i = 0; i < workers; i++) kill(children[i], SIGTERM);
    for (int i = 0, status; i < workers; i++) {
        if (waitpid(children[i], &status, 0) != children[i]) die("waitpid");
        printf("worker %d status %d\n", i, WEXITSTATUS(status));
    }
}

/* daemon(3) by hand: two forks and a session between them; the first process waits for nobody. */
static void become_daemon(const char *pidfile)
{
    if (fork()) _exit(0);
    setsid();
    if (fork()) _exit(0);
    umask(022);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    FILE *file = fopen(pidfile, "w");
    if (!file) die(pidfile);
    fprintf(file, "%d\n", getpid());
    fclose(file);
}

static void dial(const char *host, const char *port, const char *text)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *found;
    char buffer[4096];
    ssize_t got;
    if (getaddrinfo(host, port, &hints, &found)) die("getaddrinfo");
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen)) die("connect");
    if (write(fd, text, strlen(text)) < 0 || shutdown(fd, SHUT_WR)) die("send");
    while ((got = read(fd, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, got, stdout);
    if (got < 0) die("read");
}

int main(int argc, char **argv)
{
    const char *shape = argc > 2 ? argv[1] : "";
    if (!strcmp(shape, "dial")) { dial(argv[2], argv[3], argv[4]); return 0; }
    catch_term();
    int fd = listener(argv[2]);
    if (!strcmp(shape, "daemon")) become_daemon(argv[3]);
    if (!strcmp(shape, "threads")) threads(fd);
    else if (!strcmp(shape, "prefork")) prefork(fd, atoi(argv[3]));
    else accept_loop(fd);
    puts("stopped");
    return 0;
}
