/* getpeername(2): the peer of every kind of socket in every state, in and out of the room offered. */
#include "names.h"

static int call_it(int fd, void *address, socklen_t *len) { return getpeername(fd, address, len); }

static void both(const char *what, int a, int b)
{
    printf("%-12s %s\n", what, peer_text(a));
    printf("%-12s %s\n", "", peer_text(b));
}

static void tcp_states(const char *server, const char *client)
{
    int pair[2];
    char byte;
    see_case("tcp %s accepts %s", server, client);
    tcp_pair(server, client, pair);
    both("connected", pair[0], pair[1]);
    SEE(shutdown(pair[0], SHUT_WR));
    SEE(recv(pair[1], &byte, 1, 0));
    both("half closed", pair[0], pair[1]);
    SEE(shutdown(pair[1], SHUT_WR));
    SEE(recv(pair[0], &byte, 1, 0));
    ready(pair[0], POLLHUP);
    both("closed", pair[0], pair[1]);
    close(pair[0]);
    close(pair[1]);
}

static void tcp_reset(const char *server, const char *client)
{
    struct linger now = {1, 0};
    int pair[2];
    char byte;
    see_case("tcp %s reset by %s", server, client);
    tcp_pair(server, client, pair);
    setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(pair[1]);
    printf("poll %#x", ready(pair[0], POLLIN));
    printf(" peer %s\n", peer_text(pair[0]));
    SEE(recv(pair[0], &byte, 1, 0));
    printf("peer %s, name %s\n", peer_text(pair[0]), name_text(pair[0]));
    close(pair[0]);
}

static void udp_states(const char *ip)
{
    int pair[2], loose = bound(ip, SOCK_DGRAM);
    struct end none = {.len = 16};
    see_case("udp %s", ip);
    printf("bound        %s\n", peer_text(loose));
    udp_pair(ip, pair);
    both("connected", pair[0], pair[1]);
    SEE(shutdown(pair[0], SHUT_RDWR));
    both("shut down", pair[0], pair[1]);
    SEE(connect(pair[1], &none.sa, none.len));
    both("dissolved", pair[0], pair[1]);
    close(pair[0]);
    close(pair[1]);
    close(loose);
}

static void others(void)
{
    int pair[2];
    see_case("without a peer, and AF_UNIX");
    printf("tcp4 new     %s\n", peer_text(new_socket(AF_INET, SOCK_STREAM)));
    printf("tcp6 new     %s\n", peer_text(new_socket(AF_INET6, SOCK_STREAM)));
    printf("tcp6 listens %s\n", peer_text(listening("::")));
    printf("unix new     %s\n", peer_text(new_socket(AF_UNIX, SOCK_STREAM)));
    printf("netlink new  %s\n", peer_text(new_socket(AF_NETLINK, SOCK_RAW)));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    both("unix pair", pair[0], pair[1]);
    every_room(call_it, "unix pair", pair[0]);
    close(pair[0]);
    printf("unix, closed %s\n", peer_text(pair[1]));
}

int main(void)
{
    static const struct { const char *server, *client; } tcp[] = {
        {"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "127.0.0.8"}, {"0.0.0.0", "::ffff:127.0.0.1"}, {"::1", "::1"},
        {"::", "::1"}, {"::", "127.0.0.1"}, {"::", "::ffff:127.0.0.1"}, {"::ffff:127.0.0.1", "127.0.0.1"},
    };
    int pair[2];
    see_start();
    for (size_t i = 0; i < COUNT(tcp); i++) {
        tcp_states(tcp[i].server, tcp[i].client);
        tcp_reset(tcp[i].server, tcp[i].client);
    }
    udp_states("127.0.0.1");
    udp_states("::1");
    udp_states("::ffff:127.0.0.1");
    others();
    for (size_t i = 3; i < 6; i++) {
        tcp_pair(tcp[i].server, tcp[i].client, pair);
        every_room(call_it, "accepted", pair[0]);
        every_room(call_it, "connecting", pair[1]);
    }
    udp_pair("::1", pair);
    every_room(call_it, "udp6", pair[0]);
    bad_pointers(call_it, "udp6", pair[0]);
    tcp_pair("::", "127.0.0.1", pair);
    bad_pointers(call_it, "accepted", pair[0]);
    bad_pointers(call_it, "tcp4", pair[1]);
    bad_pointers(call_it, "not connected", new_socket(AF_INET6, SOCK_STREAM));
    bad_descriptors(call_it);
    return 0;
}
