/* connect(2): the states of a connection. Refused, in progress, already, connected, reset, dissolved with
 * AF_UNSPEC, connected to itself; for datagrams a new peer, and the refusal that ICMP brings. */
#include "ends.h"

static const char *const loops[] = {"127.0.0.1", "::1", "::ffff:127.0.0.1"};

static int family_of(const char *ip) { return strchr(ip, ':') ? AF_INET6 : AF_INET; }

static int so_error(int fd)
{
    int e = -1;
    socklen_t len = sizeof e;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) ? -1 : e;
}

static void state(int fd)
{
    int first = so_error(fd), second = so_error(fd);
    printf("   SO_ERROR %d, then %d, %s", first, second, name_text(fd));
    printf(" peer %s\n", peer_text(fd));
}

static void refused(const char *ip)
{
    struct end e = end_at(ip, free_port());
    int fd = new_socket(e.sa.sa_family, SOCK_STREAM), l;
    char byte;
    see_case("tcp %s refused, blocking", ip);
    SEE(connect(fd, &e.sa, e.len));
    state(fd);
    SEE(recv(fd, &byte, 1, MSG_DONTWAIT));
    SEE(send(fd, "x", 1, MSG_NOSIGNAL));
    SEE(connect(fd, &e.sa, e.len));
    printf("   poll %#x\n", ready(fd, POLLIN | POLLOUT));
    l = listening(ip);
    e = end_at(ip, port_of(l));
    SEE(connect(fd, &e.sa, e.len));
    printf("   poll %#x peer %s\n", ready(fd, POLLOUT), peer_text(fd));
    close(fd);
    close(l);
}

static void refused_later(const char *ip)
{
    struct end e = end_at(ip, free_port());
    int fd = new_socket(e.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK);
    see_case("tcp %s refused, non-blocking", ip);
    SEE(connect(fd, &e.sa, e.len));
    printf("   poll %#x\n", ready(fd, POLLOUT));
    state(fd);
    printf("   poll %#x\n", ready(fd, POLLOUT));
    SEE(connect(fd, &e.sa, e.len));
    ready(fd, POLLOUT);
    SEE(connect(fd, &e.sa, e.len));
    close(fd);
}

static void in_progress(const char *ip)
{
    int l = listening(ip), fd = new_socket(family_of(ip), SOCK_STREAM | SOCK_NONBLOCK), conn;
    struct end e = end_at(ip, port_of(l)), self = end_at(ip, 0);
    see_case("tcp %s in progress", ip);
    SEE(connect(fd, &e.sa, e.len));
    printf("   poll %#x", ready(fd, POLLOUT));
    printf(" SO_ERROR %d\n", so_error(fd));
    SEE(connect(fd, &e.sa, e.len));
    SEE(connect(fd, &e.sa, e.len));
    SEE(bind(fd, &self.sa, self.len));
    SEE(listen(fd, 1));
    state(fd);
    conn = accept(l, NULL, NULL);
    printf("   accepted %s peer %s\n", name_text(conn), peer_text(conn));
    close(l);
    close(conn);
    ready(fd, POLLIN);
    printf("   peer gone: peer %s\n", peer_text(fd));
    close(fd);
}

static void dissolved(const char *ip, int type)
{
    int to = type == SOCK_STREAM ? listening(ip) : bound(ip, type), fd = new_socket(family_of(ip), type);
    struct end e = end_at(ip, port_of(to)), none = {.len = 16};
    char byte;
    see_case("type %d %s dissolved with AF_UNSPEC", type, ip);
    SEE(connect(fd, &none.sa, 16));
    SEE(connect(fd, &e.sa, e.len));
    SEE(connect(fd, &none.sa, 1));
    printf("   %s\n", peer_text(fd));
    SEE(connect(fd, &none.sa, 2));
    printf("   peer %s\n", peer_text(fd));
    SEE(recv(fd, &byte, 1, MSG_DONTWAIT));
    SEE(send(fd, "x", 1, MSG_NOSIGNAL));
    SEE(connect(fd, &e.sa, e.len));
    printf("   peer %s\n", peer_text(fd));
    close(fd);
    close(to);
}

/* The address bound by the program outlives the connection, one that connect chose does not. */
static void dissolved_name(const char *ip, int type, int bind_first)
{
    int to = type == SOCK_STREAM ? listening(ip) : bound(ip, type);
    int fd = bind_first ? bound(ip, type) : new_socket(family_of(ip), type);
    struct end e = end_at(ip, port_of(to)), none = {.len = 16};
    see_case("type %d %s name after AF_UNSPEC, bound first %d", type, ip, bind_first);
    SEE(connect(fd, &e.sa, e.len));
    printf("   %s\n", name_text(fd));
    SEE(connect(fd, &none.sa, 16));
    printf("   %s\n", name_text(fd));
    close(fd);
    close(to);
}

static void to_itself(const char *ip)
{
    int fd = bound(ip, SOCK_STREAM);
    struct end e = name_of(fd);
    char text[8] = "";
    see_case("tcp %s to itself", ip);
    SEE(connect(fd, &e.sa, e.len));
    state(fd);
    SEE(send(fd, "echo", 4, MSG_NOSIGNAL));
    SEE(recv(fd, text, sizeof text, 0));
    SEE(shutdown(fd, SHUT_WR));
    SEE(recv(fd, text, sizeof text, 0));
    printf("   %s\n", hex(text, 4));
    close(fd);
}

static void datagrams(const char *ip)
{
    int a = bound(ip, SOCK_DGRAM), b = bound(ip, SOCK_DGRAM), fd = new_socket(family_of(ip), SOCK_DGRAM);
    struct end one = end_at(ip, port_of(a)), two = end_at(ip, port_of(b));
    char byte;
    see_case("udp %s new peer, self, refused", ip);
    SEE(connect(fd, &one.sa, one.len));
    printf("   %s peer %s\n", name_text(fd), peer_text(fd));
    SEE(connect(fd, &two.sa, two.len));
    printf("   %s peer %s\n", name_text(fd), peer_text(fd));
    SEE(connect(b, &two.sa, two.len));
    SEE(send(b, "self", 4, 0));
    SEE(recv(b, &byte, 1, MSG_TRUNC));
    close(b);
    SEE(send(fd, "x", 1, 0));
    printf("   poll %#x\n", ready(fd, POLLIN));
    SEE(recv(fd, &byte, 1, MSG_DONTWAIT));
    SEE(send(fd, "x", 1, 0));
    ready(fd, POLLIN);
    SEE(send(fd, "x", 1, 0));
    state(fd);
    close(a);
    close(fd);
}

int main(void)
{
    see_start();
    for (size_t i = 0; i < COUNT(loops); i++) {
        refused(loops[i]);
        refused_later(loops[i]);
        in_progress(loops[i]);
        to_itself(loops[i]);
        datagrams(loops[i]);
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
            dissolved(loops[i], type);
            dissolved_name(loops[i], type, 0);
            dissolved_name(loops[i], type, 1);
        }
    }
    return 0;
}
