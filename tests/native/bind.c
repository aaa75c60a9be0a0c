/* bind(2): addresses, lengths, families and pointers for every inet kind of socket; what getsockname
 * then says. Which addresses conflict is conflicts.c's matter; AF_UNIX names are unix.c's. */
#include "ends.h"

static const struct { int family, type; const char *name; } kinds[] = {
    {AF_INET, SOCK_STREAM, "tcp4"}, {AF_INET, SOCK_DGRAM, "udp4"},
    {AF_INET6, SOCK_STREAM, "tcp6"}, {AF_INET6, SOCK_DGRAM, "udp6"},
};
static const char *const addresses[] = {
    "0.0.0.0",     "127.0.0.1", "127.1.2.3",   "127.255.255.255",  "192.0.2.1",      "255.255.255.255",
    "224.0.0.251", "::",        "::1",         "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:192.0.2.1",
    "::127.0.0.1", "::2",       "2001:db8::1", "ff02::fb",         "ff01::1",        "::ffff:224.0.0.251",
};
static const int lengths[] = {-1, 0, 1, 2, 3, 7, 8, 15, 16, 17, 23, 24, 25, 27, 28, 29, 127, 128, 129, 4096};

static void every_address(int kind, int v6only)
{
    see_case("%s v6only %d", kinds[kind].name, v6only);
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct end e = end_at(addresses[i], 0);
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        ports()->count = 0;
        if (v6only >= 0)
            set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
        printf("%s: ", addresses[i]);
        SEE(bind(fd, &e.sa, e.len));
        printf("   %s\n", name_text(fd));
        close(fd);
    }
}

static void every_length(int kind, const char *ip)
{
    see_case("%s %s lengths", kinds[kind].name, ip);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct end e = end_at(ip, 0);
        unsigned char page[4200] = {0};
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        memcpy(page, e.raw, e.len);
        ports()->count = 0;
        printf("addrlen %d: ", lengths[i]);
        SEE(bind(fd, (struct sockaddr *)page, lengths[i]));
        printf("   %s\n", name_text(fd));
        close(fd);
    }
}

static void every_family(int kind, const char *ip)
{
    static const int families[] = {AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 255, 65535};
    see_case("%s %s with another sa_family", kinds[kind].name, ip);
    for (size_t i = 0; i < COUNT(families); i++) {
        struct end e = end_at(ip, 0);
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        e.sa.sa_family = families[i];
        printf("family %d: ", families[i]);
        SEE(bind(fd, &e.sa, 28));
        printf("   %s\n", name_text(fd));
        close(fd);
    }
}

static void rest_of_the_address(void)
{
    struct end e = end_at("::1", 0), z = end_at("127.0.0.1", 0);
    int fd = new_socket(AF_INET6, SOCK_STREAM);
    see_case("flowinfo, scope and zero bytes");
    e.in6.sin6_flowinfo = htonl(0x12345);
    e.in6.sin6_scope_id = 1;
    SEE(bind(fd, &e.sa, e.len));
    printf("   %s\n", name_text(fd));
    close(fd);
    fd = new_socket(AF_INET, SOCK_STREAM);
    memset(z.in.sin_zero, 0xee, 8);
    SEE(bind(fd, &z.sa, z.len));
    printf("   %s\n", name_text(fd));
    close(fd);
    e = end_at("fe80::1", 0);
    fd = new_socket(AF_INET6, SOCK_DGRAM);
    SEE(bind(fd, &e.sa, e.len));
    e.in6.sin6_scope_id = 99999;
    SEE(bind(fd, &e.sa, e.len));
    close(fd);
}

static void bad_pointers(int kind)
{
    struct end e = end_at(kind < 2 ? "127.0.0.1" : "::1", 0);
    int fd = new_socket(kinds[kind].family, kinds[kind].type);
    char *page = edge(20), *odd = edge(61);
    see_case("%s pointers", kinds[kind].name);
    memcpy(page, e.raw, 16);
    memcpy(odd, e.raw, e.len);
    SEE(bind(fd, NULL, 16));
    SEE(bind(fd, NULL, 0));
    SEE(bind(fd, NULL, -1));
    SEE(bind(fd, unmapped(), 28));
    SEE(bind(fd, (void *)-64L, 28));
    SEE(bind(fd, (void *)page, 28));
    SEE(bind(BAD_FD, &e.sa, e.len));
    SEE(bind(-1, NULL, 0));
    SEE(bind(0, &e.sa, e.len));
    SEE(bind(0, NULL, -1));
    SEE(bind(fd, (void *)odd, e.len));
    printf("   %s\n", name_text(fd));
    SEE(bind(fd, &e.sa, e.len));
    SEE(bind(fd, NULL, e.len));
    SEE(bind(fd, &e.sa, 1));
    printf("   %s\n", name_text(fd));
    close(fd);
}

static void in_use_by_itself(void)
{
    int fd = bound("::", SOCK_STREAM), other = new_socket(AF_INET6, SOCK_STREAM);
    struct end e = name_of(fd);
    see_case("the bound port again");
    SEE(bind(other, &e.sa, e.len));
    SEE(bind(fd, &e.sa, e.len));
    close(fd);
    SEE(bind(other, &e.sa, e.len));
    printf("   %s\n", name_text(other));
    close(other);
}

int main(void)
{
    see_start();
    for (int kind = 0; kind < 4; kind++) {
        every_address(kind, -1);
        every_length(kind, kind < 2 ? "127.0.0.1" : "::1");
        every_family(kind, kind < 2 ? "127.0.0.1" : "::1");
        every_family(kind, kind < 2 ? "0.0.0.0" : "::");
        bad_pointers(kind);
    }
    every_address(2, 1);
    every_address(3, 1);
    every_length(2, "::ffff:127.0.0.1");
    rest_of_the_address();
    in_use_by_itself();
    return 0;
}
