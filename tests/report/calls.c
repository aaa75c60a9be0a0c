/* Makes every kind of socket call once or more, so that its trace can be compared with strace's. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static char buffer[65536];
static int one = 1;

static void interfaces(int s)
{
    struct ifreq r = {.ifr_name = "lo"};
    ioctl(s, FIONBIO, &one);
    ioctl(s, FIONREAD, &one);
    ioctl(s, SIOCGIFINDEX, &r);
    ioctl(s, SIOCGIFADDR, &r);
    ioctl(s, SIOCGIFFLAGS, &r);
    ioctl(s, SIOCGIFMTU, &r);
    ioctl(s, SIOCGIFHWADDR, &r);
    ioctl(s, SIOCGIFMETRIC, &r);
    r.ifr_ifindex = 1;
    ioctl(s, SIOCGIFNAME, &r);
    strcpy(r.ifr_name, "nope");
    ioctl(s, SIOCGIFADDR, &r);
    ioctl(s, SIOCGIFINDEX, 0);
    struct ifconf c = {.ifc_len = sizeof buffer, .ifc_buf = buffer};
    ioctl(s, SIOCGIFCONF, &c);
}

static void options(int s)
{
    struct linger linger = {1, 5};
    struct ip_mreq group = {.imr_multiaddr.s_addr = 0x010000e0};
    socklen_t length = 4;
    setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    setsockopt(s, SOL_SOCKET, SO_LINGER, 0, 8);
    setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
    setsockopt(s, SOL_SOCKET, 999, &one, 4);
    setsockopt(s, 77, 3, &one, 4);
    setsockopt(s, IPPROTO_IP, IP_TOS, &one, 1);
    setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
    setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    getsockopt(s, SOL_SOCKET, SO_TYPE, buffer, &length);
    length = 100;
    getsockopt(s, SOL_SOCKET, SO_RCVBUF, buffer, &length);
    getsockopt(s, SOL_SOCKET, SO_TYPE, buffer, 0);
}

static void inet(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = 128;
    int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(l, (void *)&a, sizeof a);
    listen(l, 5);
    getsockname(l, (void *)&a, &length);
    connect(c, (void *)&a, sizeof a);
    length = sizeof a;
    int s = accept4(l, (void *)&a, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    length = 3;
    getpeername(s, (void *)&a, &length);
    memset(buffer, 'x', 40);
    send(c, buffer, 40, MSG_NOSIGNAL);
    recv(s, buffer, 100, 0);
    recv(s, buffer, 100, 0);
    length = sizeof a;
    recvfrom(s, buffer, 100, MSG_DONTWAIT, (void *)&a, &length);
    send(c, "\0" "1\"\\\n\177\200", 7, 0);
    recv(s, buffer, 100, MSG_PEEK);
    send(c, (void *)8, 5, 0);
    shutdown(c, SHUT_WR);
    shutdown(c, 7);
    accept(s, 0, 0);
    send(-1, 0, 0, MSG_NOSIGNAL | 0x100000);
}

static void bad(int s)
{
    connect(s, (void *)5, 16);
    connect(s, (void *)buffer, 1);
    connect(s, (void *)buffer, -1);
    bind(s, 0, 0);
    accept4(s, 0, 0, SOCK_NONBLOCK | 1);
    socket(77, 99, 5);
    socket(AF_INET, 0, 0);
    socket(AF_INET, SOCK_STREAM, 999);
    sendmsg(s, 0, 0);
    recvmsg(s, (void *)16, 0);
}

static void local(void)
{
    int sv[2];
    char control[64] = {0};
    struct iovec v[2] = {{buffer, 3}, {buffer, 2}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = control, .msg_controllen = CMSG_SPACE(4)};
    struct sockaddr_un un = {AF_UNIX, "trace.sock"};
    socklen_t length = sizeof un;
    socketpair(AF_INET, SOCK_STREAM, 0, sv);
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sv);
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(4);
    memcpy(CMSG_DATA(head), sv, 4);
    sendmsg(sv[0], &m, MSG_NOSIGNAL);
    m.msg_controllen = sizeof control;
    recvmsg(sv[1], &m, 0);
    struct mmsghdr several[2] = {{.msg_hdr = {.msg_iov = v, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = v, .msg_iovlen = 2}}};
    sendmmsg(sv[0], several, 2, 0);
    recvmmsg(sv[1], several, 2, MSG_WAITFORONE, 0);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(s, (void *)&un, sizeof un);
    getsockname(s, (void *)&un, &length);
    unlink("trace.sock");
    s = socket(AF_UNIX, SOCK_DGRAM, 0);
    /* Abstract names are the whole machine's: the folder's inode keeps apart what runs in others. */
    struct stat here = {0};
    stat(".", &here);
    bind(s, (void *)&un, 2 + sprintf(un.sun_path, "%cabc\1%llx", 0, (long long)here.st_ino));
}

static void netlink(void)
{
    int n = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl a = {.nl_family = AF_NETLINK};
    struct {
        struct nlmsghdr head;
        struct rtgenmsg body;
    } q = {{20, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_INET}};
    struct iovec v = {buffer, sizeof buffer};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1};
    bind(n, (void *)&a, sizeof a);
    sendto(n, &q, 20, 0, (void *)&a, sizeof a);
    recvmsg(n, &m, 0);
    recv(n, buffer, sizeof buffer, 0);
}

int main(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    interfaces(s);
    options(s);
    inet();
    bad(s);
    local();
    netlink();
    return 0;
}
