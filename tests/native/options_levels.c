/* ipv6(7), ip(7): options that IPPROTO_IPV6 and IPPROTO_IP both have on an AF_INET6 socket: what is set at
 * one level is not read at the other. Memberships by RFC 3678, with sources; what is rarely asked for. */
#include "options.h"
#include <linux/in6.h>

static const struct { struct option six, four; } pairs[] = {
    {OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO), OPTION(IPPROTO_IP, IP_PKTINFO)},
    {OPTION(IPPROTO_IPV6, IPV6_2292PKTINFO), OPTION(IPPROTO_IP, IP_PKTINFO)},
    {OPTION(IPPROTO_IPV6, IPV6_RECVHOPLIMIT), OPTION(IPPROTO_IP, IP_RECVTTL)},
    {OPTION(IPPROTO_IPV6, IPV6_RECVTCLASS), OPTION(IPPROTO_IP, IP_RECVTOS)},
    {OPTION(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR), OPTION(IPPROTO_IP, IP_RECVORIGDSTADDR)},
    {OPTION(IPPROTO_IPV6, IPV6_RECVERR), OPTION(IPPROTO_IP, IP_RECVERR)},
    {OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER), OPTION(IPPROTO_IP, IP_MTU_DISCOVER)},
    {OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS), OPTION(IPPROTO_IP, IP_TTL)},
    {OPTION(IPPROTO_IPV6, IPV6_MINHOPCOUNT), OPTION(IPPROTO_IP, IP_MINTTL)},
    {OPTION(IPPROTO_IPV6, IPV6_MULTICAST_HOPS), OPTION(IPPROTO_IP, IP_MULTICAST_TTL)},
    {OPTION(IPPROTO_IPV6, IPV6_MULTICAST_LOOP), OPTION(IPPROTO_IP, IP_MULTICAST_LOOP)},
    {OPTION(IPPROTO_IPV6, IPV6_MULTICAST_ALL), OPTION(IPPROTO_IP, IP_MULTICAST_ALL)},
    {OPTION(IPPROTO_IPV6, IPV6_TCLASS), OPTION(IPPROTO_IP, IP_TOS)},
    {OPTION(IPPROTO_IPV6, IPV6_FREEBIND), OPTION(IPPROTO_IP, IP_FREEBIND)},
    {OPTION(IPPROTO_IPV6, IPV6_UNICAST_IF), OPTION(IPPROTO_IP, IP_UNICAST_IF)},
};
/* Which level is set, and to what; a bad value changes neither. */
static const struct { int level, value; } steps[] = {
    {IPPROTO_IPV6, 1}, {IPPROTO_IP, 0},   {IPPROTO_IPV6, 0}, {IPPROTO_IP, 4},    {IPPROTO_IPV6, 2},
    {IPPROTO_IP, 500}, {IPPROTO_IPV6, 0}, {IPPROTO_IP, -1},  {IPPROTO_IPV6, -1}, {IPPROTO_IP, 0},
};

static void both(size_t pair, int type)
{
    static const struct option priority = OPTION(SOL_SOCKET, SO_PRIORITY);
    int fd = new_socket(AF_INET6, type);
    see_case("type %d %s and %s", type, pairs[pair].six.text, pairs[pair].four.text);
    for (size_t i = 0; i < COUNT(steps); i++) {
        const struct option *o = steps[i].level == IPPROTO_IP ? &pairs[pair].four : &pairs[pair].six;
        printf("%s = %d: %s,", o->text, steps[i].value, result(set_int(fd, o->level, o->name, steps[i].value)));
        printf(" reads %s and", read_back(fd, &pairs[pair].six, 4));
        printf(" %s, priority", read_back(fd, &pairs[pair].four, 4));
        printf(" %s\n", read_back(fd, &priority, 4));
    }
    every_set_length(fd, &pairs[pair].four);
    every_get_length(fd, &pairs[pair].four);
    SEE(setsockopt(fd, IPPROTO_IP, pairs[pair].four.name, NULL, 4));
    SEE(setsockopt(fd, IPPROTO_IP, pairs[pair].four.name, NULL, 0));
    SEE(setsockopt(fd, IPPROTO_IP, pairs[pair].four.name, unmapped(), 1));
    SEE(setsockopt(fd, IPPROTO_IP, pairs[pair].four.name, edge(2), 4));
    close(fd);
}

static struct group_source_req of(const char *group, const char *source, int interface)
{
    struct group_source_req r;
    struct end g = end_at(group, 0), s = end_at(source, 0);
    memset(&r, 0, sizeof r);
    r.gsr_interface = interface;
    memcpy(&r.gsr_group, g.raw, g.len);
    memcpy(&r.gsr_source, s.raw, s.len);
    return r;
}

