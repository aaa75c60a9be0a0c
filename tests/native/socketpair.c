/* socketpair(2): families and types, flags, descriptors and bytes through the pair, bad pointers. */
#include "ends.h"
#include <sys/resource.h>

static const struct { int family, type, protocol;
} calls[] = {
    {AF_UNIX, SOCK_STREAM, 0},
    {AF_UNIX, SOCK_DGRAM, 0},
    {AF_UNIX, SOCK_SEQPACKET, 0},
    {AF_UNIX, SOCK_RAW, 0},
    {AF_UNIX, SOCK_STREAM, AF_UNIX},
    {AF_UNIX, SOCK_STREAM, 2},
    {AF_UNIX, 0, 0},
    {AF_UNIX, 12, 0},
    {AF_UNIX, -1, 0},
    {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0},
    {AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0},
    {AF_UNIX, SOCK_STREAM | 0x100, 0},
    {AF_INET, SOCK_STREAM, 0},
    {AF_INET, SOCK_DGRAM, 0},
    {AF_INET, SOCK_STREAM, IPPROTO_UDP},
    {AF_INET, 99, 0},
    {AF_INET6, SOCK_STREAM, 0},
    {AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
    {AF_INET6, SOCK_DGRAM, IPPROTO_TCP},
    {AF_NETLINK, SOCK_RAW, 0},
    {0, SOCK_STREAM, 0},
    {-1, SOCK_STREAM, 0},
    {46, SOCK_STREAM, 0},
};

static void exchange(const int fd[2])
{
    char text[8] = "";
    SEE(send(fd[0], "ping", 4, 0));
    SEE(send(fd[0], "!", 1, 0));
    SEE(recv(fd[1], text, sizeof text, MSG_DONTWAIT));
    printf("   %s, names %s / %s, peers %s / %s\n", hex(text, 8), name_text(fd[0]), name_text(fd[1]),
           peer_text(fd[0]), peer_text(fd[1]));
    printf("   GETFD %d GETFL %#x %#x\n", fcntl(fd[0], F_GETFD), fcntl(fd[0], F_GETFL),
           fcntl(fd[1], F_GETFL));
}

static void after_close(int fd[2])
{
    char text[8];
    close(fd[0]);
    printf("   poll %#x\n", ready(fd[1], POLLIN | POLLOUT | POLLRDHUP));
    SEE(recv(fd[1], text, sizeof text, MSG_DONTWAIT));
    SEE(recv(fd[1], text, sizeof text, MSG_DONTWAIT));
    SEE(send(fd[1], "late", 4, MSG_NOSIGNAL));
    close(fd[1]);
}

static void every_call(void)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        int fd[3] = {-7, -7, -7}, r = socketpair(calls[i].family, calls[i].type, calls[i].protocol, fd);
        printf("socketpair(%d, %#x, %d) = %s [%d, %d, %d]\n", calls[i].family, calls[i].type,
               calls[i].protocol, result(r), fd[0], fd[1], fd[2]);
        if (r < 0)
            continue;
        exchange(fd);
        after_close(fd);
    }
}

static void bad_pointers(void)
{
    int *half = edge(4);
    see_case("pointers");
    SEE(socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
    SEE(socketpair(AF_UNIX, SOCK_STREAM, 0, unmapped()));
    SEE(socketpair(AF_UNIX, SOCK_DGRAM, 0, readonly()));
    SEE(socketpair(AF_UNIX, SOCK_DGRAM, 0, (int *)-4L));
    SEE(socketpair(AF_UNIX, SOCK_STREAM, 0, half));
    SEE(socketpair(AF_INET, SOCK_STREAM, 0, NULL));
    SEE(socketpair(-1, SOCK_STREAM, 0, NULL));
    SEE(socketpair(AF_UNIX, 99, 0, NULL));
    SEE(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)((char *)edge(9) + 1)));
    SEE(socket(AF_UNIX, SOCK_STREAM, 0));
}

static void one_descriptor_left(void)
{
    struct rlimit was, few;
    int fd[2] = {-7, -7};
    see_case("one descriptor left");
    if (getrlimit(RLIMIT_NOFILE, &was))
        die("getrlimit");
    few = was;
    few.rlim_cur = dup(0) + 1;
    close(few.rlim_cur - 1);
    setrlimit(RLIMIT_NOFILE, &few);
    SEE(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
    SEE(socketpair(AF_INET6, SOCK_STREAM, 0, fd));
    printf("   [%d, %d]\n", fd[0], fd[1]);
    setrlimit(RLIMIT_NOFILE, &was);
    SEE(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
}

int main(void)
{
    see_start();
    every_call();
    bad_pointers();
    one_descriptor_left();
    return 0;
}
