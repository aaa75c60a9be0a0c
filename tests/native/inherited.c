/* A socket under other numbers and in other processes: dup, fork, exec, close-on-exec and SCM_RIGHTS, for
 * sockets whose names must survive the journey. The program runs itself as "inherited look FD". */
#include "ends.h"
#include <sys/uio.h>

static const struct { const char *name, *ip; int type; } sockets[] = {
    {"tcp4 listener", "127.0.0.1", SOCK_STREAM}, {"tcp6 listener", "::1", SOCK_STREAM},
    {"dual-stack listener", "::", SOCK_STREAM},  {"mapped listener", "::ffff:127.0.0.1", SOCK_STREAM},
    {"udp4", "127.0.0.1", SOCK_DGRAM},           {"udp6", "::1", SOCK_DGRAM},
    {"dual-stack udp", "::", SOCK_DGRAM},        {"mapped udp", "::ffff:127.0.0.1", SOCK_DGRAM},
};

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, level, name, &value, &len) ? -errno : value;
}

static void look(const char *who, int fd)
{
    printf("%s: domain %d type %d v6only %d %s", who, option(fd, SOL_SOCKET, SO_DOMAIN),
           option(fd, SOL_SOCKET, SO_TYPE), option(fd, IPPROTO_IPV6, IPV6_V6ONLY), name_text(fd));
    printf(" peer %s\n", peer_text(fd));
}

static int made(size_t i)
{
    return sockets[i].type == SOCK_STREAM ? listening(sockets[i].ip) : bound(sockets[i].ip, SOCK_DGRAM);
}

static void wait_child(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    printf("child ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void duplicates(int fd)
{
    int d = dup(fd), d2 = dup2(fd, 100), d3 = dup3(fd, 101, O_CLOEXEC), d4 = fcntl(fd, F_DUPFD_CLOEXEC, 50);
    close(fd);
    look("dup    ", d);
    look("dup2   ", d2);
    look("dup3   ", d3);
    look("F_DUPFD", d4);
    printf("closed: %s\n", name_text(fd));
    close(d2);
    close(d3);
    close(d4);
    look("the last", d);
    close(d);
}

static void in_a_child(int fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        look("child", fd);
        if (option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6)
            set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        close(fd);
        exit(7);
    }
    wait_child(pid);
    look("parent", fd);
    printf("set by the child: %d\n", option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO));
    if ((pid = fork()) == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0)
            look("grandchild", fd), exit(0);
        waitpid(grandchild, NULL, 0);
        exit(3);
    }
    wait_child(pid);
}

static void after_exec(int fd, int cloexec)
{
    char number[16];
    pid_t pid;
    snprintf(number, sizeof number, "%d", fd);
    fcntl(fd, F_SETFD, cloexec ? FD_CLOEXEC : 0);
    if ((pid = fork()) == 0) {
        execl("/proc/self/exe", "inherited", "look", number, (char *)NULL);
        exit(99);
    }
    wait_child(pid);
}

static void pass(int channel, int fd)
{
    union { struct cmsghdr h; char bytes[CMSG_SPACE(sizeof(int))]; } c = {.bytes = {0}};
    struct iovec v = {"f", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
    c.h =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&c.h), &fd, sizeof fd);
    if (sendmsg(channel, &m, 0) != 1)
        die("SCM_RIGHTS");
}

static int taken(int channel)
{
    union { struct cmsghdr h; char bytes[CMSG_SPACE(sizeof(int))]; } c;
    char byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
    int fd = -1, n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC);
    if (n == 1 && CMSG_FIRSTHDR(&m) && c.h.cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(&c.h), sizeof fd);
    return fd;
}

/* The child was forked before the socket existed: it knows it only from the message. */
static void passed(size_t i)
{
    int channel[2], fd;
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel))
        die("socketpair");
    if ((pid = fork()) == 0) {
        close(channel[0]);
        look("taken", fd = taken(channel[1]));
        printf("GETFD %d\n", fcntl(fd, F_GETFD));
        if (sockets[i].type == SOCK_STREAM) {
            int conn = accept(fd, NULL, NULL);
            look("accepted", conn);
            send(conn, "hello", 5, 0);
        }
        exit(0);
    }
    close(channel[1]);
    fd = made(i);
    struct end e = name_of(fd);
    port_name(e.in.sin_port);
    pass(channel[0], fd);
    close(fd);
    if (sockets[i].type == SOCK_STREAM) {
        char text[8] = "";
        const char *to = strcmp(sockets[i].ip, "::") ? sockets[i].ip : "127.0.0.1";
        int c = connected(to, SOCK_STREAM, ntohs(e.in.sin_port));
        recv(c, text, sizeof text, MSG_WAITALL);
        wait_child(pid);
        printf("client was told '%s'\n", text);
        close(c);
    } else
        wait_child(pid);
    close(channel[0]);
}

int main(int argc, char **argv)
{
    see_start();
    if (argc == 3) {
        look("after exec", atoi(argv[2]));
        return 5;
    }
    for (size_t i = 0; i < COUNT(sockets); i++) {
        int fd = made(i);
        see_case("%s: fork", sockets[i].name);
        in_a_child(fd);
        see_case("%s: exec", sockets[i].name);
        after_exec(fd, 0);
        after_exec(fd, 1);
        see_case("%s: dup", sockets[i].name);
        duplicates(fd);
        see_case("%s: SCM_RIGHTS", sockets[i].name);
        passed(i);
    }
    return 0;
}
