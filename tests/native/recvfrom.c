/* recvfrom(2): the source that comes back and into how much room, buffers too short, flags, bad
 * pointers and what they cost, on UDP and TCP over both families. */
#include "ends.h"

static const char *const loops[] = {"127.0.0.1", "::1", "::ffff:127.0.0.1"};

static void rooms(const char *server_ip, const char *client_ip)
{
    static const socklen_t all[] = {0, 1, 2, 3, 4, 8, 15, 16, 17, 24, 27, 28, 29, 128, 1000, INT32_MAX};
    int to = bound(server_ip, SOCK_DGRAM),
        fd = new_socket(strchr(client_ip, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM);
    struct end e = end_at(client_ip, port_of(to));
    char text[8];
    see_case("udp %s from %s: rooms", server_ip, client_ip);
    for (size_t i = 0; i < COUNT(all); i++) {
        struct box b;
        sendto(fd, "abc", 3, 0, &e.sa, e.len);
        ready(to, POLLIN);
        int n = recvfrom(to, text, 8, MSG_DONTWAIT, box_fill(&b, all[i]), &b.len);
        printf("room %d: %s %s\n", (int)all[i], result(n), box_addr(&b, all[i]));
    }
    printf("   %s\n", name_text(fd));
    close(to);
    close(fd);
}

static void flags(const char *ip)
{
    static const int all[] = {0,         MSG_PEEK,     MSG_TRUNC,    MSG_PEEK | MSG_TRUNC, MSG_WAITALL,
                              MSG_OOB,   MSG_ERRQUEUE, MSG_DONTWAIT, MSG_CMSG_CLOEXEC,     MSG_CTRUNC,
                              0x01000000};
    static const int sizes[] = {0, 2, 6, 8};
    int pair[2];
    see_case("udp %s flags and short buffers", ip);
    udp_pair(ip, pair);
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            struct box data, from;
            send(pair[1], "abcdef", 6, 0);
            ready(pair[0], POLLIN);
            box_fill(&from, 28);
            int n = recvfrom(pair[0], box_fill(&data, 0), sizes[j], all[i] | MSG_DONTWAIT, (void *)from.bytes,
                             &from.len);
            printf("flags %#x size %d: %s %s%s", all[i], sizes[j], result(n),
                   hex(data.bytes, n < sizes[j] ? n : sizes[j]),
                   box_dirt(&data, n < 0          ? 0
                                   : n < sizes[j] ? n
                                                  : sizes[j]));
            printf(" %s", n < 0 ? "" : box_addr(&from, 28));
            printf(" then %s\n", result(recv(pair[0], data.bytes, 8, MSG_DONTWAIT)));
            while (recv(pair[0], data.bytes, 8, MSG_DONTWAIT) >= 0)
                ;
        }
    close(pair[0]);
    close(pair[1]);
}

/* A datagram whose copy fails is lost, except where only the address or its length cannot be written. */
static void bad_pointers(const char *ip)
{
    struct box b;
    char text[8];
    int pair[2], minus = -1;
    socklen_t *last = edge(4);
    see_case("udp %s pointers", ip);
    udp_pair(ip, pair);
    struct end to = name_of(pair[0]);
    for (int i = 0; i < 9; i++)
        sendto(pair[1], &"123456789"[i], 1, 0, &to.sa, to.len); /* all of them are there at once */
    ready(pair[0], POLLIN);
    *last = 28;
    SEE(recvfrom(pair[0], unmapped(), 4, MSG_DONTWAIT, NULL, NULL));
    SEE(recvfrom(pair[0], readonly(), 4, MSG_DONTWAIT, NULL, NULL));
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, unmapped(), last));
    *last = 28;
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, readonly(), last));
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, box_fill(&b, 28), NULL));
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, box_fill(&b, 28), unmapped()));
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, box_fill(&b, 28), memcpy(last, &minus, 4)));
    printf("   last %d\n", (int)*last);
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, NULL, unmapped()));
    printf("   %.1s\n", text);
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, NULL, NULL));
    SEE(recvfrom(pair[0], text, 8, MSG_DONTWAIT, unmapped(), unmapped()));
    SEE(recvfrom(BAD_FD, text, 8, 0, NULL, NULL));
    SEE(recvfrom(0, text, 8, 0, NULL, NULL));
    SEE(recvfrom(0, unmapped(), 8, 0, unmapped(), unmapped()));
    close(pair[0]);
    close(pair[1]);
}

