/* netlink(7), rtnetlink(7): names and port ids, binding and groups, addresses good and bad, a request for
 * lo and its answer, errors, acknowledgements, peeking. Port ids print as SELF. */
#include "ends.h"
#include <linux/rtnetlink.h>
#include <net/if.h>

struct request { struct nlmsghdr h; struct ifinfomsg info; };

static int route_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        die("netlink");
    return fd;
}

static struct end address(unsigned pid, unsigned groups)
{
    struct end e = {.nl = {.nl_family = AF_NETLINK, .nl_pid = pid, .nl_groups = groups}, .len = sizeof e.nl};
    return e;
}

static void binds(void)
{
    static const int lengths[] = {-1, 0, 1, 2, 4, 11, 12, 13, 16, 128, 129};
    struct end e = address(0, 0);
    see_case("bind");
    for (size_t i = 0; i < COUNT(lengths); i++) {
        int fd = route_socket();
        printf("length %d: %s", lengths[i], result(bind(fd, &e.sa, lengths[i])));
        printf(" %s\n", name_text(fd));
        close(fd);
    }
    int fd = route_socket();
    printf("new %s peer %s\n", name_text(fd), peer_text(fd));
    SEE(bind(fd, &e.sa, e.len));
    SEE(bind(fd, &e.sa, e.len));
    printf("%s\n", name_text(fd));
    e = address(getpid(), 0);
    SEE(bind(fd, &e.sa, e.len));
    e = address(getpid() + 1, 0);
    SEE(bind(fd, &e.sa, e.len));
    e.sa.sa_family = AF_INET;
    SEE(bind(fd, &e.sa, e.len));
    e = address(0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR);
    SEE(bind(fd, &e.sa, e.len));
    printf("groups %s\n", name_text(fd));
    SEE(bind(fd, unmapped(), 12));
    close(fd);
}

static void connects(void)
{
    int fd = route_socket();
    struct end kernel = address(0, 0), none = {.len = 16};
    see_case("connect");
    SEE(connect(fd, &kernel.sa, kernel.len));
    printf("%s peer %s\n", name_text(fd), peer_text(fd));
    SEE(connect(fd, &kernel.sa, 4));
    kernel.sa.sa_family = AF_INET6;
    SEE(connect(fd, &kernel.sa, 28));
    SEE(connect(fd, &none.sa, none.len));
    printf("%s peer %s\n", name_text(fd), peer_text(fd));
    close(fd);
}

static int get_lo(int fd, int type, int flags, int index)
{
    struct request r = {{.nlmsg_len = sizeof r, .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = 77},
                        {.ifi_family = AF_UNSPEC, .ifi_index = index}};
    struct end kernel = address(0, 0);
    return sendto(fd, &r, sizeof r, 0, &kernel.sa, kernel.len);
}

static const char *interface_of(struct nlmsghdr *h)
{
    struct ifinfomsg *info = NLMSG_DATA(h);
    int left = IFLA_PAYLOAD(h);
    for (struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type == IFLA_IFNAME)
            return RTA_DATA(a);
    return "unnamed";
}

static void show(int fd, struct nlmsghdr *h)
{
    struct end e = name_of(fd);
    printf("   type %d flags %#x seq %u to me %d", h->nlmsg_type, h->nlmsg_flags, h->nlmsg_seq,
           h->nlmsg_pid == e.nl.nl_pid);
    if (h->nlmsg_type == NLMSG_ERROR)
        printf(" error %d", ((struct nlmsgerr *)NLMSG_DATA(h))->error);
    if (h->nlmsg_type == RTM_NEWLINK)
        printf(" %s", interface_of(h));
    printf("\n");
}

