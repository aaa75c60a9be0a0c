/* socketcall(2), i386 only: every call of it with its arguments in memory, numbers that are no call,
 * arguments that cannot be read; and the same calls by their own numbers, which i386 has since Linux 4.3. */
#include "ends.h"
#include <linux/net.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static long socketcall(int call, long a, long b, long c, long d, long e, long f)
{
    unsigned long args[6] = {a, b, c, d, e, f};
    return syscall(SYS_socketcall, call, args);
}

/* A socket call in one of its two forms. */
static long in_memory(int call, long a, long b, long c, long d, long e, long f)
{
    return socketcall(call, a, b, c, d, e, f);
}

static long by_number(int call, long a, long b, long c, long d, long e, long f)
{
    static const int numbers[] = {
        [SYS_SOCKET] = SYS_socket,           [SYS_BIND] = SYS_bind,
        [SYS_CONNECT] = SYS_connect,         [SYS_LISTEN] = SYS_listen,
        [SYS_GETSOCKNAME] = SYS_getsockname, [SYS_GETPEERNAME] = SYS_getpeername,
        [SYS_SOCKETPAIR] = SYS_socketpair,   [SYS_SENDTO] = SYS_sendto,
        [SYS_RECVFROM] = SYS_recvfrom,       [SYS_SHUTDOWN] = SYS_shutdown,
        [SYS_SETSOCKOPT] = SYS_setsockopt,   [SYS_GETSOCKOPT] = SYS_getsockopt,
        [SYS_SENDMSG] = SYS_sendmsg,         [SYS_RECVMSG] = SYS_recvmsg,
        [SYS_ACCEPT4] = SYS_accept4,         [SYS_RECVMMSG] = SYS_recvmmsg,
        [SYS_SENDMMSG] = SYS_sendmmsg,
    };
    if (call == SYS_ACCEPT)
        return syscall(SYS_accept4, a, b, c, 0);
    if (call == SYS_SEND || call == SYS_RECV)
        return syscall(call == SYS_SEND ? SYS_sendto : SYS_recvfrom, a, b, c, d, 0, 0);
    return syscall(numbers[call], a, b, c, d, e, f);
}

typedef long form(int call, long a, long b, long c, long d, long e, long f);

static void a_connection(form *call, const char *ip)
{
    struct end e = end_at(ip, 0);
    struct box b;
    int l, c, conn, value = 1, got = -1;
    socklen_t len = 4;
    char text[16] = "";
    l = SEE(call(SYS_SOCKET, e.sa.sa_family, SOCK_STREAM, 0, 0, 0, 0));
    SEE(call(SYS_SETSOCKOPT, l, SOL_SOCKET, SO_REUSEADDR, (long)&value, 4, 0));
    SEE(call(SYS_GETSOCKOPT, l, SOL_SOCKET, SO_DOMAIN, (long)&got, (long)&len, 0));
    printf("domain %d\n", got);
    SEE(call(SYS_BIND, l, (long)&e.sa, e.len, 0, 0, 0));
    SEE(call(SYS_LISTEN, l, 4, 0, 0, 0, 0));
    SEE(call(SYS_GETSOCKNAME, l, (long)box_fill(&b, 28), (long)&b.len, 0, 0, 0));
    printf("%s\n", box_addr(&b, 28));
    c = SEE(call(SYS_SOCKET, e.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, 0, 0, 0));
    SEE(call(SYS_CONNECT, c, (long)b.bytes, b.len, 0, 0, 0));
    port_name(name_of(c).in.sin_port);
    conn = SEE(call(SYS_ACCEPT, l, (long)box_fill(&b, 28), (long)&b.len, 0, 0, 0));
    printf("%s\n", box_addr(&b, 28));
    SEE(call(SYS_GETPEERNAME, conn, (long)box_fill(&b, 20), (long)&b.len, 0, 0, 0));
    printf("%s\n", box_addr(&b, 20));
    SEE(call(SYS_SEND, c, (long)"hello", 5, 0, 0, 0));
    SEE(call(SYS_RECV, conn, (long)text, 5, MSG_WAITALL, 0, 0));
    SEE(call(SYS_SHUTDOWN, c, SHUT_WR, 0, 0, 0, 0));
    SEE(call(SYS_RECVFROM, conn, (long)text, 16, 0, 0, 0));
    printf("'%s'\n", text);
    SEE(call(SYS_ACCEPT4, l, 0, 0, 1, 0, 0));
    SEE(call(SYS_ACCEPT4, BAD_FD, 0, 0, SOCK_CLOEXEC, 0, 0));
    close(l);
    close(c);
    close(conn);
}

