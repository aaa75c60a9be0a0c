/* sendto(2): destinations, their lengths and families, flags, sizes and pointers, on UDP and TCP over both
 * families, connected or not; what arrives, and from whom. */
#include "ends.h"

static const struct { int family; const char *ip; } kinds[] = {
    {AF_INET, "127.0.0.1"}, {AF_INET6, "::1"}, {AF_INET6, "::ffff:127.0.0.1"},
};

static void arrived(int fd)
{
    struct box b;
    char text[16] = "";
    ready(fd, POLLIN);
    int n = recvfrom(fd, text, sizeof text, MSG_DONTWAIT, box_fill(&b, 28), &b.len);
    printf("   arrived %s %s\n", result(n), n < 0 ? "" : hex(text, n));
    if (n >= 0)
        printf("   from %s\n", box_addr(&b, 28));
}

static void lengths(size_t kind)
{
    static const int all[] = {-1, 0, 1, 2, 3, 15, 16, 17, 23, 24, 25, 28, 128, 129};
    int to = bound(kinds[kind].ip, SOCK_DGRAM), fd = new_socket(kinds[kind].family, SOCK_DGRAM);
    struct end e = name_of(to);
    unsigned char page[160] = {0};
    memcpy(page, e.raw, e.len);
    see_case("udp %s address lengths", kinds[kind].ip);
    for (size_t i = 0; i < COUNT(all); i++) {
        int n = sendto(fd, "abc", 3, 0, (void *)page, all[i]);
        printf("addrlen %d: %s\n", all[i], result(n));
        if (n >= 0)
            arrived(to);
    }
    close(to);
    close(fd);
}

static void families(size_t kind)
{
    static const int all[] = {AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 65535};
    int to = bound(kinds[kind].ip, SOCK_DGRAM), fd = new_socket(kinds[kind].family, SOCK_DGRAM);
    struct end e = name_of(to), v4 = end_at("127.0.0.1", port_of(to));
    see_case("udp %s families", kinds[kind].ip);
    for (size_t i = 0; i < COUNT(all); i++) {
        struct end used = all[i] == AF_INET ? v4 : e;
        used.sa.sa_family = all[i];
        int n = sendto(fd, "abc", 3, 0, &used.sa, 28);
        printf("family %d: %s\n", all[i], result(n));
        if (n >= 0 && (kind != 1 || all[i] != AF_INET))
            arrived(to);
    }
    close(to);
    close(fd);
}

/* Destinations that a socket of each kind can or cannot name; the server hears both families. */
static void destinations(size_t kind, int v6only)
{
    static const char *const all[] = {"127.0.0.1", "0.0.0.0",          "::1",
                                      "::",        "::ffff:127.0.0.1", "::ffff:0.0.0.0"};
    int to = bound("::", SOCK_DGRAM);
    see_case("udp family %d, v6only %d: destinations", kinds[kind].family, v6only);
    for (size_t i = 0; i < COUNT(all); i++) {
        int fd = new_socket(kinds[kind].family, SOCK_DGRAM);
        struct end e = end_at(all[i], port_of(to));
        if (kinds[kind].family == AF_INET6)
            set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
        ports()->count = 0;
        printf("%s: ", all[i]);
        if (SEE(sendto(fd, "abc", 3, 0, &e.sa, e.len)) >= 0)
            arrived(to);
        printf("   %s\n", name_text(fd));
        close(fd);
    }
    close(to);
}

static void connected_datagrams(size_t kind)
{
    int pair[2], other = bound(kinds[kind].ip, SOCK_DGRAM);
    struct end e = name_of(other);
    see_case("udp %s connected", kinds[kind].ip);
    udp_pair(kinds[kind].ip, pair);
    SEE(sendto(pair[1], "peer", 4, 0, NULL, 0));
    arrived(pair[0]);
    SEE(sendto(pair[1], "peer", 4, 0, NULL, 28));
    arrived(pair[0]);
    SEE(sendto(pair[1], "else", 4, 0, &e.sa, e.len));
    arrived(other);
    SEE(sendto(pair[1], "", 0, 0, &e.sa, e.len));
    arrived(other);
    SEE(sendto(pair[1], NULL, 0, 0, NULL, 0));
    arrived(pair[0]);
    printf("   %s peer %s\n", name_text(pair[1]), peer_text(pair[1]));
    close(pair[0]);
    close(pair[1]);
    close(other);
}

