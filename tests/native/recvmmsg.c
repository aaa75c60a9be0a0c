/* recvmmsg(2): several messages in a call, each with its own name room; MSG_WAITFORONE, time-outs, and
 * what a bad one among good ones costs. */
#include "ends.h"
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

enum { MANY = 5 };

static const struct { const char *server, *client; } ways[] = {
    {"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"::", "127.0.0.1"}, {"::ffff:127.0.0.1", "::ffff:127.0.0.1"},
};
static int to, fd;
static char texts[MANY][8];
static struct box names[MANY];
static struct iovec parts[MANY];
static struct mmsghdr *messages;

static void prepare(void)
{
    static const int rooms[MANY] = {28, 16, 3, 0, 128};
    struct mmsghdr none = {.msg_len = 0};
    while (recvmmsg(to, &none, 1, MSG_DONTWAIT, NULL) > 0)
        ;
    memset(texts, '.', sizeof texts);
    for (int i = 0; i < MANY; i++) {
        parts[i] = (struct iovec){texts[i], 3};
        memset(&messages[i], 0, sizeof messages[i]);
        messages[i].msg_hdr.msg_name = box_fill(&names[i], 0);
        messages[i].msg_hdr.msg_namelen = rooms[i];
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_len = -1;
    }
}

/* Returns when all of them are there: each is peeked at behind the one before it. */
static void send_some(int count)
{
    char whole[8];
    for (int i = 0; i < count; i++)
        send(fd, "abcdef", i + 1, 0);
    set_int(to, SOL_SOCKET, SO_PEEK_OFF, 0);
    for (int i = 0; i < count; i++) {
        ready(to, POLLIN);
        while (recv(to, whole, sizeof whole, MSG_PEEK | MSG_DONTWAIT) < 0)
            ;
    }
    set_int(to, SOL_SOCKET, SO_PEEK_OFF, -1);
}

static void show(const char *what, int got)
{
    printf("%s: %s\n", what, result(got));
    for (int i = 0; i < got; i++) {
        const struct msghdr *h = &messages[i].msg_hdr;
        static const int rooms[MANY] = {28, 16, 3, 0, 128};
        names[i].len = h->msg_namelen;
        printf("   len %d '%.8s' flags %#x namelen %s\n", (int)messages[i].msg_len, texts[i], h->msg_flags,
               h->msg_name ? box_addr(&names[i], rooms[i]) : "NULL");
    }
    prepare();
}

static void counts(size_t way)
{
    static const struct { int sent; unsigned vlen; int flags;
    } rows[] = {
        {1, 5, MSG_DONTWAIT},
        {3, 5, MSG_DONTWAIT},
        {5, 5, 0},
        {5, 2, 0},
        {0, 5, MSG_DONTWAIT},
        {2, 0, MSG_DONTWAIT},
        {2, 5, MSG_WAITFORONE},
        {4, 5, MSG_DONTWAIT | MSG_TRUNC},
        {1, 3, MSG_PEEK | MSG_DONTWAIT},
        {2, 5, MSG_OOB | MSG_DONTWAIT},
    };
    see_case("udp %s from %s: counts", ways[way].server, ways[way].client);
    for (size_t i = 0; i < COUNT(rows); i++) {
        send_some(rows[i].sent);
        printf("%d sent, vlen %u, flags %#x ", rows[i].sent, rows[i].vlen, rows[i].flags);
        show("", recvmmsg(to, messages, rows[i].vlen, rows[i].flags, NULL));
    }
}

static void timeouts(size_t way)
{
    static const struct timespec all[] = {{0, 0}, {0, 40000000}, {0, 1000000000}, {-1, 0}, {0, -1}};
    struct timespec t;
    struct timeval soon = {0, 40000};
    see_case("udp %s from %s: time-outs", ways[way].server, ways[way].client);
    for (size_t i = 0; i < COUNT(all); i++) {
        t = all[i];
        send_some(2);
        printf("time-out row %d ", (int)i);
        show("", recvmmsg(to, messages, 2, 0, &t));
    }
    send_some(1);
    show("unmapped time-out", syscall(SYS_recvmmsg, to, messages, 1, 0, unmapped()));
    t = (struct timespec){0, 0};
    send_some(1);
    show("none left", recvmmsg(to, messages, 4, 0, &t));
    setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    show("SO_RCVTIMEO, nothing", recvmmsg(to, messages, 4, 0, NULL));
    send_some(2);
    show("SO_RCVTIMEO, two", recvmmsg(to, messages, 4, 0, NULL));
    soon.tv_usec = 0;
    setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
}

/* A blocking call waits for all of vlen, the time-out being looked at whenever one comes, SO_RCVTIMEO for each.
 * What is left comes after the call. */
static void waiting(size_t way)
{
    static const struct {
        int there, flags, timeout, receive_timeout, pauses[3], left;
    } rows[] = {
        {1, 0, -1, 0, {30, 30, 30}, 0},
        {2, 0, 5000, 0, {30, 30}, 0},
        {1, 0, 0, 0, {0}, 1},
        {1, MSG_WAITFORONE, -1, 0, {0}, 1},
        {1, 0, 60, 0, {600}, 0}, /* from here on once: they take long */
        {0, 0, 60, 0, {600}, 0},
        {1, 0, -1, 1000, {20}, 0},
        {0, 0, -1, 1000, {30, 30}, 0},
    };
    see_case("udp %s from %s: waiting", ways[way].server, ways[way].client);
    for (size_t i = 0; i < (way ? 4 : COUNT(rows)); i++) {
        struct timespec t = {rows[i].timeout / 1000, rows[i].timeout % 1000 * 1000000L};
        struct timeval soon = {rows[i].receive_timeout / 1000, 0};
        setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
        send_some(rows[i].there);
        pid_t child = syscall(SYS_clone, 0, 0, 0, 0, 0); /* no SIGCHLD, which would end a call under ptrace */
        if (!child) {
            for (int j = 0; j < 3 && rows[i].pauses[j]; j++) {
                usleep(rows[i].pauses[j] * 1000);
                send(fd, "later", 5, 0);
            }
            _exit(0);
        }
        printf("row %d ", (int)i);
        int got = recvmmsg(to, messages, 4, rows[i].flags, rows[i].timeout < 0 ? NULL : &t);
        waitpid(child, NULL, __WALL);
        if (rows[i].left) {
            send(fd, "later", 5, 0);
            ready(to, POLLIN);
        }
        show("", got);
    }
    setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 0}, sizeof(struct timeval));
}

