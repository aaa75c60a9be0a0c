/* Signals in blocking calls: EINTR without SA_RESTART, restarted with it, EINTR again where SO_RCVTIMEO or
 * SO_SNDTIMEO is set (signal(7)). The timer ticks on, so that a tick before the call blocks does no harm;
 * the handler's second tick inside a restarted call brings what the call waits for. */
#include "ends.h"
#include <sys/uio.h>

enum { TICK_US = 25000, ENOUGH = 3 };

struct waiting { const char *name; int (*call)(int fd); int type; };

static volatile int ticks, peer, peer_port;
static void (*volatile bring)(void);

static void on_tick(int sig)
{
    int saved = errno;
    (void)sig;
    if (++ticks == ENOUGH && bring)
        bring();
    errno = saved;
}

static void timer(int us)
{
    struct itimerval t = {{0, us}, {0, us}};
    ticks = 0;
    setitimer(ITIMER_REAL, &t, NULL);
}

static void handler(int flags)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = flags};
    sigaction(SIGALRM, &action, NULL);
}

static void bring_bytes(void) { send(peer, "x", 1, 0); }

static void bring_client(void)
{
    struct end e = name_of(peer);
    int fd = socket(e.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fd, &e.sa, e.len);
}

static void bring_room(void)
{
    static char sink[1 << 16];
    while (recv(peer, sink, sizeof sink, MSG_DONTWAIT) > 0)
        ;
}

static int by_recv(int fd) { char b; return recv(fd, &b, 1, 0); }
static int by_read(int fd) { char b; return read(fd, &b, 1); }
static int by_accept(int fd) { return accept(fd, NULL, NULL) < 0 ? -1 : 0; }
static int by_accept4(int fd)
{
    struct box b;
    return accept4(fd, box_fill(&b, 28), &b.len, SOCK_CLOEXEC) < 0 ? -1 : 0;
}
static int by_poll(int fd) { struct pollfd p = {.fd = fd, .events = POLLIN}; return poll(&p, 1, 5000); }

static int by_recvfrom(int fd)
{
    struct box b;
    char byte;
    return recvfrom(fd, &byte, 1, 0, box_fill(&b, 28), &b.len);
}

static int by_recvmsg(int fd)
{
    struct box b;
    char byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_name = box_fill(&b, 28), .msg_namelen = 28, .msg_iov = &v, .msg_iovlen = 1};
    return recvmsg(fd, &m, 0);
}

static int by_recvmmsg(int fd)
{
    char byte;
    struct iovec v = {&byte, 1};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
    return recvmmsg(fd, &m, 1, 0, NULL);
}

static int by_send(int fd)
{
    int n;
    do /* single bytes: a longer send would end with what it had already taken */
        n = send(fd, "x", 1, MSG_NOSIGNAL);
    while (n == 1 && ticks < ENOUGH);
    return n;
}

static const struct waiting receiving[] = {
    {"recv", by_recv, SOCK_STREAM},
    {"read", by_read, SOCK_STREAM},
    {"recvfrom", by_recvfrom, SOCK_DGRAM},
    {"recvmsg", by_recvmsg, SOCK_DGRAM},
    {"recvmsg on tcp", by_recvmsg, SOCK_STREAM},
    {"recvmmsg", by_recvmmsg, SOCK_DGRAM},
    {"poll", by_poll, SOCK_DGRAM},
};
static const struct waiting accepting[] = {
    {"accept", by_accept, 0}, {"accept4", by_accept4, 0}, {"poll", by_poll, 0}};

static void one(const char *name, int fd, int (*call)(int), int flags, int option, void (*what)(void))
{
    struct timeval patience = {3, 0};
    if (option)
        setsockopt(fd, SOL_SOCKET, option, &patience, sizeof patience);
    handler(flags);
    bring = (flags & SA_RESTART) && !option ? what : NULL;
    timer(TICK_US);
    int n = call(fd);
    int error = errno;
    timer(0);
    errno = error;
    printf("%s flags %#x option %d: %s\n", name, flags, option, result(n));
}

static void wait_for_bytes(const char *ip, int flags, int option)
{
    see_case("%s: bytes", ip);
    for (size_t i = 0; i < COUNT(receiving); i++) {
        int pair[2];
        (void)(receiving[i].type == SOCK_STREAM ? tcp_pair(ip, ip, pair) : udp_pair(ip, pair));
        peer = pair[1];
        one(receiving[i].name, pair[0], receiving[i].call, flags, option, bring_bytes);
        close(pair[0]);
        close(pair[1]);
    }
}

static void wait_for_clients(const char *ip, int flags, int option)
{
    see_case("%s: clients", ip);
    for (size_t i = 0; i < COUNT(accepting); i++) {
        int l = listening(ip);
        peer = l;
        one(accepting[i].name, l, accepting[i].call, flags, option, bring_client);
        close(l);
    }
}

static void wait_for_room(const char *ip, int flags, int option)
{
    int pair[2];
    static char bytes[1 << 16];
    see_case("%s: room", ip);
    tcp_pair(ip, ip, pair);
    while (send(pair[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    peer = pair[1];
    one("send", pair[0], by_send, flags, option, bring_room);
    close(pair[0]);
    close(pair[1]);
}

static void timed_out(const char *ip)
{
    struct timeval soon = {0, 80000};
    int pair[2], l = listening(ip);
    see_case("%s: time-outs without a signal", ip);
    udp_pair(ip, pair);
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    for (size_t i = 2; i < 6; i++)
        if (receiving[i].type == SOCK_DGRAM)
            printf("%s: %s\n", receiving[i].name, result(receiving[i].call(pair[0])));
    SEE(by_accept(l));
    SEE(by_accept4(l));
    close(l);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    static const char *const loops[] = {"127.0.0.1", "::1"};
    see_start();
    for (size_t i = 0; i < COUNT(loops); i++)
        for (int restart = 0; restart < 2; restart++) {
            wait_for_bytes(loops[i], restart ? SA_RESTART : 0, 0);
            wait_for_clients(loops[i], restart ? SA_RESTART : 0, 0);
            wait_for_room(loops[i], restart ? SA_RESTART : 0, 0);
            wait_for_room(loops[i], restart ? SA_RESTART : 0, SO_SNDTIMEO);
        }
    wait_for_bytes("::1", SA_RESTART, SO_RCVTIMEO);
    wait_for_clients("::", SA_RESTART, SO_RCVTIMEO);
    wait_for_bytes("127.0.0.1", SA_RESTART, SO_RCVTIMEO);
    timed_out("127.0.0.1");
    timed_out("::1");
    return 0;
}
