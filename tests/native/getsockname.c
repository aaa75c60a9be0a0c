/* getsockname(2): the name of every kind of socket in every state, in and out of the room offered. */
#include "names.h"

static int call_it(int fd, void *address, socklen_t *len) { return getsockname(fd, address, len); }

static void states(const char *ip, const char *to, int type)
{
    struct end e;
    int fd = new_socket(strchr(ip, ':') ? AF_INET6 : AF_INET, type), other;
    int server = type == SOCK_STREAM ? listening(to) : bound(to, type);
    see_case("type %d, bound to %s, connected to %s", type, ip, to);
    printf("new       %s\n", name_text(fd));
    e = end_at(ip, 0);
    SEE(bind(fd, &e.sa, e.len));
    printf("bound     %s\n", name_text(fd));
    e = end_at(to, port_of(server));
    SEE(connect(fd, &e.sa, e.len));
    printf("connected %s\n", name_text(fd));
    if (type == SOCK_STREAM) {
        other = accept(server, NULL, NULL);
        printf("accepted  %s\n", name_text(other));
        printf("listener  %s\n", name_text(server));
        shutdown(fd, SHUT_RDWR);
        printf("shut      %s\n", name_text(fd));
        close(other);
    }
    other = dup(fd);
    close(fd);
    printf("dup       %s\n", name_text(other));
    close(other);
    close(server);
}

/* A datagram socket gets a port with its first send, and an address only with connect. */
static void named_by_use(const char *ip)
{
    int server = bound(ip, SOCK_DGRAM), fd;
    struct end e = name_of(server);
    see_case("named by use, %s", ip);
    fd = new_socket(e.sa.sa_family, SOCK_DGRAM);
    SEE(sendto(fd, "x", 1, 0, &e.sa, e.len));
    printf("sent      %s\n", name_text(fd));
    SEE(connect(fd, &e.sa, e.len));
    printf("connected %s\n", name_text(fd));
    close(fd);
    fd = new_socket(e.sa.sa_family, SOCK_STREAM);
    SEE(listen(fd, 1));
    printf("listening %s\n", name_text(fd));
    close(fd);
    close(server);
}

int main(void)
{
    static const struct { const char *from, *to; } pairs[] = {
        {"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "127.0.0.1"}, {"127.0.0.3", "127.0.0.4"}, {"::1", "::1"},
        {"::", "::1"}, {"::", "::ffff:127.0.0.1"}, {"::ffff:127.0.0.1", "::ffff:127.0.0.1"},
        {"::ffff:127.0.0.3", "::ffff:127.0.0.4"}, {"::ffff:0.0.0.0", "::ffff:127.0.0.1"},
    };
    int pair[2];
    see_start();
    for (size_t i = 0; i < COUNT(pairs); i++)
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++)
            states(pairs[i].from, pairs[i].to, type);
    named_by_use("127.0.0.1");
    named_by_use("::1");
    named_by_use("::ffff:127.0.0.1");
    every_room(call_it, "tcp4", listening("127.0.0.1"));
    every_room(call_it, "tcp6", listening("::1"));
    every_room(call_it, "udp6 mapped", bound("::ffff:127.0.0.1", SOCK_DGRAM));
    every_room(call_it, "netlink", new_socket(AF_NETLINK, SOCK_RAW));
    every_room(call_it, "unix", new_socket(AF_UNIX, SOCK_DGRAM));
    tcp_pair("::", "127.0.0.1", pair);
    every_room(call_it, "accepted from IPv4", pair[0]);
    bad_pointers(call_it, "tcp4", listening("127.0.0.1"));
    bad_pointers(call_it, "tcp6", listening("::1"));
    bad_pointers(call_it, "udp6", bound("::", SOCK_DGRAM));
    bad_descriptors(call_it);
    return 0;
}
