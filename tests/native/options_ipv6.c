/* ipv6(7) and RFC 3493, 3542: every option of IPPROTO_IPV6, good and bad values, on new, bound and
 * connected sockets, natively IPv6 or IPv4-mapped; multicast membership on lo. Privileged options are left
 * out. */
#include "options.h"
#include <linux/in6.h>

static const int values[] = {0, 1, 2, 3, 7, 64, 255, 256, 1279, 1280, 65536, -1, -2, INT32_MAX, INT32_MIN};
static const struct option ints[] = {
    OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
    OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    OPTION(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
    OPTION(IPPROTO_IPV6, IPV6_MULTICAST_LOOP),
    OPTION(IPPROTO_IPV6, IPV6_MULTICAST_ALL),
    OPTION(IPPROTO_IPV6, IPV6_TCLASS),
    OPTION(IPPROTO_IPV6, IPV6_RECVTCLASS),
    OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO),
    OPTION(IPPROTO_IPV6, IPV6_2292PKTINFO),
    OPTION(IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
    OPTION(IPPROTO_IPV6, IPV6_2292HOPLIMIT),
    OPTION(IPPROTO_IPV6, IPV6_RECVRTHDR),
    OPTION(IPPROTO_IPV6, IPV6_2292RTHDR),
    OPTION(IPPROTO_IPV6, IPV6_RECVHOPOPTS),
    OPTION(IPPROTO_IPV6, IPV6_2292HOPOPTS),
    OPTION(IPPROTO_IPV6, IPV6_RECVDSTOPTS),
    OPTION(IPPROTO_IPV6, IPV6_2292DSTOPTS),
    OPTION(IPPROTO_IPV6, IPV6_FLOWINFO),
    OPTION(IPPROTO_IPV6, IPV6_FLOWINFO_SEND),
    OPTION(IPPROTO_IPV6, IPV6_RECVERR),
    OPTION(IPPROTO_IPV6, IPV6_RECVPATHMTU),
    OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
    OPTION(IPPROTO_IPV6, IPV6_MTU),
    OPTION(IPPROTO_IPV6, IPV6_DONTFRAG),
    OPTION(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL),
    OPTION(IPPROTO_IPV6, IPV6_ADDR_PREFERENCES),
    OPTION(IPPROTO_IPV6, IPV6_MINHOPCOUNT),
    OPTION(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR),
    OPTION(IPPROTO_IPV6, IPV6_RECVFRAGSIZE),
    OPTION(IPPROTO_IPV6, IPV6_FREEBIND),
    OPTION(IPPROTO_IPV6, IPV6_CHECKSUM),
    OPTION(IPPROTO_IPV6, IPV6_ROUTER_ALERT),
    OPTION(IPPROTO_IPV6, IPV6_HOPLIMIT),
    OPTION(IPPROTO_IPV6, IPV6_PKTINFO),
    OPTION(IPPROTO_IPV6, IPV6_NEXTHOP),
    OPTION(IPPROTO_IPV6, IPV6_RTHDR),
    OPTION(IPPROTO_IPV6, IPV6_PATHMTU),
    OPTION(IPPROTO_IPV6, IPV6_UNICAST_IF),
    OPTION(IPPROTO_IPV6, IPV6_AUTHHDR),
};

/* An index that every network has, and some that none has. */
static void interface(int family, int type)
{
    static const struct option o = OPTION(IPPROTO_IPV6, IPV6_MULTICAST_IF);
    static const int indices[] = {0, 1, 64, 255, 1280, 65536, -1, -2, INT32_MAX, INT32_MIN};
    int fd = new_socket(family, type);
    every_value(fd, &o, indices, COUNT(indices));
    every_set_length(fd, &o);
    every_get_length(fd, &o);
    close(fd);
}

static void kinds(int family, int type)
{
    see_case("family %d type %d", family, type);
    for (size_t i = 0; i < COUNT(ints); i++) {
        int fd = new_socket(family, type);
        every_value(fd, &ints[i], values, COUNT(values));
        close(fd);
    }
    interface(family, type);
}

static void lengths(int type)
{
    see_case("type %d lengths", type);
    for (size_t i = 0; i < COUNT(ints); i++) {
        int fd = new_socket(AF_INET6, type);
        every_set_length(fd, &ints[i]);
        every_get_length(fd, &ints[i]);
        close(fd);
    }
}

static void connected_to(const char *ip, int type)
{
    int pair[2];
    see_case("type %d connected to %s", type, ip);
    if (type == SOCK_STREAM)
        tcp_pair(ip, ip, pair);
    else
        udp_pair(ip, pair);
    for (size_t i = 0; i < COUNT(ints); i++) {
        printf("%s %s", ints[i].text, read_back(pair[1], &ints[i], 4));
        printf(", = 1: %s", result(set_int(pair[1], IPPROTO_IPV6, ints[i].name, 1)));
        printf(", reads %s\n", read_back(pair[1], &ints[i], 4));
    }
    close(pair[0]);
    close(pair[1]);
}

static void membership(int type)
{
    static const char *const groups[] = {"ff02::fb",           "ff01::1", "ff15::77", "::1",
                                         "::ffff:224.0.0.251", "::"};
    int fd = new_socket(AF_INET6, type);
    see_case("type %d membership", type);
    for (size_t i = 0; i < COUNT(groups); i++) {
        struct ipv6_mreq m = {.ipv6mr_interface = 1};
        inet_pton(AF_INET6, groups[i], &m.ipv6mr_multiaddr);
        printf("%s:\n", groups[i]);
        SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, &m, sizeof m));
        SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof m - 1));
        m.ipv6mr_interface = 99999;
        SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof m));
    }
    close(fd);
}

/* IPV6_ADDRFORM turns a socket that is connected to a mapped address into an AF_INET one. */
static void addrform(const char *ip, int type, int family)
{
    static const struct option domain = OPTION(SOL_SOCKET, SO_DOMAIN),
                               o = OPTION(IPPROTO_IPV6, IPV6_ADDRFORM);
    int pair[2];
    see_case("type %d connected to %s: IPV6_ADDRFORM %d", type, ip, family);
    if (type == SOCK_STREAM)
        tcp_pair(ip, ip, pair);
    else
        udp_pair(ip, pair);
    printf("at first %s\n", read_back(pair[1], &o, 4));
    SEE(set_int(pair[1], IPPROTO_IPV6, IPV6_ADDRFORM, family));
    printf("domain %s\n%s", read_back(pair[1], &domain, 4), name_text(pair[1]));
    printf(" peer %s\n", peer_text(pair[1]));
    close(pair[0]);
    close(pair[1]);
}

static void sticky_pktinfo(void)
{
    struct in6_pktinfo info = {.ipi6_ifindex = 1};
    struct box b;
    int fd = new_socket(AF_INET6, SOCK_DGRAM);
    see_case("IPV6_PKTINFO");
    inet_pton(AF_INET6, "::1", &info.ipi6_addr);
    SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info));
    SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info - 1));
    SEE(setsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, NULL, 0));
    SEE(getsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, box_fill(&b, 20), &b.len));
    printf("   %s\n", box_addr(&b, 0));
    close(fd);
}

int main(void)
{
    static const char *const loops[] = {"::1", "::ffff:127.0.0.1"};
    see_start();
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        kinds(AF_INET6, type);
        kinds(AF_INET, type);
        lengths(type);
        membership(type);
        for (size_t i = 0; i < 2; i++) {
            connected_to(loops[i], type);
            addrform(loops[i], type, AF_INET);
            addrform(loops[i], type, AF_INET6);
        }
    }
    sticky_pktinfo();
    return 0;
}
