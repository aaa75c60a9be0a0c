/* sendmsg(2): the msghdr. Names and their lengths, iovecs many, empty, unmapped and too many, control
 * lengths good and bad; control messages with a meaning are control.c's matter. */
#include "ends.h"
#include <sys/uio.h>

static const char *const loops[] = {"127.0.0.1", "::1", "::ffff:127.0.0.1"};
static int to, fd;
static struct end at;

static void open_pair(const char *ip)
{
    to = bound(ip, SOCK_DGRAM);
    at = name_of(to);
    fd = new_socket(at.sa.sa_family, SOCK_DGRAM);
}

static void close_pair(void)
{
    close(to);
    close(fd);
}

static void send_and_see(const char *what, struct msghdr *m, int flags)
{
    struct box data, from;
    int n = sendmsg(fd, m, flags);
    printf("%s: %s", what, result(n));
    if (n >= 0) {
        ready(to, POLLIN);
        box_fill(&from, 28);
        n = recvfrom(to, box_fill(&data, 0), ROOM, MSG_DONTWAIT, (void *)from.bytes, &from.len);
        printf(", arrived %s %s from %s", result(n), n < 0 ? "" : hex(data.bytes, n),
               n < 0 ? "" : box_addr(&from, 28));
    }
    printf("\n");
}

static void names(const char *ip)
{
    static const int lengths[] = {-1, 0, 1, 2, 15, 16, 23, 24, 25, 28, 128, 129, 4096, INT32_MAX};
    struct iovec v = {"abc", 3};
    see_case("udp %s names", ip);
    open_pair(ip);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct msghdr m = {.msg_name = at.raw, .msg_namelen = lengths[i], .msg_iov = &v, .msg_iovlen = 1};
        printf("namelen %d ", lengths[i]);
        send_and_see("", &m, 0);
    }
    struct msghdr none = {.msg_namelen = 28, .msg_iov = &v, .msg_iovlen = 1};
    send_and_see("NULL name", &none, 0);
    none.msg_namelen = -1;
    send_and_see("NULL name, length -1", &none, 0);
    struct msghdr bad = {.msg_name = unmapped(), .msg_namelen = 28, .msg_iov = &v, .msg_iovlen = 1};
    send_and_see("unmapped name", &bad, 0);
    bad.msg_namelen = 0;
    send_and_see("unmapped name, length 0", &bad, 0);
    close_pair();
}

static void iovecs(const char *ip)
{
    struct iovec v[1025], *half = edge(sizeof v[0] + 4);
    struct msghdr m = {.msg_name = at.raw, .msg_iov = v};
    see_case("udp %s iovecs", ip);
    open_pair(ip);
    m.msg_namelen = at.len;
    for (size_t i = 0; i < COUNT(v); i++)
        v[i] = (struct iovec){"xyz", i % 3 == 2 ? 0 : i < 4 ? 2 : 0};
    static const size_t counts[] = {0, 1, 2, 3, 4, 5, 8, 9, 1024, 1025, 100000, (size_t)-1};
    for (size_t i = 0; i < COUNT(counts); i++) {
        m.msg_iovlen = counts[i];
        printf("iovlen %ld ", (long)counts[i]);
        send_and_see("", &m, 0);
    }
    m.msg_iovlen = 1;
    m.msg_iov = NULL;
    send_and_see("NULL iov", &m, 0);
    m.msg_iov = unmapped();
    send_and_see("unmapped iov", &m, 0);
    m.msg_iovlen = 0;
    send_and_see("unmapped iov of none", &m, 0);
    half[0] = (struct iovec){"ab", 2};
    m.msg_iov = half;
    m.msg_iovlen = 2;
    send_and_see("second iovec over the edge", &m, 0);
    m.msg_iov = v;
    v[1] = (struct iovec){unmapped(), 2};
    send_and_see("unmapped base", &m, 0);
    v[1] = (struct iovec){unmapped(), 0};
    send_and_see("unmapped base of none", &m, 0);
    v[1] = (struct iovec){"ab", (size_t)-1};
    send_and_see("length -1", &m, 0);
    v[1] = (struct iovec){"ab", INT32_MAX};
    v[0].iov_len = INT32_MAX;
    send_and_see("lengths of 2 GiB", &m, 0);
    close_pair();
}

