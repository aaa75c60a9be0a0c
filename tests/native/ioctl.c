/* ioctl(2) on sockets, as socket(7), tcp(7), udp(7) and netdevice(7) have them: queue lengths, flags,
 * owners, questions about lo by name, index and address; requests unknown and pointers bad. */
#include "ends.h"
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

static const struct { unsigned long request; const char *text;
} questions[] = {
    {SIOCGIFINDEX, "SIOCGIFINDEX"},     {SIOCGIFFLAGS, "SIOCGIFFLAGS"},
    {SIOCGIFADDR, "SIOCGIFADDR"},       {SIOCGIFNETMASK, "SIOCGIFNETMASK"},
    {SIOCGIFBRDADDR, "SIOCGIFBRDADDR"}, {SIOCGIFDSTADDR, "SIOCGIFDSTADDR"},
    {SIOCGIFMTU, "SIOCGIFMTU"},         {SIOCGIFHWADDR, "SIOCGIFHWADDR"},
    {SIOCGIFMETRIC, "SIOCGIFMETRIC"},   {SIOCGIFMAP, "SIOCGIFMAP"},
    {SIOCGIFNAME, "SIOCGIFNAME"},       {SIOCGIFENCAP, "SIOCGIFENCAP"},
    {SIOCGIFSLAVE, "SIOCGIFSLAVE"},
};
static const struct { int family, type; const char *name; } kinds[] = {
    {AF_INET, SOCK_STREAM, "tcp4"}, {AF_INET, SOCK_DGRAM, "udp4"}, {AF_INET6, SOCK_STREAM, "tcp6"},
    {AF_INET6, SOCK_DGRAM, "udp6"}, {AF_UNIX, SOCK_STREAM, "unix"}, {AF_NETLINK, SOCK_RAW, "netlink"},
};

static void about(int fd, const char *interface)
{
    for (size_t i = 0; i < COUNT(questions); i++) {
        struct ifreq r;
        memset(&r, GUARD, sizeof r);
        snprintf(r.ifr_name, IFNAMSIZ, "%s", interface);
        if (questions[i].request == SIOCGIFNAME)
            r.ifr_ifindex = interface[0] == 'l' ? 1 : 99999;
        int n = ioctl(fd, questions[i].request, &r);
        printf("%s %s: %s", questions[i].text, interface, result(n));
        printf(" '%.15s' %s\n", r.ifr_name, n ? "" : hex(&r.ifr_ifru, 16));
    }
}

static void unknown(size_t kind)
{
    static const unsigned long requests[] = {0x8900 + 0xff, 0x89a5, 0x8960, 0x5499, 0, 0xffffffff};
    int fd = new_socket(kinds[kind].family, kinds[kind].type), n = 1;
    see_case("%s: requests", kinds[kind].name);
    for (size_t i = 0; i < COUNT(requests); i++)
        printf("%#lx: %s\n", requests[i], result(ioctl(fd, requests[i], &n)));
    SEE(ioctl(fd, FIONREAD, &n));
    SEE(ioctl(fd, SIOCOUTQ, &n));
    SEE(ioctl(fd, SIOCATMARK, &n));
    SEE(ioctl(fd, FIONREAD, NULL));
    SEE(ioctl(fd, FIONBIO, NULL));
    SEE(ioctl(fd, FIONBIO, unmapped()));
    SEE(ioctl(fd, FIONREAD, readonly()));
    SEE(ioctl(fd, SIOCGIFINDEX, NULL));
    SEE(ioctl(fd, SIOCGIFINDEX, unmapped()));
    SEE(ioctl(fd, SIOCGIFADDR, readonly()));
    SEE(ioctl(fd, SIOCGIFADDR, edge(20)));
    SEE(ioctl(fd, SIOCGPGRP, unmapped()));
    SEE(ioctl(fd, SIOCSPGRP, NULL));
    close(fd);
    SEE(ioctl(fd, FIONREAD, &n));
}

