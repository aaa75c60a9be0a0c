/* States x calls: every call on a stream and a datagram socket in every state that it can be in, over IPv4 and IPv6.
 * Each call gets a socket of its own that has just come into the state; what changes is printed behind it. */
#include "ends.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>

static const char *ip;
static int other = -1; /* the other end, or whoever the state needs */
static struct end target; /* where a connect of the calls below goes: somebody who listens */

static int family(void) { return strchr(ip, ':') ? AF_INET6 : AF_INET; }

static int none(int type) { return new_socket(family(), type); }
static int named(int type) { return bound(ip, type); }
static int listens(int type) { return type == SOCK_STREAM ? listening(ip) : -1; }

static int pair_of(int type)
{
    int pair[2];
    if (type == SOCK_STREAM)
        tcp_pair(ip, ip, pair);
    else
        udp_pair(ip, pair);
    other = pair[1];
    return pair[0];
}

/* Shut down; the peer's kernel acknowledges that a moment later. */
static int after(int fd, int how)
{
    struct tcp_info info = {.tcpi_state = TCP_ESTABLISHED};
    socklen_t len = sizeof info;
    if (shutdown(fd, how))
        die("shutdown");
    for (int tries = 0; tries < 2000 && how != SHUT_RD; tries++) {
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) || info.tcpi_state == TCP_FIN_WAIT2)
            break;
        usleep(1000);
    }
    return fd;
}

static int deaf(int type) { return after(pair_of(type), SHUT_RD); }
static int mute(int type) { return after(pair_of(type), SHUT_WR); }
static int both(int type) { return after(pair_of(type), SHUT_RDWR); }

static int with_data(int type)
{
    int fd = pair_of(type);
    if (send(other, "data", 4, 0) != 4)
        die("send");
    ready(fd, POLLIN);
    return fd;
}

static int ended(int type) /* the peer sends no more */
{
    int fd = pair_of(type);
    after(other, SHUT_WR);
    if (type == SOCK_STREAM)
        ready(fd, POLLIN);
    return fd;
}

static int dissolved(int type)
{
    struct end nobody = {.len = 16};
    int fd = pair_of(type);
    if (connect(fd, &nobody.sa, nobody.len))
        die("dissolve");
    return fd;
}

static int refused(int type)
{
    struct end e = end_at(ip, free_port());
    int fd = new_socket(family(), type | SOCK_NONBLOCK);
    if (type == SOCK_STREAM)
        connect(fd, &e.sa, e.len);
    else if (connect(fd, &e.sa, e.len) || send(fd, "x", 1, 0) != 1)
        die("refused");
    ready(fd, type == SOCK_STREAM ? POLLOUT : POLLIN);
    fcntl(fd, F_SETFL, 0);
    return fd;
}

static const struct { const char *name; int (*make)(int type); } states[] = {
    {"new", none},          {"bound", named},       {"listening", listens},   {"connected", pair_of},
    {"data waits", with_data}, {"no more reads", deaf}, {"no more writes", mute}, {"neither", both},
    {"the peer ends", ended}, {"dissolved", dissolved}, {"refused", refused},
};

static char buffer[8];
static struct iovec part = {buffer, sizeof buffer};
static struct msghdr plain = {.msg_iov = &part, .msg_iovlen = 1};

