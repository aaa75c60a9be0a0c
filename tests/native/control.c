/* Control messages of ip(7), ipv6(7) and RFC 3542: PKTINFO, TOS and TCLASS, TTL and HOPLIMIT, time stamps
 * (present or not) and error queues, received and sent, on IPv4, IPv6 and dual-stack sockets. */
#include "ends.h"
#include <linux/errqueue.h>
#include <net/if.h>
#include <sys/uio.h>

union control { struct cmsghdr h; char bytes[256]; };

static const struct { int level, name; const char *text;
} switches[] = {
    {IPPROTO_IP, IP_PKTINFO, "IP_PKTINFO"},
    {IPPROTO_IP, IP_RECVTOS, "IP_RECVTOS"},
    {IPPROTO_IP, IP_RECVTTL, "IP_RECVTTL"},
    {IPPROTO_IP, IP_RECVORIGDSTADDR, "IP_RECVORIGDSTADDR"},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO"},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, "IPV6_RECVTCLASS"},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, "IPV6_RECVHOPLIMIT"},
    {IPPROTO_IPV6, IPV6_2292PKTINFO, "IPV6_2292PKTINFO"},
    {IPPROTO_IPV6, IPV6_2292HOPLIMIT, "IPV6_2292HOPLIMIT"},
    {IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, "IPV6_RECVORIGDSTADDR"},
    {SOL_SOCKET, SO_TIMESTAMP, "SO_TIMESTAMP"},
    {SOL_SOCKET, SO_RXQ_OVFL, "SO_RXQ_OVFL"},
};
static const struct { const char *server, *client; } ways[] = {
    {"0.0.0.0", "127.0.0.1"}, {"127.0.0.1", "127.0.0.1"}, {"::", "::1"}, {"::1", "::1"}, {"::", "127.0.0.1"},
    {"::", "::ffff:127.0.0.1"}, {"::ffff:127.0.0.1", "127.0.0.1"}, {"::", "127.0.0.9"},
};

static const char *payload(const struct cmsghdr *c)
{
    size_t n = c->cmsg_len - CMSG_LEN(0);
    int named = c->cmsg_type == IP_ORIGDSTADDR || c->cmsg_type == IPV6_ORIGDSTADDR;
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMP)
        return "a time";
    return named && c->cmsg_level != SOL_SOCKET ? addr(CMSG_DATA(c), n) : hex(CMSG_DATA(c), n);
}

static int receive(int fd, int room, int flags)
{
    union control c;
    struct box from;
    char text[8];
    struct iovec v = {text, 8};
    struct msghdr m = {.msg_name = box_fill(&from, 28), .msg_namelen = 28, .msg_iov = &v, .msg_iovlen = 1,
                       .msg_control = &c, .msg_controllen = room};
    memset(&c, GUARD, sizeof c);
    if (!(flags & MSG_DONTWAIT))
        ready(fd, POLLIN);
    int n = recvmsg(fd, &m, flags | MSG_DONTWAIT);
    printf("   got %s flags %#x controllen %d", result(n), m.msg_flags, n < 0 ? 0 : (int)m.msg_controllen);
    from.len = m.msg_namelen;
    printf(" from %s\n", n < 0 ? "-" : box_addr(&from, 28));
    for (struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
        printf("     level %d type %d len %d: %s\n", h->cmsg_level, h->cmsg_type, (int)h->cmsg_len,
               payload(h));
    if (n >= 0 && room < (int)sizeof c && (unsigned char)c.bytes[room] != GUARD)
        printf("     written beyond the room\n");
    return n;
}

static void each_switch(size_t way)
{
    for (size_t i = 0; i < COUNT(switches); i++) {
        int to = bound(ways[way].server, SOCK_DGRAM), fd;
        see_case("%s from %s: %s", ways[way].server, ways[way].client, switches[i].text);
        fd = connected(ways[way].client, SOCK_DGRAM, port_of(to));
        if (SEE(set_int(to, switches[i].level, switches[i].name, 1)) == 0) {
            send(fd, "abc", 3, 0);
            receive(to, 256, 0);
        }
        close(to);
        close(fd);
    }
}

/* All at once, in the order the kernel writes them, and cut short in every place. */
static void all_switches(size_t way)
{
    static const int rooms[] = {0, 1, 8, 12, 15, 16, 20, 24, 31, 32, 36, 40, 47, 48, 64, 80, 256};
    int to = bound(ways[way].server, SOCK_DGRAM), fd = connected(ways[way].client, SOCK_DGRAM, port_of(to));
    see_case("%s from %s: all", ways[way].server, ways[way].client);
    for (size_t i = 0; i < COUNT(switches); i++)
        if (switches[i].level != SOL_SOCKET && !strstr(switches[i].text, "2292"))
            set_int(to, switches[i].level, switches[i].name, 1);
    for (size_t i = 0; i < COUNT(rooms); i++) {
        send(fd, "abc", 3, 0);
        printf("room %d\n", rooms[i]);
        receive(to, rooms[i], 0);
    }
    close(to);
    close(fd);
}

static int send_control(int fd, const struct end *at, int level, int type, const void *value, int size)
{
    union control c;
    struct iovec v = {"abc", 3};
    struct msghdr m = {.msg_name = (void *)at->raw, .msg_namelen = at->len, .msg_iov = &v, .msg_iovlen = 1,
                       .msg_control = &c, .msg_controllen = CMSG_SPACE(size)};
    memset(&c, 0, sizeof c);
    c.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(&c.h), value, size);
    int n = sendmsg(fd, &m, 0);
    printf("send level %d type %d size %d: %s\n", level, type, size, result(n));
    return n >= 0;
}

