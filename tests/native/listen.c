/* listen(2): backlogs, unbound and connected sockets, kinds that cannot listen, listening twice, and
 * what a listener then answers to the other calls. */
#include "ends.h"

static void backlogs(int family)
{
    static const int values[] = {0, 1, -1, 128, 4096, 1 << 20, INT32_MAX, INT32_MIN};
    see_case("family %d backlogs, unbound", family);
    for (size_t i = 0; i < COUNT(values); i++) {
        int fd = new_socket(family, SOCK_STREAM), one = 0;
        socklen_t len = sizeof one;
        ports()->count = 0;
        printf("backlog %d: ", values[i]);
        SEE(listen(fd, values[i]));
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &one, &len);
        printf("   %s acceptconn %d\n", name_text(fd), one);
        SEE(listen(fd, 5));
        close(fd);
    }
}

static void cannot_listen(void)
{
    static const struct { int family, type; } kinds[] = {
        {AF_INET, SOCK_DGRAM}, {AF_INET6, SOCK_DGRAM}, {AF_UNIX, SOCK_DGRAM}, {AF_UNIX, SOCK_STREAM},
        {AF_UNIX, SOCK_SEQPACKET}, {AF_NETLINK, SOCK_RAW},
    };
    see_case("kinds that cannot");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        int fd = new_socket(kinds[i].family, kinds[i].type);
        printf("%d/%d: ", kinds[i].family, kinds[i].type);
        SEE(listen(fd, 1));
        close(fd);
    }
    SEE(listen(-1, 1));
    SEE(listen(BAD_FD, 1));
    SEE(listen(0, 1));
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    SEE(listen(pair[0], 1));
}

static void what_a_listener_answers(const char *ip)
{
    int fd = listening(ip), other;
    struct end e = name_of(fd), any = end_at(ip, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    char byte;
    see_case("a listener on %s", ip);
    printf("   %s peer %s\n", name_text(fd), peer_text(fd));
    SEE(poll(&p, 1, 0));
    SEE(bind(fd, &any.sa, any.len));
    SEE(connect(fd, &e.sa, e.len));
    SEE(recv(fd, &byte, 1, MSG_DONTWAIT));
    SEE(send(fd, "x", 1, MSG_NOSIGNAL));
    SEE(sendto(fd, "x", 1, MSG_NOSIGNAL, &e.sa, e.len));
    SEE(shutdown(fd, SHUT_WR));
    other = connected(ip, SOCK_STREAM, ntohs(e.in.sin_port));
    printf("   poll %#x\n", ready(fd, POLLIN));
    SEE(listen(other, 1));
    SEE(shutdown(fd, SHUT_RD));
    printf("   poll %#x\n", ready(fd, POLLIN));
    SEE(accept(fd, NULL, NULL));
    printf("   %s\n", name_text(fd));
    SEE(connect(fd, &e.sa, e.len));
    SEE(listen(fd, 3));
    SEE(close(other));
    close(fd);
}

/* Two sockets may bind one port with SO_REUSEADDR, but only one of them may listen. */
static void second_listener(const char *first_ip, const char *second_ip, int option)
{
    int a = new_socket(strchr(first_ip, ':') ? AF_INET6 : AF_INET, SOCK_STREAM);
    int b = new_socket(strchr(second_ip, ':') ? AF_INET6 : AF_INET, SOCK_STREAM);
    struct end at = end_at(first_ip, free_port());
    see_case("%s then %s with option %d", first_ip, second_ip, option);
    set_int(a, SOL_SOCKET, option, 1);
    set_int(b, SOL_SOCKET, option, 1);
    SEE(bind(a, &at.sa, at.len));
    at = end_at(second_ip, port_of(a));
    SEE(bind(b, &at.sa, at.len));
    SEE(listen(a, 1));
    SEE(listen(b, 1));
    printf("   %s / %s\n", name_text(a), name_text(b));
    close(a);
    SEE(listen(b, 1));
    close(b);
}

int main(void)
{
    see_start();
    backlogs(AF_INET);
    backlogs(AF_INET6);
    cannot_listen();
    what_a_listener_answers("127.0.0.1");
    what_a_listener_answers("::1");
    what_a_listener_answers("::");
    second_listener("127.0.0.1", "127.0.0.1", SO_REUSEADDR);
    second_listener("::1", "::1", SO_REUSEADDR);
    second_listener("::", "127.0.0.1", SO_REUSEADDR);
    second_listener("127.0.0.1", "::", SO_REUSEADDR);
    second_listener("::1", "127.0.0.1", SO_REUSEADDR);
    second_listener("::", "::", SO_REUSEPORT);
    second_listener("0.0.0.0", "::", SO_REUSEPORT);
    return 0;
}
