/* shutdown(2): every how in every state; what both ends then read, write and poll. */
#include "ends.h"
#include <pthread.h>

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

static int sleeper;

static void *sleeps(void *how)
{
    char text[4];
    struct box b;
    struct msghdr m = {.msg_iov = &(struct iovec){text, 4}, .msg_iovlen = 1};
    struct pollfd p = {.fd = sleeper, .events = POLLIN | POLLRDHUP};
    switch ((long)how) {
    case 0: return (void *)recv(sleeper, text, 4, 0);
    case 1: return (void *)recvfrom(sleeper, text, 4, 0, box_fill(&b, 28), &b.len);
    case 2: return (void *)recvmsg(sleeper, &m, 0);
    case 3: return (void *)read(sleeper, text, 4);
    default: poll(&p, 1, 10000); return (void *)(long)p.revents;
    }
}

/* Threads that sleep in each call are woken; those that come later do not sleep, nor who sleeps elsewhere. */
static void woken(const char *ip, int how, int is_connected)
{
    pthread_t threads[5];
    int pair[2];
    see_case("udp %s, how %d, who sleeps on %s socket", ip, how, is_connected ? "a connected" : "another");
    udp_pair(ip, pair);
    sleeper = is_connected ? pair[0] : bound(ip, SOCK_DGRAM);
    for (int late = 0; late < 2; late++) {
        for (long i = 0; i < 5; i++)
            if (pthread_create(&threads[i], NULL, sleeps, (void *)i))
                die("pthread_create");
        if (!late) {
            usleep(100000);
            SEE(shutdown(sleeper, how));
        }
        for (int i = 0; i < 5; i++) {
            void *result;
            pthread_join(threads[i], &result);
            printf("   call %d: %#lx\n", i, (long)result);
        }
    }
    SEE(fcntl(sleeper, F_SETFL, O_NONBLOCK));
    look("own ", sleeper);
    close(sleeper);
    close(pair[1]);
}

/* Whoever has the socket too. */
static void shared(const char *ip)
{
    int pair[2];
    see_case("udp %s, a duplicate", ip);
    udp_pair(ip, pair);
    int copy = dup(pair[0]);
    SEE(shutdown(copy, SHUT_RD));
    printf("name %s, of the other %s\n", name_text(pair[0]), name_text(copy));
    SEE(send(pair[0], "x", 1, 0));
    ready(pair[1], POLLIN);
    SEE(recv(pair[1], &(char){0}, 1, MSG_DONTWAIT));
    close(copy);
    SEE(send(pair[0], "y", 1, 0));
    ready(pair[1], POLLIN);
    SEE(recv(pair[1], &(char){0}, 1, MSG_DONTWAIT));
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
    for (int i = 0; i < 4; i++)
        woken(i & 1 ? "::1" : "127.0.0.1", i & 1 ? SHUT_RDWR : SHUT_RD, i / 2);
    shared("127.0.0.1");
    both_sides("127.0.0.1");
    both_sides("::1");
    refused_first("127.0.0.1");
    refused_first("::1");
    descriptors();
    return 0;
}