static void flags(size_t kind)
{
    int fd = new_socket(kinds[kind].family, kinds[kind].type), on = 1, off = 0, owner = -1;
    see_case("%s: flags and owner", kinds[kind].name);
    SEE(ioctl(fd, FIONBIO, &on));
    printf("   GETFL %#x\n", fcntl(fd, F_GETFL));
    SEE(ioctl(fd, FIONBIO, &off));
    SEE(ioctl(fd, FIOCLEX));
    printf("   GETFL %#x GETFD %d\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    SEE(ioctl(fd, FIOASYNC, &on));
    printf("   GETFL %#x\n", fcntl(fd, F_GETFL));
    SEE(ioctl(fd, FIOASYNC, &off));
    SEE(ioctl(fd, SIOCGPGRP, &owner));
    printf("   owner %d\n", owner);
    owner = getpid();
    SEE(ioctl(fd, SIOCSPGRP, &owner));
    owner = -1;
    SEE(ioctl(fd, FIOGETOWN, &owner));
    printf("   owner is this process: %d\n", owner == getpid());
    close(fd);
}

static void queue(const char *what, int fd)
{
    int in = -1, out = -1, mark = -1, r[3];
    r[0] = ioctl(fd, FIONREAD, &in);
    r[1] = ioctl(fd, SIOCOUTQ, &out);
    r[2] = ioctl(fd, SIOCATMARK, &mark);
    printf("%s: FIONREAD %d %d SIOCOUTQ %d %d SIOCATMARK %d %d\n", what, r[0], in, r[1], out, r[2], mark);
}

static void tcp_queue(const char *server, const char *client)
{
    int pair[2], l = listening(server), n;
    char text[8];
    see_case("tcp %s from %s: queues", server, client);
    SEE(ioctl(l, FIONREAD, &n));
    SEE(ioctl(l, SIOCOUTQ, &n));
    tcp_pair(server, client, pair);
    queue("empty", pair[0]);
    send(pair[1], "abcdef", 6, 0);
    ready(pair[0], POLLIN);
    queue("six bytes", pair[0]);
    recv(pair[0], text, 2, 0);
    queue("four bytes", pair[0]);
    send(pair[1], "!", 1, MSG_OOB);
    ready(pair[0], POLLPRI);
    queue("urgent", pair[0]);
    recv(pair[0], text, 8, 0);
    queue("at the mark", pair[0]);
    close(pair[1]);
    ready(pair[0], POLLRDHUP);
    queue("closed", pair[0]);
    close(pair[0]);
    close(l);
}

static void udp_queue(const char *ip)
{
    int pair[2];
    char text[8];
    see_case("udp %s: queues", ip);
    udp_pair(ip, pair);
    queue("empty", pair[0]);
    struct end to = name_of(pair[0]); /* with an address both are there at once */
    sendto(pair[1], "abc", 3, 0, &to.sa, to.len);
    sendto(pair[1], "defgh", 5, 0, &to.sa, to.len);
    ready(pair[0], POLLIN);
    queue("two", pair[0]);
    recv(pair[0], text, 8, 0);
    queue("one", pair[0]);
    recv(pair[0], text, 8, 0);
    queue("none", pair[0]);
    SEE(ioctl(pair[0], SIOCGSTAMP, unmapped()) && errno == EFAULT);
    close(pair[0]);
    close(pair[1]);
}

/* Whatever other interfaces there are, lo is in the list. */
static void configuration(size_t kind)
{
    char room[64 * sizeof(struct ifreq)];
    struct ifconf c = {.ifc_len = sizeof room, .ifc_buf = room};
    int fd = new_socket(kinds[kind].family, kinds[kind].type);
    see_case("%s: SIOCGIFCONF", kinds[kind].name);
    SEE(ioctl(fd, SIOCGIFCONF, &c));
    printf("   whole entries: %d\n", c.ifc_len > 0 && c.ifc_len % (int)sizeof(struct ifreq) == 0);
    for (struct ifreq *r = c.ifc_req; (char *)r < room + c.ifc_len; r++)
        if (!strcmp(r->ifr_name, "lo"))
            printf("   lo %s\n", addr(&r->ifr_addr, 16));
    c.ifc_len = sizeof(struct ifreq) - 1;
    SEE(ioctl(fd, SIOCGIFCONF, &c));
    printf("   too short: length %d\n", c.ifc_len);
    c.ifc_len = 40 * sizeof(struct ifreq);
    c.ifc_buf = NULL;
    SEE(ioctl(fd, SIOCGIFCONF, &c));
    printf("   without a buffer: some %d\n", c.ifc_len > 0);
    c.ifc_len = sizeof room;
    c.ifc_buf = unmapped();
    SEE(ioctl(fd, SIOCGIFCONF, &c));
    SEE(ioctl(fd, SIOCGIFCONF, NULL));
    close(fd);
}

int main(void)
{
    see_start();
    for (size_t kind = 0; kind < COUNT(kinds); kind++) {
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        see_case("%s: interfaces", kinds[kind].name);
        about(fd, "lo");
        about(fd, "nosuch0");
        about(fd, "");
        close(fd);
        unknown(kind);
        flags(kind);
        configuration(kind);
    }
    tcp_queue("127.0.0.1", "127.0.0.1");
    tcp_queue("::1", "::1");
    tcp_queue("::", "127.0.0.1");
    udp_queue("127.0.0.1");
    udp_queue("::1");
    return 0;
}
