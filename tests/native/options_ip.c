/* ip(7): options of IPPROTO_IP, good and bad values, on AF_INET and on AF_INET6 sockets, which have them
 * too; multicast membership on lo. Privileged options and what routes decide are left out. */
#include "options.h"

static const int values[] = {0, 1, 2, 5, 10, 127, 254, 255, 256, 65536, -1, -2, INT32_MAX, INT32_MIN};
static const struct option ints[] = {
    OPTION(IPPROTO_IP, IP_TTL),
    OPTION(IPPROTO_IP, IP_PKTINFO),
    OPTION(IPPROTO_IP, IP_RECVTTL),
    OPTION(IPPROTO_IP, IP_RECVTOS),
    OPTION(IPPROTO_IP, IP_RECVOPTS),
    OPTION(IPPROTO_IP, IP_RETOPTS),
    OPTION(IPPROTO_IP, IP_RECVERR),
    OPTION(IPPROTO_IP, IP_RECVORIGDSTADDR),
    OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
    OPTION(IPPROTO_IP, IP_MULTICAST_TTL),
    OPTION(IPPROTO_IP, IP_MULTICAST_LOOP),
    OPTION(IPPROTO_IP, IP_MULTICAST_ALL),
    OPTION(IPPROTO_IP, IP_FREEBIND),
    OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
    OPTION(IPPROTO_IP, IP_MINTTL),
    OPTION(IPPROTO_IP, IP_NODEFRAG),
    OPTION(IPPROTO_IP, IP_CHECKSUM),
    OPTION(IPPROTO_IP, IP_PASSSEC),
    OPTION(IPPROTO_IP, IP_MTU),
    OPTION(IPPROTO_IP, IP_ROUTER_ALERT),
};
/* A precedence of 6 or 7 needs CAP_NET_ADMIN. */
static const int tos_values[] = {0, 1, 2, 3, 4, 8, 16, 0x20, 0xa0, 0xbf, 256, 0x110};
static const struct option tos = OPTION(IPPROTO_IP, IP_TOS);

static void kinds(int family, int type)
{
    see_case("family %d type %d", family, type);
    for (size_t i = 0; i < COUNT(ints); i++) {
        int fd = new_socket(family, type);
        every_value(fd, &ints[i], values, COUNT(values));
        close(fd);
    }
    int fd = new_socket(family, type);
    every_value(fd, &tos, tos_values, COUNT(tos_values));
    close(fd);
}

static void lengths(int family, int type)
{
    static const size_t rows[] = {0, 1, 6, 8, 9, 10};
    see_case("family %d type %d lengths", family, type);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = new_socket(family, type);
        every_set_length(fd, &ints[rows[i]]);
        every_get_length(fd, &ints[rows[i]]);
        close(fd);
    }
    int fd = new_socket(family, type);
    every_set_length(fd, &tos);
    every_get_length(fd, &tos);
    close(fd);
}

static void membership(int family, int type)
{
    static const char *const groups[] = {"224.0.0.251", "239.1.2.3", "127.0.0.1", "0.0.0.0",
                                         "255.255.255.255"};
    struct ip_mreqn m = {{0}, {htonl(INADDR_LOOPBACK)}, 0};
    struct group_req g = {.gr_interface = 1};
    struct end group = end_at("239.1.2.3", 0);
    int fd = new_socket(family, type);
    see_case("family %d type %d membership", family, type);
    for (size_t i = 0; i < COUNT(groups); i++) {
        inet_pton(AF_INET, groups[i], &m.imr_multiaddr);
        printf("%s:\n", groups[i]);
        SEE(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, 8));
        SEE(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, 7));
    }
    memcpy(&g.gr_group, &group.in, sizeof group.in);
    SEE(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &g, sizeof g));
    SEE(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &g, sizeof g));
    SEE(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &g, 8));
    close(fd);
}

static void multicast_interface(int family)
{
    static const struct option o = OPTION(IPPROTO_IP, IP_MULTICAST_IF);
    struct ip_mreqn m = {{0}, {htonl(INADDR_LOOPBACK)}, 1};
    struct in_addr nowhere = {htonl(0xc0000201)}, none = {0};
    int fd = new_socket(family, SOCK_DGRAM);
    see_case("family %d IP_MULTICAST_IF", family);
    printf("at first %s\n", read_back(fd, &o, 4));
    SEE(setsockopt(fd, o.level, o.name, &m, sizeof m));
    every_get_length(fd, &o);
    SEE(setsockopt(fd, o.level, o.name, &nowhere, 4));
    SEE(setsockopt(fd, o.level, o.name, &m.imr_address, 4));
    SEE(setsockopt(fd, o.level, o.name, &none, 4));
    SEE(setsockopt(fd, o.level, o.name, &none, 3));
    printf("at last %s\n", read_back(fd, &o, 4));
    close(fd);
}

/* IP options travel with the socket; a route of no operations is legal. */
static void header_options(int family, int type)
{
    static const struct option o = OPTION(IPPROTO_IP, IP_OPTIONS);
    static const unsigned char nops[] = {1, 1, 1, 1, 1}, wrong[] = {0x83, 200, 4, 0};
    int fd = new_socket(family, type);
    see_case("family %d type %d IP_OPTIONS", family, type);
    SEE(setsockopt(fd, o.level, o.name, nops, 4));
    every_get_length(fd, &o);
    SEE(setsockopt(fd, o.level, o.name, nops, 5));
    printf("   %s\n", read_back(fd, &o, 40));
    SEE(setsockopt(fd, o.level, o.name, wrong, 4));
    SEE(setsockopt(fd, o.level, o.name, nops, 41));
    SEE(setsockopt(fd, o.level, o.name, NULL, 0));
    printf("   %s\n", read_back(fd, &o, 40));
    close(fd);
}

int main(void)
{
    static const int families[] = {AF_INET, AF_INET6};
    see_start();
    for (size_t i = 0; i < 2; i++) {
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
            kinds(families[i], type);
            lengths(families[i], type);
            membership(families[i], type);
            header_options(families[i], type);
        }
        multicast_interface(families[i]);
    }
    return 0;
}
