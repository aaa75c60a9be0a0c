/* accept4(2): flags, and which of several bad arguments is answered first. The address and the queue are
 * accept.c's matter. */
#include "ends.h"

static const int flags[] = {
    0, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_CLOEXEC | SOCK_NONBLOCK, 1, SOCK_STREAM | SOCK_CLOEXEC, 0x100, -1,
    SOCK_NONBLOCK | 0x40000000, INT32_MIN,
};

static void every_flag(const char *server_ip, const char *client_ip)
{
    int l = listening(server_ip), port = port_of(l);
    fcntl(l, F_SETFL, O_NONBLOCK);
    for (size_t i = 0; i < COUNT(flags); i++) {
        struct box b;
        see_case("%s accepts %s with flags %#x", server_ip, client_ip, flags[i]);
        int c = connected(client_ip, SOCK_STREAM, port), fd;
        ready(l, POLLIN);
        fd = SEE(accept4(l, box_fill(&b, 28), &b.len, flags[i]));
        printf("   %s\n", box_addr(&b, 28));
        if (fd < 0)
            fd = SEE(accept4(l, NULL, NULL, 0));
        printf("   GETFD %d GETFL %#x %s", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL), name_text(fd));
        printf(" peer %s\n", peer_text(fd));
        close(fd);
        close(c);
    }
    SEE(accept4(l, NULL, NULL, 0));
    SEE(accept4(l, NULL, NULL, SOCK_NONBLOCK));
    SEE(accept4(l, NULL, NULL, 1));
    close(l);
}

static void which_error_first(void)
{
    int udp = bound("::", SOCK_DGRAM), plain = new_socket(AF_INET6, SOCK_STREAM);
    int netlink = new_socket(AF_NETLINK, SOCK_RAW);
    see_case("which error comes first");
    SEE(accept4(BAD_FD, NULL, NULL, 1));
    SEE(accept4(BAD_FD, unmapped(), unmapped(), 0));
    SEE(accept4(0, NULL, NULL, 1));
    SEE(accept4(0, unmapped(), unmapped(), SOCK_CLOEXEC));
    SEE(accept4(udp, NULL, NULL, 1));
    SEE(accept4(udp, unmapped(), unmapped(), SOCK_CLOEXEC));
    SEE(accept4(plain, NULL, NULL, 0x100));
    SEE(accept4(plain, unmapped(), unmapped(), 0));
    SEE(accept4(netlink, NULL, NULL, 0));
}

/* Two waiting clients come out in the order they came; a third that has already gone is still counted. */
static void order(const char *ip)
{
    int l = listening(ip), c[3], fd;
    char text[8] = "";
    see_case("%s: order of the queue", ip);
    for (int i = 0; i < 3; i++) {
        c[i] = connected(ip, SOCK_STREAM, port_of(l));
        port_name(name_of(c[i]).in.sin_port);
        send(c[i], &"abc"[i], 1, 0);
    }
    close(c[1]);
    for (int i = 0; i < 3; i++) {
        struct box b;
        fd = SEE(accept4(l, box_fill(&b, 28), &b.len, SOCK_CLOEXEC));
        printf("   %s\n", box_addr(&b, 28));
        SEE(recv(fd, text, sizeof text, 0));
        printf("   %s peer %s\n", text, peer_text(fd));
    }
    close(l);
}

/* A client that reset its connection before it was accepted. */
static void already_reset(const char *ip)
{
    int l = listening(ip), c = connected(ip, SOCK_STREAM, port_of(l)), fd;
    struct linger now = {1, 0};
    char byte;
    see_case("%s: reset before accept", ip);
    port_name(name_of(c).in.sin_port);
    setsockopt(c, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(c);
    struct box b;
    fd = SEE(accept4(l, box_fill(&b, 28), &b.len, 0));
    printf("   %s\n", box_addr(&b, 28));
    SEE(recv(fd, &byte, 1, 0));
    SEE(recv(fd, &byte, 1, 0));
    SEE(send(fd, "x", 1, MSG_NOSIGNAL));
    printf("   %s peer %s\n", name_text(fd), peer_text(fd));
}

int main(void)
{
    see_start();
    every_flag("127.0.0.1", "127.0.0.1");
    every_flag("::", "127.0.0.1");
    every_flag("::", "::1");
    which_error_first();
    order("127.0.0.1");
    order("::1");
    already_reset("127.0.0.1");
    already_reset("::1");
    return 0;
}
