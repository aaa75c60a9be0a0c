/* Many datagrams at once: sendmmsg(2) of more than are looked at together, to who was written to before; a bad
 * one far behind good ones; from several senders, so that each must keep its own source, however it is taken. */
#include "ends.h"
#include <sys/uio.h>

enum { MANY = 150, LONGEST = 1200 };

static const char *const loops[] = {"127.0.0.1", "::1", "::ffff:127.0.0.1"};
static int to[2], fd;
static struct end at[2];
static struct iovec parts[MANY];
static struct mmsghdr *messages;
static char (*texts)[LONGEST];

static int length(int i) { return i % 10 == 9 ? LONGEST - i : 1 + i % 50; }

/* Messages of many lengths, each in a buffer of its own, all to the first server. */
static void prepare(void)
{
    for (int i = 0; i < MANY; i++) {
        memset(texts[i], 'a' + i % 26, LONGEST);
        parts[i] = (struct iovec){texts[i], length(i)};
        messages[i] = (struct mmsghdr){.msg_len = -1};
        messages[i].msg_hdr = (struct msghdr){.msg_name = at[0].raw, .msg_namelen = at[0].len,
                                              .msg_iov = &parts[i], .msg_iovlen = 1};
    }
}

static void drain(int from, const char *what)
{
    char text[LONGEST];
    unsigned long sum = 0;
    int n, count = 0, bytes = 0;
    while ((n = recv(from, text, sizeof text, MSG_DONTWAIT)) >= 0) {
        for (int i = 0; i < n; i++)
            sum = sum * 31 + text[i];
        sum = sum * 31 + n;
        bytes += n;
        count++;
    }
    printf("   %s: %d with %d bytes, sum %lx\n", what, count, bytes, sum);
}

static void show(const char *what, int sent)
{
    int written = 0;
    unsigned long lengths = 0;
    printf("%s: %s\n", what, result(sent));
    for (int i = 0; i < MANY; i++)
        if (messages[i].msg_len != (unsigned)-1) {
            written = i + 1;
            lengths = lengths * 31 + messages[i].msg_len;
        }
    printf("   lens up to %d, sum %lx\n", written, lengths);
    drain(to[0], "server 0");
    drain(to[1], "server 1");
    prepare();
}

static void many(const char *ip)
{
    see_case("udp %s many", ip);
    for (int count = 1; count <= MANY; count += count < 64 ? 21 : 43)
        show("to one", sendmmsg(fd, messages, count, 0));
    for (int i = 0; i < MANY; i++)
        messages[i].msg_hdr.msg_name = at[i / 20 % 2].raw;
    show("to two", sendmmsg(fd, messages, MANY, 0));
    for (int i = 0; i < MANY; i++)
        messages[i].msg_hdr.msg_name = at[i % 3 % 2].raw;
    show("to two in turn", sendmmsg(fd, messages, MANY, MSG_DONTWAIT));
    for (int i = 0; i < MANY; i++)
        parts[i] = (struct iovec){texts[0], 3};
    show("one buffer", sendmmsg(fd, messages, MANY, 0));
    for (int i = 0; i < MANY; i += 7)
        parts[i].iov_len = 0;
    show("some are empty", sendmmsg(fd, messages, MANY, 0));
    for (int i = 3; i < MANY; i += 9) {
        messages[i].msg_hdr.msg_iov = &parts[i - 1];
        messages[i].msg_hdr.msg_iovlen = 2;
    }
    show("some in two pieces", sendmmsg(fd, messages, MANY, 0));
}

static void bad_far_behind(const char *ip)
{
    static const int bad[] = {1, 63, 64, 100};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct msghdr *m = &messages[bad[i]].msg_hdr;
        see_case("udp %s the one behind %d is bad", ip, bad[i]);
        m->msg_namelen = 3;
        show("namelen 3", sendmmsg(fd, messages, MANY, 0));
        m->msg_namelen = -1;
        show("namelen -1", sendmmsg(fd, messages, MANY, 0));
        m->msg_name = unmapped();
        show("unmapped name", sendmmsg(fd, messages, MANY, 0));
        m->msg_iov = unmapped();
        show("unmapped iov", sendmmsg(fd, messages, MANY, 0));
        parts[bad[i]].iov_base = unmapped();
        show("unmapped base", sendmmsg(fd, messages, MANY, 0));
        parts[bad[i]].iov_len = 70000;
        show("70000 bytes", sendmmsg(fd, messages, MANY, 0));
        parts[bad[i]].iov_len = -1;
        show("-1 bytes", sendmmsg(fd, messages, MANY, 0));
        m->msg_controllen = 8;
        show("control of 8 nowhere", sendmmsg(fd, messages, MANY, 0));
        m->msg_name = NULL;
        show("no name", sendmmsg(fd, messages, MANY, 0));
    }
    show("MSG_OOB", sendmmsg(fd, messages, 70, MSG_OOB));
}

/* Lengths cannot be written from the 64th message on, or the 70th: one more was sent than is told. */
static void read_only(const char *ip)
{
    struct mmsghdr *kept = messages;
    see_case("udp %s read-only", ip);
    for (int writable = 0; writable <= 70; writable += 70) {
        char *pages = must_map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
        messages = (void *)(pages + 4 * PAGE - writable * sizeof *messages);
        memcpy(messages, kept, MANY * sizeof *messages);
        mprotect(pages + 4 * PAGE, 4 * PAGE, PROT_READ);
        int n = sendmmsg(fd, messages, MANY, 0);
        printf("%s, lens %d %d\n", result(n), (int)messages[69].msg_len, (int)messages[70].msg_len);
        messages = kept;
        show("", 0);
        munmap(pages, 8 * PAGE);
    }
}

