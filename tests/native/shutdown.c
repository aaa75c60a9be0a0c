/* shutdown(2): every how in every state; what both ends then read, write and poll. */
#include "ends.h"

static void look(const char *who, int fd)
{
    char byte;
    printf("%s poll %#x, ", who, ready(fd, POLLIN | POLLOUT | POLLRDHUP));
    SEE(recv(fd, &byte, 1, MSG_DONTWAIT));
    printf("   ");
    SEE(send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static void unconnected(int family, int type)
{
    static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR, 3, -1, INT32_MAX};
    see_case("family %d type %d not connected", family, type);
    for (size_t i = 0; i < COUNT(hows); i++) {
        int fd = new_socket(family, type);
        printf("how %d: ", hows[i]);
        SEE(shutdown(fd, hows[i]));
        close(fd);
    }
}

static void tcp(const char *server, const char *client, int how)
{
    int pair[2];
    see_case("tcp %s from %s, how %d", server, client, how);
    tcp_pair(server, client, pair);
    SEE(send(pair[1], "ab", 2, 0));
    ready(pair[0], POLLIN);
    SEE(shutdown(pair[0], how));
    look("own ", pair[0]);
    look("own ", pair[0]);
    if (how != SHUT_RD) /* else whether the first byte is answered by a reset is a matter of time */
        ready(pair[1], POLLRDHUP);
    look("peer", pair[1]);
    SEE(shutdown(pair[0], how));
    SEE(shutdown(pair[0], 3));
    close(pair[0]);
    close(pair[1]);
}

static void udp(const char *ip, int how)
{
    int pair[2];
    see_case("udp %s, how %d", ip, how);
    udp_pair(ip, pair);
    SEE(send(pair[1], "ab", 2, 0));
    ready(pair[0], POLLIN);
    SEE(shutdown(pair[0], how));
    look("own ", pair[0]);
    look("own ", pair[0]);
    if (how == SHUT_RD)
        ready(pair[1], POLLIN);
    look("peer", pair[1]);
    SEE(shutdown(pair[0], how));
    printf("name %s peer %s\n", name_text(pair[0]), peer_text(pair[0]));
    close(pair[0]);
    close(pair[1]);
}

static void both_sides(const char *ip)
{
    int pair[2];
    char text[4];
    see_case("tcp %s, one side after the other", ip);
    tcp_pair(ip, ip, pair);
    SEE(shutdown(pair[0], SHUT_WR));
    SEE(recv(pair[1], text, 4, 0));
    SEE(send(pair[1], "last", 4, 0));
    SEE(shutdown(pair[1], SHUT_WR));
    SEE(recv(pair[0], text, 4, MSG_WAITALL));
    SEE(recv(pair[0], text, 4, 0));
    ready(pair[1], POLLHUP);
    SEE(shutdown(pair[0], SHUT_RDWR));
    SEE(shutdown(pair[1], SHUT_RDWR));
    close(pair[0]);
    close(pair[1]);
}

static void refused_first(const char *ip)
{
    struct end e = end_at(ip, free_port());
    int fd = new_socket(e.sa.sa_family, SOCK_STREAM);
    see_case("tcp %s after a refusal", ip);
    SEE(connect(fd, &e.sa, e.len));
    SEE(shutdown(fd, SHUT_RDWR));
    close(fd);
}

static void descriptors(void)
{
    int pair[2];
    see_case("descriptors");
    SEE(shutdown(-1, SHUT_RD));
    SEE(shutdown(BAD_FD, 9));
    SEE(shutdown(0, SHUT_RD));
    SEE(shutdown(0, 9));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    SEE(shutdown(pair[0], 5));
    SEE(shutdown(pair[0], SHUT_WR));
    look("own ", pair[0]);
    look("peer", pair[1]);
    SEE(shutdown(new_socket(AF_NETLINK, SOCK_RAW), SHUT_RDWR));
}

int main(void)
{
    static const int kinds[] = {AF_INET, AF_INET6, AF_UNIX};
    see_start();
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++)
            unconnected(kinds[i], type);
    for (int how = SHUT_RD; how <= SHUT_RDWR; how++) {
        tcp("127.0.0.1", "127.0.0.1", how);
        tcp("::1", "::1", how);
        tcp("::", "127.0.0.1", how);
        udp("127.0.0.1", how);
        udp("::1", how);
        udp("::ffff:127.0.0.1", how);
    }
    both_sides("127.0.0.1");
    both_sides("::1");
    refused_first("127.0.0.1");
    refused_first("::1");
    descriptors();
    return 0;
}