static long do_bind(int fd) { struct end e = end_at(ip, 0); return bind(fd, &e.sa, e.len); }
static long do_listen(int fd) { return listen(fd, 1); }
static long do_accept(int fd) { fcntl(fd, F_SETFL, O_NONBLOCK); return accept(fd, NULL, NULL); }
static long do_connect(int fd) { return connect(fd, &target.sa, target.len); }
static long do_dissolve(int fd) { struct end e = {.len = 16}; return connect(fd, &e.sa, e.len); }
static long do_shut_rd(int fd) { return shutdown(fd, SHUT_RD); }
static long do_shut_wr(int fd) { return shutdown(fd, SHUT_WR); }
static long do_shut_both(int fd) { return shutdown(fd, SHUT_RDWR); }
static long do_send(int fd) { return send(fd, "abc", 3, MSG_DONTWAIT); }
static long do_send_more(int fd) { return send(fd, "abc", 3, MSG_DONTWAIT | MSG_MORE); }
static long do_sendto(int fd) { return sendto(fd, "abc", 3, MSG_DONTWAIT, &target.sa, target.len); }
static long do_sendmsg(int fd) { part.iov_len = 2; return sendmsg(fd, &plain, MSG_DONTWAIT); }
static long do_write(int fd) { return write(fd, "abc", 3); }
static long do_oob(int fd) { return send(fd, "!", 1, MSG_OOB | MSG_DONTWAIT); }
static long do_recv(int fd) { return recv(fd, buffer, sizeof buffer, MSG_DONTWAIT); }
static long do_peek(int fd) { return recv(fd, buffer, 2, MSG_PEEK | MSG_DONTWAIT); }
static long do_trunc(int fd) { return recv(fd, NULL, 0, MSG_TRUNC | MSG_DONTWAIT); }
static long do_recv_oob(int fd) { return recv(fd, buffer, 1, MSG_OOB | MSG_DONTWAIT); }
static long do_errors(int fd) { return recv(fd, buffer, 8, MSG_ERRQUEUE | MSG_DONTWAIT); }
static long do_recvfrom(int fd)
{
    struct box b;
    long r = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, box_fill(&b, 28), &b.len);
    int saved = errno;
    printf("[%s] ", r < 0 ? "-" : box_addr(&b, 28));
    errno = saved;
    return r;
}
static long do_recvmsg(int fd) { part.iov_len = 8; return recvmsg(fd, &plain, MSG_DONTWAIT); }
static long do_fionread(int fd) { int n = -1; return ioctl(fd, SIOCINQ, &n) ? -1 : n; }
static long do_outq(int fd) { int n = -1; return ioctl(fd, SIOCOUTQ, &n) ? -1 : n; }
static long do_atmark(int fd) { int n = -1; return ioctl(fd, SIOCATMARK, &n) ? -1 : n; }
static long do_poll(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
    poll(&p, 1, 0);
    return p.revents;
}
static long value(int fd, int level, int name)
{
    int n = -1;
    socklen_t len = sizeof n;
    return getsockopt(fd, level, name, &n, &len) ? -1 : n;
}
static long do_error(int fd) { return value(fd, SOL_SOCKET, SO_ERROR); }
static long do_acceptconn(int fd) { return value(fd, SOL_SOCKET, SO_ACCEPTCONN); }
static long do_reuse(int fd) { return set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1); }
static long do_nodelay(int fd) { return set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1); }
static long do_tos(int fd) { return set_int(fd, IPPROTO_IP, IP_TOS, 16); }
static long do_v6only(int fd) { return set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); }
static long do_mtu(int fd) { return value(fd, IPPROTO_IP, IP_MTU) > 0 ? 1 : -1; }
static long do_mtu6(int fd) { return value(fd, IPPROTO_IPV6, IPV6_MTU) > 0 ? 1 : -1; }
static long do_state(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ? -1 : info.tcpi_state;
}

#define CALL(name) {#name, do_##name}
static const struct { const char *name; long (*make)(int fd); } calls[] = {
    CALL(bind), CALL(listen), CALL(accept), CALL(connect), CALL(dissolve), CALL(shut_rd), CALL(shut_wr),
    CALL(shut_both), CALL(send), CALL(send_more), CALL(sendto), CALL(sendmsg), CALL(write), CALL(oob),
    CALL(recv), CALL(peek), CALL(trunc), CALL(recv_oob), CALL(errors), CALL(recvfrom), CALL(recvmsg),
    CALL(fionread), CALL(outq), CALL(atmark), CALL(poll), CALL(error), CALL(acceptconn), CALL(reuse),
    CALL(nodelay), CALL(tos), CALL(v6only), CALL(mtu), CALL(mtu6), CALL(state),
};

/* Not what a connection that is gone has left behind; TCP_INFO on UDP is options_tcp.c's matter. */
static int is_told(int type, size_t state, size_t call)
{
    int gone = states[state].make == dissolved || states[state].make == refused;
    if (calls[call].make == do_state && type == SOCK_DGRAM)
        return 0;
    return !gone || (calls[call].make != do_outq && calls[call].make != do_mtu && calls[call].make != do_mtu6);
}

static void one(int type, size_t state, size_t call)
{
    int fd = states[state].make(type);
    ports()->count = 0;
    name_text(fd);
    printf("%s: ", calls[call].name);
    printf("%s", result(calls[call].make(fd)));
    printf(", %s / %s\n", name_text(fd), peer_text(fd));
    if (other >= 0)
        close(other);
    other = -1;
    close(fd);
}

int main(void)
{
    static const char *const loops[] = {"127.0.0.1", "::1"};
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    see_start();
    for (size_t i = 0; i < COUNT(loops) * COUNT(types); i++) {
        int type = types[i % 2];
        ip = loops[i / 2];
        target = name_of(type == SOCK_STREAM ? listening(ip) : bound(ip, type));
        for (size_t state = 0; state < COUNT(states); state++) {
            if (type == SOCK_DGRAM && states[state].make == listens)
                continue;
            see_case("%s %s, %s", type == SOCK_STREAM ? "tcp" : "udp", ip, states[state].name);
            for (size_t call = 0; call < COUNT(calls); call++)
                if (is_told(type, state, call))
                    one(type, state, call);
        }
    }
    return 0;
}
