/* recvmsg(2): the msghdr in and out. Name rooms, scattering, truncation and msg_flags, what bad pointers
 * cost; control messages are control.c's matter. */
#include "ends.h"
#include <sys/uio.h>

static const struct { const char *server, *client; } ways[] = {
    {"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"::", "127.0.0.1"}, {"::ffff:127.0.0.1", "::ffff:127.0.0.1"},
};
static int to, fd;

static void open_way(size_t way)
{
    to = bound(ways[way].server, SOCK_DGRAM);
    fd = connected(ways[way].client, SOCK_DGRAM, port_of(to));
}

static void close_way(void)
{
    close(to);
    close(fd);
}

static void header(const struct msghdr *m)
{
    printf(" namelen %d controllen %d flags %#x", (int)m->msg_namelen, (int)m->msg_controllen, m->msg_flags);
}

static void name_rooms(size_t way)
{
    static const int rooms[] = {-1, 0, 1, 2, 3, 8, 15, 16, 17, 27, 28, 29, 128, 129, 4096, INT32_MAX};
    char text[8];
    struct iovec v = {text, 8};
    see_case("udp %s from %s: name rooms", ways[way].server, ways[way].client);
    open_way(way);
    for (size_t i = 0; i < COUNT(rooms); i++) {
        struct box b;
        struct msghdr m = {.msg_name = box_fill(&b, 0),
                           .msg_namelen = rooms[i],
                           .msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_flags = -1};
        send(fd, "abc", 3, 0);
        ready(to, POLLIN);
        int n = recvmsg(to, &m, MSG_DONTWAIT);
        b.len = n < 0 ? 0 : m.msg_namelen;
        printf("namelen %d: %s", rooms[i], result(n));
        if (n < 0)
            recv(to, text, 8, MSG_DONTWAIT);
        else
            header(&m);
        printf(" name %s\n", box_addr(&b, rooms[i]));
    }
    struct msghdr none = {.msg_namelen = 77, .msg_iov = &v, .msg_iovlen = 1};
    send(fd, "abc", 3, 0);
    ready(to, POLLIN);
    SEE(recvmsg(to, &none, MSG_DONTWAIT));
    printf("   NULL name:");
    header(&none);
    printf("\n");
    close_way();
}

static void scatter(size_t way)
{
    static const int sizes[][4] = {{2, 2, 2, 2}, {0, 6, 0, 0}, {1, 0, 1, 0},
                                   {0, 0, 0, 0}, {3, 3, 9, 9}, {6, 0, 0, 0}};
    static const int flags[] = {0, MSG_PEEK, MSG_TRUNC, MSG_TRUNC | MSG_PEEK, MSG_CMSG_CLOEXEC};
    see_case("udp %s from %s: scattered", ways[way].server, ways[way].client);
    open_way(way);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(flags); j++) {
            char bytes[4][10];
            struct iovec v[4];
            struct msghdr m = {.msg_iov = v, .msg_iovlen = 4};
            memset(bytes, '.', sizeof bytes);
            for (int k = 0; k < 4; k++)
                v[k] = (struct iovec){bytes[k], sizes[i][k]};
            send(fd, "abcdef", 6, 0);
            ready(to, POLLIN);
            printf("row %d flags %#x: %s", (int)i, flags[j],
                   result(recvmsg(to, &m, flags[j] | MSG_DONTWAIT)));
            header(&m);
            printf(" %.10s %.10s %.10s %.10s\n", bytes[0], bytes[1], bytes[2], bytes[3]);
            while (recv(to, bytes, 10, MSG_DONTWAIT) >= 0)
                ;
        }
    close_way();
}

static struct msghdr msg(struct iovec *v, size_t count, void *name, int namelen, void *control,
                         size_t controllen)
{
    return (struct msghdr){.msg_name = name, .msg_namelen = namelen, .msg_iov = v, .msg_iovlen = count,
                           .msg_control = control, .msg_controllen = controllen};
}