static void sources(int type)
{
    static const struct { const char *text; int name; } steps[] = {
        {"block", MCAST_BLOCK_SOURCE},        {"leave source", MCAST_LEAVE_SOURCE_GROUP},
        {"join source", MCAST_JOIN_SOURCE_GROUP}, {"join source", MCAST_JOIN_SOURCE_GROUP},
        {"block", MCAST_BLOCK_SOURCE},        {"leave source", MCAST_LEAVE_SOURCE_GROUP},
        {"leave source", MCAST_LEAVE_SOURCE_GROUP}, {"join", MCAST_JOIN_GROUP}, {"join", MCAST_JOIN_GROUP},
        {"unblock", MCAST_UNBLOCK_SOURCE},    {"block", MCAST_BLOCK_SOURCE}, {"block", MCAST_BLOCK_SOURCE},
        {"join source", MCAST_JOIN_SOURCE_GROUP}, {"unblock", MCAST_UNBLOCK_SOURCE},
        {"unblock", MCAST_UNBLOCK_SOURCE},    {"leave", MCAST_LEAVE_GROUP}, {"leave", MCAST_LEAVE_GROUP},
    };
    static const struct { const char *group, *source; int interface; } whom[] = {
        {"ff02::77", "fe80::9", 1}, {"::1", "::1", 1},           {"ff02::77", "fe80::9", 99999},
        {"224.0.0.9", "::1", 1},    {"ff02::77", "10.0.0.1", 1},
    };
    for (size_t i = 0; i < COUNT(whom); i++) {
        int fd = new_socket(AF_INET6, type);
        struct group_source_req r = of(whom[i].group, whom[i].source, whom[i].interface);
        see_case("type %d sources of %s on %d", type, whom[i].group, whom[i].interface);
        for (size_t j = 0; j < COUNT(steps); j++) {
            int group_only = steps[j].name == MCAST_JOIN_GROUP || steps[j].name == MCAST_LEAVE_GROUP;
            socklen_t len = group_only ? sizeof(struct group_req) : sizeof r;
            printf("%s: short %s", steps[j].text,
                   result(setsockopt(fd, IPPROTO_IPV6, steps[j].name, &r, len - 1)));
            printf(", whole %s\n", result(setsockopt(fd, IPPROTO_IPV6, steps[j].name, &r, len)));
        }
        close(fd);
    }
}

static void filter(int type)
{
    struct group_source_req r = of("ff02::78", "fe80::9", 1);
    struct group_filter f = {.gf_interface = 1, .gf_group = r.gsr_group, .gf_fmode = MCAST_INCLUDE,
                             .gf_numsrc = 1, .gf_slist = {r.gsr_source}};
    int fd = new_socket(AF_INET6, type);
    see_case("type %d MCAST_MSFILTER", type);
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &f, sizeof f));
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_JOIN_GROUP, &r, sizeof(struct group_req)));
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &f, sizeof f));
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &f, sizeof f - 1));
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_BLOCK_SOURCE, &r, sizeof r));
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &r, sizeof r));
    f.gf_fmode = 7;
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &f, sizeof f));
    f.gf_fmode = MCAST_INCLUDE;
    f.gf_numsrc = 0;
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &f, sizeof f));
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &f, sizeof f));
    f.gf_interface = 99999;
    SEE(setsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &f, sizeof f));
    close(fd);
}

/* IPV6_ADDRFORM leaves what was set for IPv4, and nothing of what was set for IPv6. */
static void turned(int type)
{
    int ends[2];
    see_case("type %d turned into an AF_INET socket", type);
    if (type == SOCK_STREAM)
        tcp_pair("::ffff:127.0.0.1", "::ffff:127.0.0.1", ends);
    else
        udp_pair("::ffff:127.0.0.1", ends);
    for (size_t i = 0; i < COUNT(pairs) - 1; i++) {
        set_int(ends[1], IPPROTO_IPV6, pairs[i].six.name, 3);
        if (i % 2)
            set_int(ends[1], IPPROTO_IP, pairs[i].four.name, 2);
    }
    SEE(set_int(ends[1], IPPROTO_IPV6, IPV6_ADDRFORM, AF_INET));
    for (size_t i = 0; i < COUNT(pairs); i++)
        printf("%s reads %s\n", pairs[i].four.text, read_back(ends[1], &pairs[i].four, 4));
    close(ends[0]);
    close(ends[1]);
}

static void preferences(void)
{
    static const struct option o = OPTION(IPPROTO_IPV6, IPV6_ADDR_PREFERENCES);
    static const int values[] = {1, 0x40, 4, 0x400, 0x404, 5, 0x102, 0x100, 8, 0x800, 0x808, 0x402, 0};
    int fd = new_socket(AF_INET6, SOCK_DGRAM);
    see_case("IPV6_ADDR_PREFERENCES");
    every_value(fd, &o, values, COUNT(values));
    close(fd);
}

/* Raw sockets' options, multicast routing, obsolete ones, extension headers; only their absence is legal. */
static void rare(int type)
{
    static const int names[] = {6, 7, 9, 10, 30, 31, 36, 52, 57, 63, 71, 79, 200, 212, 213};
    char bytes[64] = {0};
    for (size_t i = 0; i < COUNT(names); i++) {
        int fd = new_socket(AF_INET6, type);
        see_case("type %d option %d", type, names[i]);
        SEE(setsockopt(fd, IPPROTO_IPV6, names[i], bytes, 0));
        SEE(setsockopt(fd, IPPROTO_IPV6, names[i], bytes, 4));
        SEE(setsockopt(fd, IPPROTO_IPV6, names[i], bytes, 64));
        SEE(setsockopt(fd, IPPROTO_IPV6, names[i], edge(2), 4));
        every_get_length(fd, &(struct option){IPPROTO_IPV6, names[i], "it"});
        close(fd);
    }
}

int main(void)
{
    see_start();
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        for (size_t i = 0; i < COUNT(pairs); i++)
            both(i, type);
        sources(type);
        filter(type);
        rare(type);
        turned(type);
    }
    preferences();
    return 0;
}
