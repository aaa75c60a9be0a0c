/* socket(2): families, types, protocols and flag bits, good and bad; what the new descriptor is. */
#include "ends.h"
#include <sys/resource.h>
#include <sys/stat.h>

static const struct { int family, type, protocol;
} calls[] = {
    {AF_INET, SOCK_STREAM, 0},
    {AF_INET, SOCK_STREAM, IPPROTO_TCP},
    {AF_INET, SOCK_STREAM, IPPROTO_UDP},
    {AF_INET, SOCK_DGRAM, 0},
    {AF_INET, SOCK_DGRAM, IPPROTO_UDP},
    {AF_INET, SOCK_DGRAM, IPPROTO_TCP},
    {AF_INET6, SOCK_STREAM, 0},
    {AF_INET6, SOCK_STREAM, IPPROTO_TCP},
    {AF_INET6, SOCK_STREAM, IPPROTO_UDP},
    {AF_INET6, SOCK_DGRAM, 0},
    {AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
    {AF_INET6, SOCK_DGRAM, IPPROTO_TCP},
    {AF_UNIX, SOCK_STREAM, 0},
    {AF_UNIX, SOCK_DGRAM, 0},
    {AF_UNIX, SOCK_SEQPACKET, 0},
    {AF_UNIX, SOCK_STREAM, AF_UNIX},
    {AF_UNIX, SOCK_STREAM, 7},
    {AF_UNIX, SOCK_RAW, 0},
    {AF_NETLINK, SOCK_RAW, 0},
    {AF_NETLINK, SOCK_DGRAM, 0},
    {AF_NETLINK, SOCK_STREAM, 0},
    {AF_NETLINK, SOCK_RAW, 31},
    {AF_NETLINK, SOCK_RAW, -1},
    {AF_NETLINK, SOCK_RAW, 4000},
    {AF_INET, 0, 0},
    {AF_INET, SOCK_RDM, 0},
    {AF_INET, 7, 0},
    {AF_INET, 11, 0},
    {AF_INET, 15, 0},
    {AF_INET, -1, 0},
    {AF_INET6, 0, 0},
    {AF_INET6, SOCK_RDM, 0},
    {AF_INET6, SOCK_SEQPACKET, 0},
    {AF_INET6, 15, 0},
    {AF_INET, SOCK_STREAM, -1},
    {AF_INET, SOCK_STREAM, 256},
    {AF_INET, SOCK_STREAM, 263},
    {AF_INET, SOCK_STREAM, 250},
    {AF_INET6, SOCK_STREAM, -1},
    {AF_INET6, SOCK_STREAM, 256},
    {AF_INET6, SOCK_DGRAM, 250},
    {AF_INET6, SOCK_DGRAM, -1},
    {AF_INET, SOCK_STREAM | 0x10, 0},
    {AF_INET, SOCK_STREAM | 0x100, 0},
    {AF_INET6, SOCK_STREAM | 0x40000, 0},
    {0, SOCK_STREAM, 0},
    {-1, SOCK_STREAM, 0},
    {46, SOCK_STREAM, 0},
    {255, SOCK_STREAM, 0},
    {65538, SOCK_STREAM, 0},
    {AF_UNIX, 0, 0},
    {AF_UNIX, 9, 0},
    {-1, -1, -1},
    {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0},
    {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0},
    {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP},
    {AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0},
    {AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP},
    {AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0},
    {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0},
};

static const char *option(int fd, int name)
{
    struct box b;
    return getsockopt(fd, SOL_SOCKET, name, box_fill(&b, 4), &b.len) ? result(-1) : box_value(&b, 4);
}

static void describe(int fd)
{
    struct stat st;
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    printf("   domain %s\n   type %s\n   protocol %s\n", option(fd, SO_DOMAIN), option(fd, SO_TYPE),
           option(fd, SO_PROTOCOL));
    printf("   acceptconn %s\n   error %s\n", option(fd, SO_ACCEPTCONN), option(fd, SO_ERROR));
    printf("   GETFD %d GETFL %#x", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
    printf(" mode %#o", fstat(fd, &st) ? 0 : st.st_mode);
    printf(" poll %d", poll(&p, 1, 0));
    printf(" revents %#x\n   name %s\n   peer %s\n", p.revents, name_text(fd), peer_text(fd));
}

static void every_call(void)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        int fd = socket(calls[i].family, calls[i].type, calls[i].protocol);
        printf("socket(%d, %#x, %d) = %s\n", calls[i].family, calls[i].type, calls[i].protocol, result(fd));
        if (fd < 0)
            continue;
        describe(fd);
        close(fd);
    }
}

static void lowest_descriptor(void)
{
    int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}, fds[8];
    see_case("the lowest free descriptor is used");
    for (int i = 0; i < 8; i++)
        fds[i] = new_socket(families[i % 4], SOCK_DGRAM);
    close(fds[5]);
    close(fds[2]);
    SEE(fds[2] = socket(AF_INET6, SOCK_DGRAM, 0));
    SEE(fds[5] = socket(AF_INET, SOCK_STREAM, 0));
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    SEE(close(fds[3]));
    SEE(getsockname(fds[3], &(struct sockaddr){0}, &(socklen_t){16}));
}

static void no_descriptor_left(void)
{
    struct rlimit was, none = {5, 5};
    int fds[8];
    see_case("RLIMIT_NOFILE reached");
    if (getrlimit(RLIMIT_NOFILE, &was))
        die("getrlimit");
    none.rlim_max = was.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 4; i++)
        SEE(fds[i] = socket(i % 2 ? AF_INET6 : AF_INET, SOCK_STREAM, 0));
    SEE(socket(-1, SOCK_STREAM, 0));
    SEE(socket(AF_INET, 99, 0));
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    setrlimit(RLIMIT_NOFILE, &was);
    SEE(socket(AF_INET6, SOCK_DGRAM, 0));
}

int main(void)
{
    see_start();
    every_call();
    lowest_descriptor();
    no_descriptor_left();
    return 0;
}
