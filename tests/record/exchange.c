/* A bit of everything that strace has a form for: TCP, UDP, local sockets, a passed descriptor, a fork, a thread,
   a signal in a blocking call, errors. The data files under data/forms were made from it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in6 at = {.sin6_family = AF_INET6};
static int listener, peer;

static void on_alarm(int number) { (void)number; }

static void *client(void *unused)
{
    char buffer[64];
    (void)unused;
    connect(peer, (struct sockaddr *)&at, sizeof at);
    send(peer, "hello\n\1\0029 \"quoted\" \\ \377", 23, MSG_NOSIGNAL);
    recv(peer, buffer, sizeof buffer, MSG_WAITALL);
    close(peer);
    return NULL;
}

static void tcp(void)
{
    socklen_t size = sizeof at;
    struct sockaddr_in6 from;
    struct linger linger = {1, 5};
    pthread_t thread;
    char buffer[128];
    int one = 1, fd;

    inet_pton(AF_INET6, "::1", &at.sin6_addr);
    listener = socket(AF_INET6, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    setsockopt(listener, IPPROTO_IPV6, 9999, &one, sizeof one);
    bind(listener, (struct sockaddr *)&at, sizeof at);
    getsockname(listener, (struct sockaddr *)&at, &size);
    listen(listener, 8);
    peer = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);   /* before accept4 may take its number */
    pthread_create(&thread, NULL, client, NULL);
    size = sizeof from;
    fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
    recv(fd, buffer, sizeof buffer, 0);
    write(fd, "0123456789abcdef0123456789abcdef0123456789abcdef", 48);
    close(fd);
    pthread_join(thread, NULL);
}

static void udp(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof to;
    struct iovec pieces[2] = {{"one", 3}, {"two", 3}};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = pieces, .msg_iovlen = 2};
    char buffer[32];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    bind(fd, (struct sockaddr *)&to, sizeof to);
    getsockname(fd, (struct sockaddr *)&to, &size);
    sendmsg(fd, &message, 0);
    pieces[0] = (struct iovec){buffer, sizeof buffer};
    message.msg_iovlen = 1;
    recvmsg(fd, &message, 0);
    recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, NULL, NULL);
    close(fd);
}

static void local(void)
{
    union { struct cmsghdr head; char space[CMSG_SPACE(sizeof(int))]; } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec piece = {"x", 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct sockaddr_un nobody = {AF_UNIX, "/nonexistent/socket"};
    char byte;
    int pair[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    memcpy(CMSG_DATA(&control.head), &listener, sizeof listener);
    sendmsg(pair[0], &message, 0);
    if (fork() == 0) {
        piece.iov_base = &byte;
        recvmsg(pair[1], &message, 0);
        _exit(3);
    }
    wait(NULL);
    connect(pair[0], (struct sockaddr *)&nobody, sizeof nobody);
}

static void waiting(void)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = listener}, found[4];
    struct pollfd polled = {listener, POLLIN, 0};
    struct sigaction action = {.sa_handler = on_alarm};
    int set = epoll_create1(EPOLL_CLOEXEC);

    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    epoll_wait(set, found, 4, 10);
    poll(&polled, 1, 0);
    sigaction(SIGALRM, &action, NULL);
    ualarm(50000, 50000);   /* again and again: the first may come before accept sleeps */
    accept(listener, NULL, NULL);
}

int main(void)
{
    tcp();
    udp();
    local();
    waiting();
    return 0;
}