static void took(const char *how, int n, const char *text, struct box *from)
{
    printf("   %s: %s '%.*s'", how, result(n), n > 0 ? n : 0, text);
    printf(from ? " from %s\n" : "\n", from ? box_addr(from, ROOM) : "");
}

/* Take one in each way in turn; ready() before, since what is sent without a name may still be on its way. */
static void take_in_turn(int count, int turn)
{
    for (int i = 0; i < count; i++, turn++) {
        struct box from;
        char text[8] = "";
        struct iovec part = {text, turn % 5 == 3 ? 1 : sizeof text};
        struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = box_fill(&from, ROOM),
                           .msg_namelen = ROOM};
        ready(to[0], POLLIN);
        if (turn % 5 == 0)
            took("recv", recv(to[0], text, sizeof text, MSG_DONTWAIT), text, NULL);
        if (turn % 5 == 1 || turn % 5 == 4)
            took("recvfrom", recvfrom(to[0], text, sizeof text, MSG_DONTWAIT, box_fill(&from, ROOM), &from.len),
                 text, &from);
        if (turn % 5 == 2) {
            took("peek", recvfrom(to[0], text, 0, MSG_PEEK | MSG_DONTWAIT, box_fill(&from, ROOM), &from.len),
                 text, &from);
            took("read", read(to[0], text, sizeof text), text, NULL);
        }
        if (turn % 5 == 3) {
            int n = recvmsg(to[0], &m, MSG_DONTWAIT);
            from.len = m.msg_namelen;
            took("recvmsg", n, text, &from);
            printf("   flags %#x\n", m.msg_flags);
        }
    }
}

static void burst(int from, const char *text, int size, int count)
{
    for (int i = 0; i < count; i++) {
        parts[i] = (struct iovec){(char *)text, size};
        if (from != fd)
            messages[i].msg_hdr.msg_name = NULL;
    }
    if (sendmmsg(from, messages, count, 0) != count)
        die("sendmmsg");
    prepare();
}

static void sources(const char *ip)
{
    int one = connected(ip, SOCK_DGRAM, port_of(to[0])), other = connected(ip, SOCK_DGRAM, port_of(to[0]));
    see_case("udp %s sources", ip);
    for (int turn = 0; turn < 5; turn++) {
        burst(fd, "fd", 2, 5);
        take_in_turn(3, turn);
        burst(one, "one", 3, 4);
        burst(other, "other", 5, 1);
        burst(fd, "", 0, 2);
        take_in_turn(5, turn);
        burst(other, "", 0, 1);
        burst(fd, "fd", 2, 3);
        burst(one, "1", 1, 3);
        take_in_turn(11, turn);
        printf("   then %s\n", result(recv(to[0], NULL, 0, MSG_DONTWAIT)));
    }
    close(one);
    close(other);
}

/* Without a name: what is written goes on behind the writer's back, in order, the empty ones too. */
static void written(const char *ip)
{
    int one = connected(ip, SOCK_DGRAM, port_of(to[0])), rest = 0;
    see_case("udp %s written", ip);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            if (write(one, texts[i % MANY], i % 9) != i % 9)
                die("write");
        for (int i = 0; i < 100; i++) {
            struct box from;
            char text[8];
            ready(to[0], POLLIN);
            int n = recvfrom(to[0], text, sizeof text, MSG_DONTWAIT, box_fill(&from, ROOM), &from.len);
            if (i < 3 || i % 9 == 0)
                took("recvfrom", n, text, &from);
            rest += n;
        }
        printf("   %d bytes, then %s\n", rest, result(recv(to[0], NULL, 0, MSG_DONTWAIT)));
    }
    SEE(connect(to[0], (struct sockaddr *)&(struct end){0}, 16));
    close(one);
}

/* An end of file is no datagram of nobody's. */
static void shut(const char *ip)
{
    struct box from;
    char byte;
    int pair[2];
    see_case("udp %s shut down", ip);
    udp_pair(ip, pair);
    burst(pair[1], "pair", 4, 2);
    ready(pair[0], POLLIN);
    SEE(recvfrom(pair[0], &byte, 1, 0, box_fill(&from, ROOM), &from.len));
    printf("   from %s\n", box_addr(&from, ROOM));
    ready(pair[0], POLLIN);
    SEE(shutdown(pair[0], SHUT_RD));
    for (int i = 0; i < 3; i++) {
        SEE(recvfrom(pair[0], &byte, 1, 0, box_fill(&from, ROOM), &from.len));
        printf("   from %s\n", box_addr(&from, ROOM));
    }
    close(pair[0]);
    close(pair[1]);
}

/* Whoever was written to is gone, and another one has come. */
static void gone(const char *ip)
{
    see_case("udp %s gone", ip);
    show("there", sendmmsg(fd, messages, 70, 0));
    close(to[0]);
    show("nobody", sendmmsg(fd, messages, 70, 0));
    to[0] = new_socket(at[0].sa.sa_family, SOCK_DGRAM);
    if (bind(to[0], &at[0].sa, at[0].len))
        die("bind");
    show("another one", sendmmsg(fd, messages, 70, 0));
}

int main(void)
{
    see_start();
    messages = must_map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    texts = must_map(MANY * LONGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    for (size_t i = 0; i < COUNT(loops); i++) {
        for (int server = 0; server < 2; server++) {
            to[server] = bound(loops[i], SOCK_DGRAM);
            at[server] = name_of(to[server]);
        }
        fd = bound(loops[i], SOCK_DGRAM);
        prepare();
        many(loops[i]);
        bad_far_behind(loops[i]);
        read_only(loops[i]);
        sources(loops[i]);
        written(loops[i]);
        shut(loops[i]);
        gone(loops[i]);
        close(to[0]);
        close(to[1]);
        close(fd);
    }
    return 0;
}
