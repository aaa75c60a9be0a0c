/* int 0x80 in an x86-64 program: i386 calls and i386 layouts in a 64-bit process, by socketcall and by
 * number. Whoever watches system calls must look at the architecture of the call, not of the program. */
#include "ends.h"
#include <linux/net.h>

enum { I386_GETPID = 20, I386_SOCKETCALL = 102, I386_IOCTL = 54 };
enum {
    I386_SOCKET = 359,
    I386_SOCKETPAIR,
    I386_BIND,
    I386_CONNECT,
    I386_LISTEN,
    I386_ACCEPT4,
    I386_GETSOCKOPT,
    I386_SETSOCKOPT,
    I386_GETSOCKNAME,
    I386_GETPEERNAME,
    I386_SENDTO,
    I386_SENDMSG,
    I386_RECVFROM,
    I386_RECVMSG,
    I386_SHUTDOWN,
};

struct iovec32 { uint32_t base, len; };
struct msghdr32 { uint32_t name, namelen, iov, iovlen, control, controllen, flags; };

/* Memory below 4 GiB, which is all that an i386 call can name. */
struct low {
    uint32_t args[6];
    struct box box;
    struct end end;
    struct msghdr32 msg;
    struct iovec32 iov;
    socklen_t len;
    int value;
    char text[16];
};

static struct low *low;

#define LOW(pointer) ((uint32_t)(uintptr_t)(pointer))

static long int80(long number, long a, long b, long c, long d, long e)
{
    int r;
    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory", "r8", "r9", "r10", "r11");
    if (r < 0 && r > -4096) {
        errno = -r;
        return -1;
    }
    return r;
}

static long socketcall(int call, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
    uint32_t args[6] = {a, b, c, d, e, f};
    memcpy(low->args, args, sizeof args);
    return int80(I386_SOCKETCALL, call, LOW(low->args), 0, 0, 0);
}

static const char *low_name(int fd, int peer)
{
    box_fill(&low->box, 28);
    long r =
        int80(peer ? I386_GETPEERNAME : I386_GETSOCKNAME, fd, LOW(low->box.bytes), LOW(&low->box.len), 0, 0);
    return r < 0 ? result(r) : box_addr(&low->box, 28);
}

static void a_connection(const char *ip)
{
    int l, c, conn;
    see_case("%s, tcp by number", ip);
    low->end = end_at(ip, 0);
    l = SEE(int80(I386_SOCKET, low->end.sa.sa_family, SOCK_STREAM, 0, 0, 0));
    low->value = 1;
    SEE(int80(I386_SETSOCKOPT, l, SOL_SOCKET, SO_REUSEADDR, LOW(&low->value), 4));
    low->len = 4;
    SEE(int80(I386_GETSOCKOPT, l, SOL_SOCKET, SO_DOMAIN, LOW(&low->value), LOW(&low->len)));
    printf("domain %d\n", low->value);
    SEE(int80(I386_BIND, l, LOW(&low->end), low->end.len, 0, 0));
    SEE(int80(I386_LISTEN, l, 4, 0, 0, 0));
    printf("%s\n", low_name(l, 0));
    low->end = name_of(l);
    c = SEE(int80(I386_SOCKET, low->end.sa.sa_family, SOCK_STREAM, 0, 0, 0));
    SEE(int80(I386_CONNECT, c, LOW(&low->end), low->end.len, 0, 0));
    printf("%s", low_name(c, 0));
    printf(" peer %s\n", low_name(c, 1));
    conn = SEE(int80(I386_ACCEPT4, l, LOW(box_fill(&low->box, 28)), LOW(&low->box.len), SOCK_CLOEXEC, 0));
    printf("%s\n", box_addr(&low->box, 28));
    SEE(send(c, "hello", 5, 0));
    SEE(int80(I386_RECVFROM, conn, LOW(low->text), 16, 0, 0));
    SEE(int80(I386_SHUTDOWN, c, SHUT_RDWR, 0, 0, 0));
    SEE(int80(I386_ACCEPT4, l, 0, 0, 1, 0));
    printf("'%s'\n", low->text);
    close(l);
    close(c);
    close(conn);
}

