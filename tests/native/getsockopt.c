/* getsockopt(2): arguments. Rooms, pointers, descriptors, levels and names, options that can only be
 * read; the order in which several bad arguments are answered. */
#include "options.h"

static const struct option probes[] = {
    OPTION(SOL_SOCKET, SO_TYPE),
    OPTION(SOL_SOCKET, SO_ERROR),
    OPTION(SOL_SOCKET, SO_DOMAIN),
    OPTION(SOL_SOCKET, SO_PROTOCOL),
    OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_LINGER),
    OPTION(SOL_SOCKET, SO_RCVTIMEO),
    OPTION(SOL_SOCKET, SO_BINDTODEVICE),
    OPTION(IPPROTO_IP, IP_TOS),
    OPTION(IPPROTO_IP, IP_TTL),
    OPTION(IPPROTO_IP, IP_PKTINFO),
    OPTION(IPPROTO_IP, IP_OPTIONS),
    OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
    OPTION(IPPROTO_IPV6, IPV6_TCLASS),
    OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO),
    OPTION(IPPROTO_IPV6, IPV6_RTHDR),
    OPTION(IPPROTO_IPV6, IPV6_MTU),
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_CORK),
};

static void rooms_of(const struct option *o, int family, int type)
{
    int fd = new_socket(family, type);
    see_case("%s family %d type %d", o->text, family, type);
    every_get_length(fd, o);
    close(fd);
}

static void pointers_of(const struct option *o)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM), zero = 0;
    struct box b;
    socklen_t n = 4, *odd = (socklen_t *)((char *)edge(9) + 1);
    see_case("%s pointers", o->text);
    SEE(getsockopt(fd, o->level, o->name, NULL, &n));
    SEE(getsockopt(fd, o->level, o->name, NULL, NULL));
    SEE(getsockopt(fd, o->level, o->name, box_fill(&b, 4), NULL));
    SEE(getsockopt(fd, o->level, o->name, box_fill(&b, 4), unmapped()));
    SEE(getsockopt(fd, o->level, o->name, box_fill(&b, 4), edge(3)));
    n = 4;
    SEE(getsockopt(fd, o->level, o->name, unmapped(), &n));
    n = 4;
    SEE(getsockopt(fd, o->level, o->name, readonly(), &n));
    n = 4;
    SEE(getsockopt(fd, o->level, o->name, edge(2), &n));
    SEE(getsockopt(fd, o->level, o->name, unmapped(), memcpy(&n, &zero, 4)));
    printf("   n %d%s\n", (int)n, box_dirt(&b, 0));
    memcpy(odd, &(int){4}, 4);
    SEE(getsockopt(fd, o->level, o->name, (char *)box_fill(&b, 4) + 1, odd));
    memcpy(&n, odd, 4);
    printf("   n %d %s%s\n", (int)n, hex(b.bytes + 1, n > 16 ? 16 : n), box_dirt(&b, 1 + n));
    close(fd);
}

static void on_every_level(int family, int type)
{
    static const int levels[] = {-1, 2, 3, 42, 255, 300, 999, INT32_MAX};
    static const int names[] = {-1, 0, 127, 250, 9999, INT32_MAX};
    static const int known[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6};
    int fd = new_socket(family, type);
    see_case("family %d type %d: unknown levels and names", family, type);
    for (size_t i = 0; i < COUNT(levels); i++)
        printf("level %d: %s\n", levels[i], read_back(fd, &(struct option){levels[i], 1, ""}, 4));
    for (size_t i = 0; i < COUNT(known); i++)
        for (size_t j = 0; j < COUNT(names); j++)
            printf("level %d name %d: %s\n", known[i], names[j],
                   read_back(fd, &(struct option){known[i], names[j], ""}, 4));
    close(fd);
}

static void which_error_first(void)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM);
    struct box b;
    see_case("which error comes first");
    SEE(getsockopt(-1, SOL_SOCKET, SO_TYPE, box_fill(&b, 4), &b.len));
    SEE(getsockopt(BAD_FD, 999, 999, NULL, NULL));
    SEE(getsockopt(0, SOL_SOCKET, SO_TYPE, box_fill(&b, 4), &b.len));
    SEE(getsockopt(0, 999, 999, NULL, NULL));
    SEE(getsockopt(fd, 999, 999, NULL, NULL));
    SEE(getsockopt(fd, SOL_SOCKET, 9999, NULL, NULL));
    SEE(getsockopt(fd, SOL_SOCKET, 9999, box_fill(&b, -1), &b.len));
    SEE(getsockopt(fd, IPPROTO_IPV6, 9999, box_fill(&b, -1), &b.len));
    SEE(getsockopt(fd, IPPROTO_TCP, 9999, box_fill(&b, -1), &b.len));
    SEE(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, box_fill(&b, -1), &b.len));
    SEE(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, box_fill(&b, -1), &b.len));
    printf("   %s\n", box_addr(&b, 0));
    close(fd);
}

/* The kind of a descriptor, as servers ask for sockets that they were handed. */
static void kind_of(const char *what, int fd)
{
    static const struct option kinds[] = {
        OPTION(SOL_SOCKET, SO_DOMAIN), OPTION(SOL_SOCKET, SO_TYPE), OPTION(SOL_SOCKET, SO_PROTOCOL),
        OPTION(SOL_SOCKET, SO_ACCEPTCONN), OPTION(SOL_SOCKET, SO_ERROR), OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        printf("%s %s %s\n", what, kinds[i].text, read_back(fd, &kinds[i], 4));
}

int main(void)
{
    int pair[2];
    see_start();
    for (size_t i = 0; i < COUNT(probes); i++) {
        rooms_of(&probes[i], AF_INET, SOCK_STREAM);
        rooms_of(&probes[i], AF_INET6, SOCK_STREAM);
        rooms_of(&probes[i], AF_INET6, SOCK_DGRAM);
        pointers_of(&probes[i]);
    }
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        on_every_level(AF_INET, type);
        on_every_level(AF_INET6, type);
    }
    on_every_level(AF_UNIX, SOCK_STREAM);
    which_error_first();
    see_case("kinds");
    kind_of("listener on ::", listening("::"));
    tcp_pair("::", "127.0.0.1", pair);
    kind_of("accepted from IPv4", pair[0]);
    kind_of("udp on ::1", bound("::1", SOCK_DGRAM));
    kind_of("tcp on 127.0.0.1", bound("127.0.0.1", SOCK_STREAM));
    return 0;
}