static int observed(const char *server)
{
    int to = bound(server, SOCK_DGRAM);
    for (size_t i = 0; i < 7; i++)
        set_int(to, switches[i].level, switches[i].name, 1);
    return to;
}

/* TOS, TCLASS, TTL and HOPLIMIT of one message, as ints and bytes, good and bad. */
static void sent_numbers(const char *server, const char *client)
{
    static const int names[][2] = {
        {IPPROTO_IP, IP_TOS},
        {IPPROTO_IP, IP_TTL},
        {IPPROTO_IPV6, IPV6_TCLASS},
        {IPPROTO_IPV6, IPV6_HOPLIMIT},
    };
    static const int values[] = {1, 8, 0x20, 0xb8, 255, 256, 0, -1, -2};
    int to = observed(server), fd;
    struct end at = end_at(client, port_of(to));
    see_case("numbers sent to %s by %s", server, client);
    fd = new_socket(at.sa.sa_family, SOCK_DGRAM);
    for (size_t i = 0; i < COUNT(names); i++)
        for (size_t j = 0; j < COUNT(values); j++) {
            if (names[i][1] == IPV6_HOPLIMIT && !values[j])
                continue; /* goes out as 1 over IPv4: docs/limitations.md */
            printf("value %d ", values[j]);
            if (send_control(fd, &at, names[i][0], names[i][1], &values[j], j == 2 ? 1 : j == 3 ? 2 : 4))
                receive(to, 256, 0);
        }
    close(to);
    close(fd);
}

static void sent_pktinfo(const char *server, const char *client, const char *source, int index)
{
    struct end from = end_at(source, 0), at;
    struct in_pktinfo four = {index, from.in.sin_addr, {0}};
    struct in6_pktinfo six = {from.in6.sin6_addr, index};
    int to = observed(server), fd, v6 = from.sa.sa_family == AF_INET6;
    see_case("PKTINFO %s index %d sent to %s by %s", source, index, server, client);
    at = end_at(client, port_of(to));
    fd = new_socket(at.sa.sa_family, SOCK_DGRAM);
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
    void *value = v6 ? (void *)&six : &four;
    if (send_control(fd, &at, level, type, value, v6 ? sizeof six : sizeof four))
        receive(to, 256, 0);
    if (send_control(fd, &at, level, type, value, 4))
        receive(to, 256, 0);
    printf("%s\n", name_text(fd));
    close(to);
    close(fd);
}

/* Options of the socket that show in what the receiver is told. */
static void sticky(const char *server, const char *client)
{
    static const int names[][2] = {
        {IPPROTO_IP, IP_TOS},
        {IPPROTO_IP, IP_TTL},
        {IPPROTO_IPV6, IPV6_TCLASS},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    };
    int to = observed(server), fd = connected(client, SOCK_DGRAM, port_of(to));
    see_case("sticky, %s by %s", server, client);
    for (size_t i = 0; i < COUNT(names); i++) {
        SEE(set_int(fd, names[i][0], names[i][1], 0x10 + (int)i * 4));
        send(fd, "abc", 3, 0);
        receive(to, 256, 0);
    }
    close(to);
    close(fd);
}

static void error_queue(const char *ip, int level, int name)
{
    int port = free_port(), fd = connected(ip, SOCK_DGRAM, port);
    see_case("error queue of %s, level %d", ip, level);
    port_name(htons(port));
    SEE(set_int(fd, level, name, 1));
    send(fd, "abc", 3, 0);
    printf("poll %#x\n", ready(fd, POLLIN));
    receive(fd, 256, MSG_ERRQUEUE | MSG_DONTWAIT);
    receive(fd, 256, MSG_ERRQUEUE | MSG_DONTWAIT);
    receive(fd, 256, MSG_DONTWAIT);
    close(fd);
}

int main(void)
{
    see_start();
    if (if_nametoindex("lo") != 1)
        die("lo is not interface 1");
    for (size_t way = 0; way < COUNT(ways); way++) {
        each_switch(way);
        all_switches(way);
    }
    for (size_t way = 1; way < 6; way++) {
        sent_numbers(ways[way].server, ways[way].client);
        sticky(ways[way].server, ways[way].client);
    }
    sent_pktinfo("0.0.0.0", "127.0.0.1", "127.0.0.4", 0);
    sent_pktinfo("0.0.0.0", "127.0.0.1", "127.0.0.4", 1);
    sent_pktinfo("0.0.0.0", "127.0.0.1", "0.0.0.0", 1);
    sent_pktinfo("::", "::1", "::1", 0);
    sent_pktinfo("::", "::1", "::1", 1);
    sent_pktinfo("::", "::1", "::", 1);
    sent_pktinfo("::", "::1", "2001:db8::1", 0);
    sent_pktinfo("::", "::ffff:127.0.0.1", "::ffff:127.0.0.4", 0);
    sent_pktinfo("::", "::ffff:127.0.0.1", "127.0.0.4", 0);
    error_queue("127.0.0.1", IPPROTO_IP, IP_RECVERR);
    error_queue("::1", IPPROTO_IPV6, IPV6_RECVERR);
    error_queue("::ffff:127.0.0.1", IPPROTO_IP, IP_RECVERR);
    error_queue("::ffff:127.0.0.1", IPPROTO_IPV6, IPV6_RECVERR);
    return 0;
}