/* 65508 to 65527 bytes fit an IPv6 datagram and no IPv4 one: docs/limitations.md. */
static void sizes(size_t kind)
{
    static const int all[] = {0, 1, 1472, 65507, 65528, 65535, 65536, 70000};
    int to = bound(kinds[kind].ip, SOCK_DGRAM), fd = new_socket(kinds[kind].family, SOCK_DGRAM);
    struct end e = name_of(to);
    char *bytes = must_map(80000, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    see_case("udp %s sizes", kinds[kind].ip);
    for (size_t i = 0; i < COUNT(all); i++) {
        int n = sendto(fd, bytes, all[i], 0, &e.sa, e.len);
        printf("%d: %s\n", all[i], result(n));
        if (n >= 0) {
            ready(to, POLLIN);
            printf("   took %s\n", result(recv(to, bytes, 80000, MSG_DONTWAIT)));
        }
    }
    close(to);
    close(fd);
}

/* Without an address, and what comes of it. */
static void plain_sizes(size_t kind)
{
    static const int all[] = {65507, 65528, 70000, 150000};
    int to = bound(kinds[kind].ip, SOCK_DGRAM), fd = connected(kinds[kind].ip, SOCK_DGRAM, port_of(to));
    struct end e = name_of(to);
    char *bytes = must_map(160000, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    see_case("udp %s plain sizes", kinds[kind].ip);
    for (size_t i = 0; i < 2 * COUNT(all); i++) {
        int size = all[i % COUNT(all)], error = -1;
        socklen_t len = sizeof error;
        int n = i < COUNT(all) ? send(fd, bytes, size, 0) : write(fd, bytes, size);
        printf("%d: %s", size, result(n));
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
        printf(", error %s\n", strerrorname_np(error));
        SEE(sendto(fd, "next", 4, 0, &e.sa, e.len));
        ready(to, POLLIN);
        printf("   took %s\n", result(recv(to, bytes, 160000, 0)));
        recv(to, bytes, 160000, MSG_DONTWAIT);
    }
    close(to);
    close(fd);
}

static void bad_arguments(size_t kind, int type)
{
    int to = type == SOCK_STREAM ? listening(kinds[kind].ip) : bound(kinds[kind].ip, type);
    int fd = type == SOCK_STREAM ? connected(kinds[kind].ip, type, port_of(to))
                                 : new_socket(kinds[kind].family, type);
    struct end e = name_of(to);
    see_case("type %d %s arguments", type, kinds[kind].ip);
    SEE(sendto(fd, unmapped(), 3, 0, &e.sa, e.len));
    SEE(sendto(fd, NULL, 3, 0, &e.sa, e.len));
    SEE(sendto(fd, edge(2), 3, 0, &e.sa, e.len));
    SEE(sendto(fd, "abc", 3, 0, unmapped(), e.len));
    SEE(sendto(fd, "abc", 3, 0, (void *)-64L, e.len));
    SEE(sendto(fd, "abc", 3, 0, &e.sa, -1));
    SEE(sendto(fd, "abc", 3, 0, unmapped(), 129));
    SEE(sendto(fd, "abc", 3, 0, unmapped(), 0));
    SEE(sendto(fd, "abc", 3, MSG_OOB | MSG_DONTWAIT, &e.sa, e.len));
    SEE(sendto(fd, "abc", 3, 0x01000000, &e.sa, e.len));
    SEE(sendto(fd, "abc", 3, MSG_CONFIRM | MSG_NOSIGNAL | MSG_DONTWAIT, &e.sa, e.len));
    SEE(sendto(BAD_FD, "abc", 3, 0, &e.sa, e.len));
    SEE(sendto(-1, NULL, 3, -1, NULL, -1));
    SEE(sendto(0, "abc", 3, 0, &e.sa, e.len));
    SEE(sendto(0, unmapped(), 3, 0, unmapped(), -1));
    close(to);
    close(fd);
}

static void on_a_stream(size_t kind)
{
    int pair[2], fd = new_socket(kinds[kind].family, SOCK_STREAM), other = listening(kinds[kind].ip);
    struct end e = name_of(other);
    see_case("tcp %s", kinds[kind].ip);
    tcp_pair(kinds[kind].ip, kinds[kind].ip, pair);
    SEE(sendto(fd, "abc", 3, MSG_NOSIGNAL, &e.sa, e.len));
    SEE(sendto(fd, "abc", 3, MSG_NOSIGNAL, NULL, 0));
    SEE(sendto(pair[1], "abc", 3, 0, &e.sa, e.len));
    arrived(pair[0]);
    SEE(sendto(pair[1], "def", 3, 0, NULL, 0));
    arrived(pair[0]);
    SEE(sendto(pair[1], "ghi", 3, MSG_EOR, &(struct sockaddr){255, ""}, 7));
    arrived(pair[0]);
    SEE(sendto(pair[1], "", 0, 0, NULL, 0));
    close(pair[0]);
    ready(pair[1], POLLIN);
    SEE(sendto(pair[1], "late", 4, MSG_NOSIGNAL, NULL, 0));
    ready(pair[1], POLLHUP);
    SEE(sendto(pair[1], "late", 4, MSG_NOSIGNAL, NULL, 0));
    close(pair[1]);
    close(other);
    close(fd);
}

int main(void)
{
    see_start();
    for (size_t kind = 0; kind < COUNT(kinds); kind++) {
        lengths(kind);
        families(kind);
        destinations(kind, 0);
        connected_datagrams(kind);
        sizes(kind);
        plain_sizes(kind);
        bad_arguments(kind, SOCK_DGRAM);
        bad_arguments(kind, SOCK_STREAM);
        on_a_stream(kind);
    }
    destinations(1, 1);
    return 0;
}