/* Where a datagram of a dump ends differs with the number of interfaces, and is not printed. */
static int answer(int fd, int only_first, int dump)
{
    static char room[65536] __attribute__((aligned(8)));
    struct box from;
    int n = recvfrom(fd, room, sizeof room, 0, box_fill(&from, 12), &from.len), left = n, last = 0;
    if (n < 0)
        printf("   %s\n", result(n));
    else if (!dump || strcmp(box_addr(&from, 12), "len 12 1000.0000.00000000.00000000"))
        printf("   from %s\n", box_addr(&from, 12));
    for (struct nlmsghdr *h = (void *)room; n > 0 && NLMSG_OK(h, (unsigned)left); h = NLMSG_NEXT(h, left)) {
        if (h->nlmsg_type != RTM_NEWLINK || !strcmp(interface_of(h), "lo"))
            show(fd, h);
        last = h->nlmsg_type;
        if (only_first)
            break;
    }
    return n > 0 && last != NLMSG_DONE && last != NLMSG_ERROR;
}

static void requests(void)
{
    int fd = route_socket();
    see_case("requests");
    SEE(get_lo(fd, RTM_GETLINK, NLM_F_REQUEST, 1));
    printf("%s\n", name_text(fd));
    answer(fd, 0, 0);
    SEE(get_lo(fd, RTM_GETLINK, NLM_F_REQUEST, 99999));
    answer(fd, 0, 0);
    SEE(get_lo(fd, RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 1));
    answer(fd, 0, 0);
    answer(fd, 0, 0);
    SEE(get_lo(fd, 4000, NLM_F_REQUEST, 0));
    answer(fd, 0, 0);
    SEE(get_lo(fd, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 0));
    while (answer(fd, 0, 1))
        ;
    SEE(get_lo(fd, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 0));
    answer(fd, 0, 0);
    close(fd);
}

static void peeking(void)
{
    char byte;
    struct iovec v = {&byte, 0};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    int fd = route_socket(), n;
    see_case("peeking");
    SEE(recv(fd, &byte, 1, MSG_DONTWAIT));
    get_lo(fd, 4000, NLM_F_REQUEST, 0);
    n = recvmsg(fd, &m, MSG_PEEK | MSG_TRUNC);
    printf("peeked %s flags %#x\n", result(n), m.msg_flags);
    n = recv(fd, &byte, 1, MSG_PEEK);
    printf("one byte %s\n", result(n));
    v.iov_len = 1;
    n = recvmsg(fd, &m, 0);
    printf("cut %s flags %#x\n", result(n), m.msg_flags);
    SEE(recv(fd, &byte, 1, MSG_DONTWAIT));
    close(fd);
}

static void bad_sends(void)
{
    int fd = route_socket(), value = -1;
    struct request r = {
        {.nlmsg_len = sizeof r, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 5},
        {0}};
    struct end kernel = address(0, 0);
    see_case("bad requests");
    SEE(sendto(fd, &r, sizeof r, 0, &kernel.sa, 4));
    SEE(sendto(fd, &r, 4, 0, &kernel.sa, kernel.len));
    SEE(recv(fd, &r, sizeof r, MSG_DONTWAIT));
    SEE(sendto(fd, unmapped(), 32, 0, &kernel.sa, kernel.len));
    SEE(sendto(fd, &r, sizeof r, MSG_OOB, &kernel.sa, kernel.len));
    SEE(send(fd, &r, 0, 0));
    kernel.sa.sa_family = AF_INET;
    SEE(sendto(fd, &r, sizeof r, 0, &kernel.sa, kernel.len));
    SEE(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &(int){1}, 4));
    SEE(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &(int){9999}, 4));
    SEE(setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &(int){1}, 4));
    SEE(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &(int){1}, 4));
    SEE(getsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &value, &(socklen_t){4}));
    SEE(setsockopt(fd, SOL_NETLINK, 999, &value, 4));
    printf("%s\n", name_text(fd));
    close(fd);
}

int main(void)
{
    see_start();
    if (if_nametoindex("lo") != 1)
        die("lo is not interface 1");
    binds();
    connects();
    requests();
    peeking();
    bad_sends();
    return 0;
}
