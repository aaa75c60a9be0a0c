/* setsockopt(2): arguments. Descriptors, levels, names, lengths and pointers; the order in which several
 * bad ones are answered. The values of each level are the matter of the options_*.c programs. */
#include "options.h"

static const struct option probes[] = {
    OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_RCVBUF),
    OPTION(SOL_SOCKET, SO_LINGER),
    OPTION(SOL_SOCKET, SO_RCVTIMEO),
    OPTION(IPPROTO_IP, IP_TOS),
    OPTION(IPPROTO_IP, IP_TTL),
    OPTION(IPPROTO_IP, IP_PKTINFO),
    OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
    OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO),
    OPTION(IPPROTO_IPV6, IPV6_TCLASS),
    OPTION(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
};
static const struct { int family, type; const char *name; } kinds[] = {
    {AF_INET, SOCK_STREAM, "tcp4"}, {AF_INET, SOCK_DGRAM, "udp4"},
    {AF_INET6, SOCK_STREAM, "tcp6"}, {AF_INET6, SOCK_DGRAM, "udp6"},
    {AF_UNIX, SOCK_STREAM, "unix"}, {AF_NETLINK, SOCK_RAW, "netlink"},
};

static void every_kind(const struct option *o)
{
    see_case("%s on every kind", o->text);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        int fd = new_socket(kinds[i].family, kinds[i].type);
        printf("%s: ", kinds[i].name);
        set_and_read(fd, o, 1);
        close(fd);
    }
}

static void lengths_of(const struct option *o)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM);
    see_case("%s lengths", o->text);
    every_set_length(fd, o);
    close(fd);
}

static void pointers_of(const struct option *o)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM), *last = edge(4), *page = readonly();
    char *odd = (char *)edge(9) + 1;
    *last = 1;
    memcpy(odd, last, 4);
    see_case("%s pointers", o->text);
    SEE(setsockopt(fd, o->level, o->name, NULL, 4));
    SEE(setsockopt(fd, o->level, o->name, NULL, 0));
    SEE(setsockopt(fd, o->level, o->name, unmapped(), 4));
    SEE(setsockopt(fd, o->level, o->name, unmapped(), 0));
    SEE(setsockopt(fd, o->level, o->name, unmapped(), -1));
    SEE(setsockopt(fd, o->level, o->name, (void *)-4L, 16));
    SEE(setsockopt(fd, o->level, o->name, edge(2), 4));
    SEE(setsockopt(fd, o->level, o->name, last, 4));
    SEE(setsockopt(fd, o->level, o->name, last, 16));
    SEE(setsockopt(fd, o->level, o->name, odd, 4));
    SEE(setsockopt(fd, o->level, o->name, page, 4));
    printf("   reads %s\n", read_back(fd, o, 16));
    close(fd);
}

static void unknown(size_t kind)
{
    static const int levels[] = {-1, 2, 3, 42, 255, 300, 999, INT32_MAX, INT32_MIN};
    static const int names[] = {-1, 0, 60, 127, 250, 9999, INT32_MAX};
    static const int known[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6};
    int fd = new_socket(kinds[kind].family, kinds[kind].type);
    see_case("%s: unknown levels and names", kinds[kind].name);
    for (size_t i = 0; i < COUNT(levels); i++)
        printf("level %d: %s\n", levels[i], result(set_int(fd, levels[i], 1, 1)));
    for (size_t i = 0; i < COUNT(known); i++)
        for (size_t j = 0; j < COUNT(names); j++) {
            if (known[i] == SOL_SOCKET && names[j] == 60)
                continue; /* SO_TXREHASH or its neighbours, by kernel */
            printf("level %d name %d: %s\n", known[i], names[j], result(set_int(fd, known[i], names[j], 1)));
        }
    close(fd);
}

static void which_error_first(void)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM), one = 1;
    see_case("which error comes first");
    SEE(setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, &one, 4));
    SEE(setsockopt(BAD_FD, 999, 999, NULL, -1));
    SEE(setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &one, 4));
    SEE(setsockopt(0, 999, 999, NULL, -1));
    SEE(setsockopt(fd, 999, 999, NULL, -1));
    SEE(setsockopt(fd, SOL_SOCKET, 9999, NULL, -1));
    SEE(setsockopt(fd, SOL_SOCKET, 9999, NULL, 4));
    SEE(setsockopt(fd, IPPROTO_IPV6, 9999, NULL, 4));
    SEE(setsockopt(fd, IPPROTO_TCP, 9999, unmapped(), 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_TYPE, &one, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ERROR, &one, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_DOMAIN, &one, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &one, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &one, 4));
    SEE(setsockopt(fd, IPPROTO_TCP, TCP_INFO, &one, 4));
    close(fd);
}

int main(void)
{
    see_start();
    for (size_t i = 0; i < COUNT(probes); i++) {
        every_kind(&probes[i]);
        lengths_of(&probes[i]);
        pointers_of(&probes[i]);
    }
    for (size_t i = 0; i < COUNT(kinds); i++)
        unknown(i);
    which_error_first();
    return 0;
}
