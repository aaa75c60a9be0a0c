/* connect(2): arguments. Addresses and lengths in, families, bad descriptors and pointers, for TCP and
 * UDP over both families; what the socket is then called. States are connect_states.c's matter. */
#include "ends.h"

static const int lengths[] = {-1, 0, 1, 2, 3, 15, 16, 17, 23, 24, 25, 28, 64, 128, 129};
static const struct { int family, type; const char *name; } kinds[] = {
    {AF_INET, SOCK_STREAM, "tcp4"}, {AF_INET, SOCK_DGRAM, "udp4"},
    {AF_INET6, SOCK_STREAM, "tcp6"}, {AF_INET6, SOCK_DGRAM, "udp6"},
};
static int server[2], port[2]; /* by type: a TCP listener and a UDP socket on [::], for both families */

static void show(int fd)
{
    printf("   %s\n   peer %s\n", name_text(fd), peer_text(fd));
    close(fd);
}

static int server_port(int kind) { return port[kinds[kind].type == SOCK_DGRAM]; }

static void every_address(int kind, int v6only)
{
    static const char *const addresses[] = {
        "127.0.0.1", "0.0.0.0", "127.9.9.9", "::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::127.0.0.1",
    };
    see_case("%s addresses, v6only %d", kinds[kind].name, v6only);
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct end e = end_at(addresses[i], server_port(kind));
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        ports()->count = 0;
        port_name(htons(server_port(kind)));
        if (v6only >= 0)
            set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
        if (!strcmp(addresses[i], "::127.0.0.1") && kinds[kind].family == AF_INET6)
            printf("not asked: the errno depends on the routes\n"), close(fd);
        else {
            printf("%s: ", addresses[i]);
            SEE(connect(fd, &e.sa, e.len));
            show(fd);
        }
    }
}

static void every_length(int kind, const char *ip)
{
    see_case("%s %s lengths", kinds[kind].name, ip);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct end e = end_at(ip, server_port(kind));
        unsigned char page[4200] = {0};
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        memcpy(page, e.raw, e.len);
        ports()->count = 0;
        printf("addrlen %d: ", lengths[i]);
        SEE(connect(fd, (struct sockaddr *)page, lengths[i]));
        show(fd);
    }
}

static void every_family(int kind, const char *ip)
{
    static const int families[] = {AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 255, 65535};
    see_case("%s %s with another sa_family", kinds[kind].name, ip);
    for (size_t i = 0; i < COUNT(families); i++) {
        struct end e = end_at(ip, server_port(kind));
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        e.sa.sa_family = families[i];
        if (families[i] == AF_INET && kinds[kind].family == AF_INET6)
            e = end_at("127.0.0.1", server_port(kind));
        ports()->count = 0;
        printf("family %d: ", families[i]);
        SEE(connect(fd, &e.sa, 28));
        show(fd);
    }
}

static void bad_pointers(int kind, const char *ip)
{
    struct end e = end_at(ip, server_port(kind));
    int fd = new_socket(kinds[kind].family, kinds[kind].type);
    char *half = edge(12), *odd = edge(61);
    memcpy(half, e.raw, 12);
    memcpy(odd, e.raw, e.len);
    see_case("%s pointers", kinds[kind].name);
    SEE(connect(fd, NULL, e.len));
    SEE(connect(fd, NULL, 0));
    SEE(connect(fd, NULL, -1));
    SEE(connect(fd, unmapped(), e.len));
    SEE(connect(fd, (void *)-64L, e.len));
    SEE(connect(fd, (void *)half, e.len));
    SEE(connect(BAD_FD, &e.sa, e.len));
    SEE(connect(-1, NULL, -1));
    SEE(connect(0, &e.sa, e.len));
    SEE(connect(fd, (void *)odd, e.len));
    SEE(connect(fd, NULL, e.len));
    SEE(connect(fd, &e.sa, 1));
    show(fd);
}

/* The address bound before stays, or decides the family that can be reached. */
static void bound_first(const char *from, const char *to, int type)
{
    int fd = bound(from, type);
    struct end e = end_at(to, port[type == SOCK_DGRAM]);
    see_case("%s bound to %s, connects to %s", type == SOCK_STREAM ? "tcp" : "udp", from, to);
    SEE(connect(fd, &e.sa, e.len));
    show(fd);
}

int main(void)
{
    static const char *const froms[] = {"::", "::1", "::ffff:127.0.0.1", "::ffff:127.0.0.3"};
    see_start();
    server[0] = listening("::");
    server[1] = bound("::", SOCK_DGRAM);
    port[0] = port_of(server[0]);
    port[1] = port_of(server[1]);
    listen(server[0], 400);
    for (int kind = 0; kind < 4; kind++) {
        every_address(kind, -1);
        every_length(kind, kind < 2 ? "127.0.0.1" : "::1");
        every_family(kind, kind < 2 ? "127.0.0.1" : "::1");
        bad_pointers(kind, kind < 2 ? "127.0.0.1" : "::1");
    }
    every_address(2, 1);
    every_address(3, 1);
    every_length(2, "::ffff:127.0.0.1");
    for (size_t i = 0; i < COUNT(froms); i++)
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
            bound_first(froms[i], "::1", type);
            bound_first(froms[i], "::ffff:127.0.0.1", type);
        }
    bound_first("127.0.0.5", "127.0.0.1", SOCK_STREAM);
    bound_first("0.0.0.0", "127.0.0.6", SOCK_DGRAM);
    return 0;
}