static void controls(const char *ip)
{
    union { struct cmsghdr h; char bytes[64]; } c;
    struct iovec v = {"abc", 3};
    struct msghdr m = {.msg_name = at.raw, .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c};
    static const int cmsg_lengths[] = {-1, 0,  1,        sizeof(struct cmsghdr) - 1, sizeof(struct cmsghdr),
                                       64, 65, INT32_MAX};
    static const struct {
        int level, type;
    } kinds[] = {{0xbad, 1}, {SOL_SOCKET, 99}, {IPPROTO_TCP, 1}, {IPPROTO_IP, 99}};
    see_case("udp %s control", ip);
    open_pair(ip);
    m.msg_namelen = at.len;
    for (size_t i = 0; i < COUNT(cmsg_lengths); i++) {
        memset(&c, 0, sizeof c);
        c.h.cmsg_len = cmsg_lengths[i];
        c.h.cmsg_level = 0xbad;
        m.msg_controllen = sizeof c;
        printf("cmsg_len row %d ", (int)i);
        send_and_see("", &m, 0);
    }
    for (size_t i = 0; i < COUNT(kinds); i++) {
        c.h = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(4), .cmsg_level = kinds[i].level, .cmsg_type = kinds[i].type};
        m.msg_controllen = CMSG_SPACE(4);
        printf("level %d type %d ", kinds[i].level, kinds[i].type);
        send_and_see("", &m, 0);
    }
    static const long controllens[] = {0, 1, sizeof(struct cmsghdr) - 1, 1 << 20, INT32_MAX, -1};
    for (size_t i = 0; i < COUNT(controllens); i++) {
        m.msg_controllen = controllens[i];
        m.msg_control = i < 3 ? (void *)&c : unmapped();
        printf("controllen row %d ", (int)i);
        send_and_see("", &m, 0);
    }
    m.msg_controllen = 32;
    m.msg_control = NULL;
    send_and_see("NULL control of 32", &m, 0);
    m.msg_control = unmapped();
    send_and_see("unmapped control", &m, 0);
    close_pair();
}

static void pointers(const char *ip)
{
    struct iovec v = {"abc", 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_flags = -1};
    char *odd = (char *)edge(sizeof m + 1);
    int pair[2];
    see_case("tcp %s", ip);
    tcp_pair(ip, ip, pair);
    memcpy(odd, &m, sizeof m);
    SEE(sendmsg(pair[1], &m, 0));
    SEE(sendmsg(pair[1], (void *)odd, 0));
    SEE(sendmsg(pair[1], NULL, 0));
    SEE(sendmsg(pair[1], unmapped(), 0));
    SEE(sendmsg(pair[1], edge(8), 0));
    SEE(sendmsg(pair[1], (void *)-8L, 0));
    SEE(sendmsg(BAD_FD, unmapped(), 0));
    SEE(sendmsg(0, &m, 0));
    SEE(sendmsg(0, unmapped(), 0));
    m.msg_name = at.raw;
    m.msg_namelen = 7;
    SEE(sendmsg(pair[1], &m, MSG_MORE));
    m.msg_iovlen = 0;
    SEE(sendmsg(pair[1], &m, 0));
    ready(pair[0], POLLIN);
    char text[32];
    SEE(recv(pair[0], text, 32, MSG_DONTWAIT));
    SEE(sendmsg(new_socket(at.sa.sa_family, SOCK_STREAM), &m, MSG_NOSIGNAL));
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    see_start();
    for (size_t i = 0; i < COUNT(loops); i++) {
        names(loops[i]);
        iovecs(loops[i]);
        controls(loops[i]);
        pointers(loops[i]);
    }
    return 0;
}