static void bad(const char *what, struct msghdr *m)
{
    char text[8];
    send(fd, "abc", 3, 0);
    ready(to, POLLIN);
    printf("%s: %s,", what, result(recvmsg(to, m, MSG_DONTWAIT)));
    printf(" left %s\n", result(recv(to, text, 8, MSG_DONTWAIT)));
}

static void bad_pointers(size_t way)
{
    char text[8], odd[sizeof(struct msghdr) + 1];
    struct iovec v = {text, 8}, nowhere = {unmapped(), 8}, huge = {text, (size_t)-1}, many[1025];
    struct msghdr m[] = {
        msg(&v, 1, unmapped(), 28, NULL, 0),
        msg(&v, 1, readonly(), 28, NULL, 0),
        msg(NULL, 1, NULL, 0, NULL, 0),
        msg(unmapped(), 1, NULL, 0, NULL, 0),
        msg(&nowhere, 1, NULL, 0, NULL, 0),
        msg(&huge, 1, NULL, 0, NULL, 0),
        msg(many, 1024, NULL, 0, NULL, 0),
        msg(many, 1025, NULL, 0, NULL, 0),
        msg(&v, (size_t)-1, NULL, 0, NULL, 0),
        msg(&v, 0, NULL, 0, NULL, 0),
        msg(&v, 1, NULL, 0, unmapped(), 64),
        msg(&v, 1, NULL, 0, NULL, 64),
        msg(&v, 1, NULL, 0, unmapped(), (size_t)-1),
        msg(&v, 1, unmapped(), 0, NULL, 0),
    };
    static const char *const what[] = {
        "unmapped name", "read-only name",        "NULL iov",
        "unmapped iov",  "unmapped base",         "iov_len -1",
        "1024 iovecs",   "1025 iovecs",           "iovlen -1",
        "no iovecs",     "unmapped control",      "NULL control of 64",
        "control of -1", "unmapped name of none",
    };
    see_case("udp %s from %s: pointers", ways[way].server, ways[way].client);
    open_way(way);
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = v;
    for (size_t i = 0; i < COUNT(m); i++)
        bad(what[i], &m[i]);
    m[0] = msg(&v, 1, NULL, 0, NULL, 0);
    memcpy(odd + 1, m, sizeof m[0]);
    bad("unaligned msghdr", (void *)(odd + 1));
    bad("NULL msghdr", NULL);
    bad("unmapped msghdr", unmapped());
    bad("msghdr over the edge", edge(12));
    bad("msghdr near the end of memory", (void *)-8L);
    SEE(recvmsg(BAD_FD, unmapped(), 0));
    SEE(recvmsg(0, &m[0], 0));
    SEE(recvmsg(0, NULL, 0));
    close_way();
}

static void stream(size_t way)
{
    struct box b;
    char text[8];
    struct iovec v[2] = {{text, 2}, {text + 2, 3}};
    int pair[2];
    see_case("tcp %s from %s", ways[way].server, ways[way].client);
    tcp_pair(ways[way].server, ways[way].client, pair);
    send(pair[1], "abcdefg", 7, 0);
    ready(pair[0], POLLIN);
    for (int i = 0; i < 4; i++) {
        struct msghdr m = msg(v, 2, box_fill(&b, 0), 28, NULL, 0);
        if (i == 2)
            close(pair[1]), ready(pair[0], POLLRDHUP);
        memset(text, '.', 8);
        printf("read %s", result(recvmsg(pair[0], &m, i == 3 ? MSG_WAITALL : 0)));
        header(&m);
        printf(" %.8s%s\n", text, box_dirt(&b, 0));
    }
    close(pair[0]);
}

int main(void)
{
    see_start();
    for (size_t way = 0; way < COUNT(ways); way++) {
        name_rooms(way);
        scatter(way);
        bad_pointers(way);
        stream(way);
    }
    return 0;
}