static void streams(const char *server, const char *client)
{
    struct box data, from;
    int pair[2], n;
    see_case("tcp %s accepts %s", server, client);
    tcp_pair(server, client, pair);
    send(pair[1], "abcdefghij", 10, 0);
    ready(pair[0], POLLIN);
    static const struct { int size, flags;
    } reads[] = {
        {3, MSG_PEEK},     {3, 0},       {2, MSG_TRUNC},    {0, 0}, {20, MSG_DONTWAIT},
        {4, MSG_DONTWAIT}, {4, MSG_OOB}, {4, MSG_ERRQUEUE},
    };
    for (size_t i = 0; i < COUNT(reads); i++) {
        box_fill(&from, 28);
        n = recvfrom(pair[0], box_fill(&data, 0), reads[i].size, reads[i].flags, (void *)from.bytes,
                     &from.len);
        printf("size %d flags %#x: %s", reads[i].size, reads[i].flags, result(n));
        printf(" %s%s from %s\n", hex(data.bytes, n), box_dirt(&data, n < 0 ? 0 : n), box_addr(&from, 28));
    }
    SEE(recvfrom(pair[0], unmapped(), 4, MSG_DONTWAIT, NULL, NULL));
    send(pair[1], "k", 1, MSG_OOB);
    ready(pair[0], POLLPRI);
    SEE(recvfrom(pair[0], data.bytes, 4, MSG_OOB, NULL, NULL));
    send(pair[1], "lm", 2, 0);
    ready(pair[0], POLLIN);
    SEE(recvfrom(pair[0], unmapped(), 4, MSG_DONTWAIT, NULL, NULL));
    SEE(recvfrom(pair[0], data.bytes, 8, MSG_DONTWAIT, (void *)from.bytes, unmapped()));
    close(pair[1]);
    ready(pair[0], POLLRDHUP);
    box_fill(&from, 28);
    SEE(recvfrom(pair[0], data.bytes, 8, 0, (void *)from.bytes, &from.len));
    SEE(recvfrom(pair[0], data.bytes, 8, 0, (void *)from.bytes, &from.len));
    printf("   from %s\n", box_addr(&from, 28));
    close(pair[0]);
}

static void nothing_there(const char *ip, int type)
{
    struct box b;
    struct timeval soon = {0, 50000};
    char text[8];
    int fd = new_socket(strchr(ip, ':') ? AF_INET6 : AF_INET, type);
    see_case("type %d %s nothing there", type, ip);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    SEE(recvfrom(fd, text, 8, MSG_DONTWAIT, box_fill(&b, 28), &b.len));
    SEE(recvfrom(fd, text, 8, 0, box_fill(&b, 28), &b.len));
    printf("   %s\n", box_addr(&b, 0));
    SEE(recvfrom(fd, unmapped(), 8, MSG_DONTWAIT, unmapped(), unmapped()));
    printf("   %s\n", name_text(fd));
    close(fd);
}

int main(void)
{
    see_start();
    rooms("127.0.0.1", "127.0.0.1");
    rooms("::1", "::1");
    rooms("::", "127.0.0.1");
    rooms("::", "::1");
    rooms("::", "::ffff:127.0.0.1");
    rooms("0.0.0.0", "::ffff:127.0.0.1");
    for (size_t i = 0; i < COUNT(loops); i++) {
        flags(loops[i]);
        bad_pointers(loops[i]);
        nothing_there(loops[i], SOCK_STREAM);
        nothing_there(loops[i], SOCK_DGRAM);
    }
    streams("127.0.0.1", "127.0.0.1");
    streams("::1", "::1");
    streams("::", "127.0.0.1");
    return 0;
}