static void messages(const char *ip)
{
    int to = bound(ip, SOCK_DGRAM), fd = new_socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM);
    see_case("%s, udp with i386 layouts", ip);
    low->end = name_of(to);
    strcpy(low->text, "abc");
    low->iov = (struct iovec32){LOW(low->text), 3};
    low->msg = (struct msghdr32){LOW(&low->end), low->end.len, LOW(&low->iov), 1, 0, 0, 0};
    SEE(int80(I386_SENDMSG, fd, LOW(&low->msg), 0, 0, 0));
    memset(low->text, 0, 16);
    low->msg.name = LOW(box_fill(&low->box, 0));
    low->msg.namelen = 28;
    SEE(int80(I386_RECVMSG, to, LOW(&low->msg), 0, 0, 0));
    low->box.len = low->msg.namelen;
    printf("'%s' from %s\n", low->text, box_addr(&low->box, 28));
    SEE(socketcall(SYS_SENDTO, fd, LOW(low->text), 2, 0, LOW(&low->end), low->end.len));
    SEE(socketcall(SYS_RECVFROM, to, LOW(low->text), 16, 0, LOW(box_fill(&low->box, 28)),
                   LOW(&low->box.len)));
    printf("from %s\n", box_addr(&low->box, 28));
    close(to);
    close(fd);
}

static void by_socketcall(const char *ip)
{
    int fd;
    see_case("%s by socketcall", ip);
    low->end = end_at(ip, 0);
    fd = SEE(socketcall(SYS_SOCKET, low->end.sa.sa_family, SOCK_STREAM, 0, 0, 0, 0));
    SEE(socketcall(SYS_BIND, fd, LOW(&low->end), low->end.len, 0, 0, 0));
    SEE(socketcall(SYS_LISTEN, fd, 1, 0, 0, 0, 0));
    SEE(socketcall(SYS_GETSOCKNAME, fd, LOW(box_fill(&low->box, 28)), LOW(&low->box.len), 0, 0, 0));
    printf("%s\nthe 64-bit call says %s\n", box_addr(&low->box, 28), name_text(fd));
    close(fd);
}

static void errors(void)
{
    see_case("errors");
    SEE(int80(I386_SOCKET, 99, SOCK_STREAM, 0, 0, 0));
    SEE(int80(I386_BIND, BAD_FD, LOW(&low->end), 16, 0, 0));
    SEE(int80(I386_BIND, 0, LOW(&low->end), 16, 0, 0));
    SEE(int80(I386_BIND, new_socket(AF_INET6, SOCK_STREAM), 8, 28, 0, 0));
    SEE(int80(I386_GETSOCKNAME, new_socket(AF_INET6, SOCK_STREAM), LOW(low->box.bytes), 0, 0, 0));
    SEE(int80(I386_SOCKETCALL, 0, LOW(low->args), 0, 0, 0));
    SEE(int80(I386_SOCKETCALL, SYS_SOCKET, 16, 0, 0, 0));
    SEE(int80(I386_SOCKETCALL, 21, LOW(low->args), 0, 0, 0));
    SEE(int80(I386_SOCKETPAIR, AF_UNIX, SOCK_STREAM, 0, LOW(low->args), 0));
    printf("[%d, %d]\n", (int)low->args[0], (int)low->args[1]);
    SEE(int80(I386_IOCTL, new_socket(AF_INET6, SOCK_DGRAM), 0x541b, LOW(&low->value), 0, 0));
    printf("FIONREAD %d, own pid %d\n", low->value, int80(I386_GETPID, 0, 0, 0, 0, 0) == getpid());
}

int main(void)
{
    static const char *const loops[] = {"127.0.0.1", "::1", "::"};
    see_start();
    low = must_map(sizeof *low, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_32BIT);
    for (size_t i = 0; i < COUNT(loops); i++) {
        a_connection(loops[i]);
        by_socketcall(loops[i]);
        if (i < 2)
            messages(loops[i]);
    }
    errors();
    return 0;
}
