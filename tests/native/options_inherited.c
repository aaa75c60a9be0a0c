/* accept(2), socket(7), tcp(7): which options of a listener an accepted socket has, set before the connection
 * came, and set while it waited. */
#include "options.h"

static const struct { struct option o; int value; } rows[] = {
    {OPTION(SOL_SOCKET, SO_REUSEADDR), 1},      {OPTION(SOL_SOCKET, SO_REUSEPORT), 1},
    {OPTION(SOL_SOCKET, SO_KEEPALIVE), 1},      {OPTION(SOL_SOCKET, SO_OOBINLINE), 1},
    {OPTION(SOL_SOCKET, SO_DONTROUTE), 1},      {OPTION(SOL_SOCKET, SO_BROADCAST), 1},
    {OPTION(SOL_SOCKET, SO_PRIORITY), 4},       {OPTION(SOL_SOCKET, SO_RCVLOWAT), 5},
    {OPTION(SOL_SOCKET, SO_TIMESTAMP), 1},      {OPTION(SOL_SOCKET, SO_ZEROCOPY), 1},
    {OPTION(SOL_SOCKET, SO_SNDBUF), 20000},     {OPTION(SOL_SOCKET, SO_RCVBUF), 20000},
    {OPTION(IPPROTO_TCP, TCP_NODELAY), 1},      {OPTION(IPPROTO_TCP, TCP_KEEPIDLE), 77},
    {OPTION(IPPROTO_TCP, TCP_KEEPINTVL), 7},    {OPTION(IPPROTO_TCP, TCP_KEEPCNT), 3},
    {OPTION(IPPROTO_TCP, TCP_SYNCNT), 4},       {OPTION(IPPROTO_TCP, TCP_LINGER2), 9},
    {OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT), 0}, {OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT), 900},
    {OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT), 99}, {OPTION(IPPROTO_TCP, TCP_INQ), 1},
    {OPTION(IPPROTO_TCP, TCP_SAVE_SYN), 1},     {OPTION(IPPROTO_IP, IP_TTL), 33},
    {OPTION(IPPROTO_IP, IP_TOS), 0x10},         {OPTION(IPPROTO_IP, IP_RECVERR), 1},
    {OPTION(IPPROTO_IP, IP_PKTINFO), 1},        {OPTION(IPPROTO_IP, IP_FREEBIND), 1},
    {OPTION(IPPROTO_IP, IP_MTU_DISCOVER), 2},   {OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS), 44},
    {OPTION(IPPROTO_IPV6, IPV6_TCLASS), 0x20},  {OPTION(IPPROTO_IPV6, IPV6_RECVERR), 1},
    {OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO), 1}, {OPTION(IPPROTO_IPV6, IPV6_V6ONLY), 0},
};

static void structures(int fd, int set)
{
    static const struct option linger = OPTION(SOL_SOCKET, SO_LINGER), wait = OPTION(SOL_SOCKET, SO_RCVTIMEO);
    struct linger for_five = {1, 5};
    struct timeval three = {3, 0};
    if (set) {
        SEE(setsockopt(fd, SOL_SOCKET, SO_LINGER, &for_five, sizeof for_five));
        SEE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &three, sizeof three));
    }
    printf("SO_LINGER %s", read_back(fd, &linger, 8));
    printf(", SO_RCVTIMEO %s\n", read_back(fd, &wait, sizeof three));
}

static void accepted(const char *ip, int before)
{
    struct end end = end_at(ip, 0);
    socklen_t len = sizeof end.raw;
    int listener = new_socket(end.sa.sa_family, SOCK_STREAM), client = new_socket(end.sa.sa_family, SOCK_STREAM);
    int fd;
    see_case("%s, set %s", ip, before ? "before" : "after");
    bind(listener, &end.sa, end.len);
    listen(listener, 5);
    getsockname(listener, &end.sa, &len);
    if (!before)
        connect(client, &end.sa, len);
    for (size_t i = 0; i < COUNT(rows); i++)
        set_int(listener, rows[i].o.level, rows[i].o.name, rows[i].value);
    structures(listener, 1);
    if (before)
        connect(client, &end.sa, len);
    fd = accept(listener, NULL, NULL);
    for (size_t i = 0; i < COUNT(rows); i++)
        printf("%s %s\n", rows[i].o.text, read_back(fd, &rows[i].o, 4));
    structures(fd, 0);
    close(fd);
    close(client);
    close(listener);
}

int main(void)
{
    see_start();
    accepted("127.0.0.1", 1);
    accepted("::1", 1);
    return 0;
}