/* An error after the first message is kept for the next call. */
static void bad_among_good(size_t way)
{
    see_case("udp %s from %s: the third is bad", ways[way].server, ways[way].client);
    send_some(4);
    messages[2].msg_hdr.msg_namelen = -1;
    show("namelen -1", recvmmsg(to, messages, 4, MSG_DONTWAIT, NULL));
    show("after", recvmmsg(to, messages, 4, MSG_DONTWAIT, NULL));
    send_some(4);
    messages[2].msg_hdr.msg_iov = unmapped();
    show("unmapped iov", recvmmsg(to, messages, 4, MSG_DONTWAIT, NULL));
    show("after", recvmmsg(to, messages, 4, MSG_DONTWAIT, NULL));
    send_some(4);
    parts[2].iov_base = unmapped();
    show("unmapped base", recvmmsg(to, messages, 4, MSG_DONTWAIT, NULL));
    show("after", recvmmsg(to, messages, 4, MSG_DONTWAIT, NULL));
    send_some(4);
    messages[0].msg_hdr.msg_name = unmapped();
    show("the first has an unmapped name", recvmmsg(to, messages, 4, MSG_DONTWAIT, NULL));
    send_some(2);
    messages[1].msg_hdr.msg_name = NULL;
    show("no name", recvmmsg(to, messages, 2, MSG_DONTWAIT, NULL));
}

static void pointers(size_t way)
{
    struct mmsghdr *last = edge(sizeof *last + 8);
    see_case("udp %s from %s: pointers", ways[way].server, ways[way].client);
    memcpy(last, messages, sizeof *last);
    send_some(3);
    int n = recvmmsg(to, last, 3, MSG_DONTWAIT, NULL);
    printf("over the edge: %s '%.8s'\n", result(n), texts[0]);
    prepare();
    SEE(recvmmsg(to, messages, 1, MSG_DONTWAIT, NULL));
    prepare();
    SEE(recvmmsg(to, NULL, 1, MSG_DONTWAIT, NULL));
    SEE(recvmmsg(to, NULL, 0, MSG_DONTWAIT, NULL));
    SEE(recvmmsg(to, unmapped(), 1, MSG_DONTWAIT, NULL));
    SEE(recvmmsg(to, (void *)-8L, 1, MSG_DONTWAIT, NULL));
    SEE(recvmmsg(BAD_FD, messages, 1, 0, NULL));
    SEE(syscall(SYS_recvmmsg, BAD_FD, NULL, 0, 0, unmapped()));
    SEE(recvmmsg(0, messages, 1, 0, NULL));
    prepare();
}

static void stream(size_t way)
{
    int pair[2];
    see_case("tcp %s from %s", ways[way].server, ways[way].client);
    tcp_pair(ways[way].server, ways[way].client, pair);
    send(pair[1], "abcdefgh", 8, 0);
    ready(pair[0], POLLIN);
    show("", recvmmsg(pair[0], messages, 4, MSG_DONTWAIT, NULL));
    close(pair[1]);
    ready(pair[0], POLLRDHUP);
    show("closed", recvmmsg(pair[0], messages, 2, 0, NULL));
    show("not connected", recvmmsg(new_socket(AF_INET6, SOCK_STREAM), messages, 2, 0, NULL));
    close(pair[0]);
}

int main(void)
{
    see_start();
    messages = must_map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    for (size_t way = 0; way < COUNT(ways); way++) {
        to = bound(ways[way].server, SOCK_DGRAM);
        fd = connected(ways[way].client, SOCK_DGRAM, port_of(to));
        prepare();
        counts(way);
        timeouts(way);
        waiting(way);
        bad_among_good(way);
        pointers(way);
        stream(way);
        close(to);
        close(fd);
    }
    return 0;
}
