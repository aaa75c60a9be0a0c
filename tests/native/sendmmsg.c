/* sendmmsg(2): several messages in a call, each with its own name; where it stops, what it counts, and
 * what a bad one among good ones costs. */
#include "ends.h"
#include <sys/uio.h>

enum { MANY = 6 };

static const char *const loops[] = {"127.0.0.1", "::1", "::ffff:127.0.0.1"};
static int to[2], fd;
static struct end at[2];
static struct iovec parts[MANY];
static struct mmsghdr *messages;

/* Six messages "a", "bb"... to the two servers in turn; msg_len holds -1 until it is written. */
static void prepare(void)
{
    for (int i = 0; i < MANY; i++) {
        parts[i] = (struct iovec){&"a\0bb\0ccc\0dddd\0eeeee\0ffffff"[i * (i + 3) / 2], i + 1};
        memset(&messages[i], 0, sizeof messages[i]);
        messages[i].msg_hdr.msg_name = at[i % 2].raw;
        messages[i].msg_hdr.msg_namelen = at[i % 2].len;
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_len = -1;
    }
}

static void show(const char *what, int sent)
{
    printf("%s: %s lens", what, result(sent));
    for (int i = 0; i < MANY; i++)
        printf(" %d", (int)messages[i].msg_len);
    for (int server = 0; server < 2; server++) {
        char text[16];
        int n;
        printf(", server %d:", server);
        while ((n = recv(to[server], text, sizeof text, MSG_DONTWAIT)) >= 0)
            printf(" '%.*s'", n, text);
    }
    printf("\n");
    prepare();
}

static void counts(const char *ip)
{
    static const unsigned all[] = {0, 1, 2, 5, 6};
    see_case("udp %s counts", ip);
    for (size_t i = 0; i < COUNT(all); i++) {
        int n = sendmmsg(fd, messages, all[i], 0);
        printf("vlen %u ", all[i]);
        show("", n);
    }
    printf("%s\n", name_text(fd));
}

static void bad_among_good(const char *ip)
{
    see_case("udp %s the third is bad", ip);
    messages[2].msg_hdr.msg_namelen = 3;
    show("namelen 3", sendmmsg(fd, messages, MANY, 0));
    messages[2].msg_hdr.msg_name = unmapped();
    show("unmapped name", sendmmsg(fd, messages, MANY, 0));
    messages[2].msg_hdr.msg_iov = unmapped();
    show("unmapped iov", sendmmsg(fd, messages, MANY, 0));
    parts[2].iov_base = unmapped();
    show("unmapped base", sendmmsg(fd, messages, MANY, 0));
    messages[2].msg_hdr.msg_iovlen = 1025;
    show("1025 iovecs", sendmmsg(fd, messages, MANY, 0));
    messages[2].msg_hdr.msg_iovlen = 0;
    show("no iovecs", sendmmsg(fd, messages, MANY, 0));
    messages[2].msg_hdr.msg_controllen = 8;
    show("control of 8 nowhere", sendmmsg(fd, messages, MANY, 0));
    messages[0].msg_hdr.msg_namelen = 3;
    show("the first too", sendmmsg(fd, messages, MANY, 0));
    messages[2].msg_hdr.msg_name = NULL;
    show("no name", sendmmsg(fd, messages, MANY, 0));
}

/* The vector lies across an unreadable page: the messages before it are sent. */
static void over_the_edge(const char *ip)
{
    struct mmsghdr *kept = messages;
    see_case("udp %s over the edge", ip);
    struct mmsghdr *last = edge(2 * sizeof *last + 8);
    memcpy(last, messages, 2 * sizeof *last);
    int n = sendmmsg(fd, last, 4, 0);
    printf("lens %u %u ", last[0].msg_len, last[1].msg_len);
    messages = kept;
    show("", n);
    SEE(sendmmsg(fd, NULL, 1, 0));
    SEE(sendmmsg(fd, NULL, 0, 0));
    SEE(sendmmsg(fd, unmapped(), 2, 0));
    SEE(sendmmsg(fd, unmapped(), 0, 0));
    SEE(sendmmsg(fd, (void *)-8L, 2, 0));
    SEE(sendmmsg(BAD_FD, messages, 1, 0));
    SEE(sendmmsg(BAD_FD, NULL, 0, 0));
    SEE(sendmmsg(0, messages, 1, 0));
    SEE(sendmmsg(0, unmapped(), 0, 0));
    SEE(sendmmsg(fd, messages, 1, MSG_OOB));
    show("one, MSG_CONFIRM", sendmmsg(fd, messages, 1, MSG_CONFIRM));
}

/* vlen is cut to UIO_MAXIOV. */
static void huge_vector(const char *ip)
{
    int count = 1100, pair[2], sent, got = 0;
    struct mmsghdr *m = must_map(count * sizeof *m, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct iovec none = {NULL, 0};
    char byte;
    see_case("%s vlen 1100", ip);
    udp_pair(ip, pair);
    for (int i = 0; i < count; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &none, .msg_iovlen = 0};
    sent = sendmmsg(pair[1], m, 64, 0);
    while (recv(pair[0], &byte, 1, MSG_DONTWAIT) == 0)
        got++;
    printf("64: sent %d, arrived %d\n", sent, got);
    sent = sendmmsg(pair[1], m, count, 0);
    printf("1100: sent %d\n", sent);
    close(pair[0]);
    close(pair[1]);
}

static void stream(const char *ip)
{
    char text[32] = "";
    int pair[2];
    see_case("tcp %s", ip);
    tcp_pair(ip, ip, pair);
    printf("%s\n", result(sendmmsg(pair[1], messages, MANY, 0)));
    ready(pair[0], POLLIN);
    SEE(recv(pair[0], text, 21, MSG_WAITALL));
    printf("'%s'\n", text);
    show("", 0);
    messages[1].msg_hdr.msg_iov = unmapped();
    printf("%s\n", result(sendmmsg(pair[1], messages, MANY, 0)));
    SEE(recv(pair[0], text, 32, 0));
    show("", 0);
    close(pair[0]);
    SEE(sendmmsg(new_socket(AF_INET6, SOCK_STREAM), messages, 2, MSG_NOSIGNAL));
    close(pair[1]);
}

int main(void)
{
    see_start();
    messages = must_map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    for (size_t i = 0; i < COUNT(loops); i++) {
        for (int server = 0; server < 2; server++) {
            to[server] = bound(loops[i], SOCK_DGRAM);
            at[server] = name_of(to[server]);
        }
        fd = new_socket(at[0].sa.sa_family, SOCK_DGRAM);
        prepare();
        counts(loops[i]);
        bad_among_good(loops[i]);
        over_the_edge(loops[i]);
        huge_vector(loops[i]);
        stream(loops[i]);
        close(to[0]);
        close(to[1]);
        close(fd);
    }
    return 0;
}