static void datagrams(form *call, const char *ip)
{
    int to = bound(ip, SOCK_DGRAM), fd = new_socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM),
        pair[2] = {-1, -1};
    struct end e = name_of(to);
    struct box b;
    char text[8] = "";
    struct iovec v = {"msg", 3}, w = {text, 8};
    struct mmsghdr m = {.msg_hdr = {.msg_name = e.raw, .msg_namelen = e.len, .msg_iov = &v, .msg_iovlen = 1}};
    struct mmsghdr r = {
        .msg_hdr = {.msg_name = box_fill(&b, 0), .msg_namelen = 28, .msg_iov = &w, .msg_iovlen = 1}};
    SEE(call(SYS_SENDTO, fd, (long)"abc", 3, 0, (long)&e.sa, e.len));
    SEE(call(SYS_RECVFROM, to, (long)text, 8, 0, (long)box_fill(&b, 28), (long)&b.len));
    printf("%s from %s\n", text, box_addr(&b, 28));
    SEE(call(SYS_SENDMSG, fd, (long)&m.msg_hdr, 0, 0, 0, 0));
    box_fill(&b, 0);
    SEE(call(SYS_RECVMSG, to, (long)&r.msg_hdr, 0, 0, 0, 0));
    b.len = r.msg_hdr.msg_namelen;
    printf("%s from %s\n", text, box_addr(&b, 28));
    SEE(call(SYS_SENDMMSG, fd, (long)&m, 1, 0, 0, 0));
    SEE(call(SYS_RECVMMSG, to, (long)&r, 1, 0, 0, 0));
    printf("lens %u %u\n", m.msg_len, r.msg_len);
    SEE(call(SYS_SOCKETPAIR, AF_UNIX, SOCK_STREAM, 0, (long)pair, 0, 0));
    printf("[%d, %d]\n", pair[0], pair[1]);
    for (int i = 0; i < 2; i++)
        close(pair[i]);
    close(to);
    close(fd);
}

/* The arguments of each call lie at the end of a page, one word short, and just fitting. */
static void arguments_over_the_edge(void)
{
    static const int words[] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4};
    see_case("arguments in memory that ends");
    for (int call = 1; call <= 20; call++) {
        int n = words[call];
        long *just = edge(4 * n), *brief = edge(4 * n - 4);
        for (int i = 0; i < n; i++) {
            just[i] = call == SYS_SOCKET || call == SYS_SOCKETPAIR ? -1 : i ? 0 : BAD_FD;
            if (i < n - 1)
                brief[i] = just[i];
        }
        printf("call %d: %s", call, result(syscall(SYS_socketcall, call, just)));
        printf(", one word short %s\n", result(syscall(SYS_socketcall, call, brief)));
    }
}

static void no_calls(void)
{
    static const int calls[] = {0, 21, 22, 255, -1, INT32_MAX, INT32_MIN};
    long args[6] = {AF_INET, SOCK_STREAM, 0, 0, 0, 0};
    see_case("numbers that are no call");
    for (size_t i = 0; i < COUNT(calls); i++) {
        printf("call %d: %s", calls[i], result(syscall(SYS_socketcall, calls[i], args)));
        printf(", unmapped arguments %s\n", result(syscall(SYS_socketcall, calls[i], unmapped())));
    }
    SEE(syscall(SYS_socketcall, SYS_SOCKET, NULL));
    SEE(syscall(SYS_socketcall, SYS_SOCKET, unmapped()));
    SEE(syscall(SYS_socketcall, SYS_SOCKET, (void *)-4L));
    SEE(syscall(SYS_socketcall, SYS_SOCKET, memcpy((char *)edge(13), args, 12)));
}

int main(void)
{
    static const char *const loops[] = {"127.0.0.1", "::1"};
    see_start();
    for (size_t i = 0; i < COUNT(loops); i++) {
        see_case("%s by socketcall", loops[i]);
        a_connection(in_memory, loops[i]);
        datagrams(in_memory, loops[i]);
        see_case("%s by number", loops[i]);
        a_connection(by_number, loops[i]);
        datagrams(by_number, loops[i]);
    }
    arguments_over_the_edge();
    no_calls();
    return 0;
}
