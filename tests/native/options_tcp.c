/* tcp(7) and udp(7): options of IPPROTO_TCP and IPPROTO_UDP, good and bad values, unconnected and on a
 * connection, over both families; TCP_INFO's state and TCP_CONGESTION's name. */
#include "options.h"
#include <netinet/udp.h>

static const int values[] = {0, 1, 2, 60, 127, 128, 255, 256, 32767, 32768, 65536, -1, INT32_MAX, INT32_MIN};
static const struct option tcp_ints[] = {
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
    OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(IPPROTO_TCP, TCP_KEEPCNT),
    OPTION(IPPROTO_TCP, TCP_SYNCNT),
    OPTION(IPPROTO_TCP, TCP_LINGER2),
    OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT),
    OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
    OPTION(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS),
    OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    OPTION(IPPROTO_TCP, TCP_INQ),
    OPTION(IPPROTO_TCP, TCP_SAVE_SYN),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE),
};
static const struct option udp_ints[] = {
    OPTION(IPPROTO_UDP, UDP_CORK), OPTION(IPPROTO_UDP, UDP_SEGMENT), OPTION(IPPROTO_UDP, UDP_GRO),
    OPTION(IPPROTO_UDP, UDP_NO_CHECK6_TX), OPTION(IPPROTO_UDP, UDP_NO_CHECK6_RX),
};

static void unconnected(int family, int type, const struct option *rows, size_t count)
{
    see_case("family %d type %d", family, type);
    for (size_t i = 0; i < count; i++) {
        int fd = new_socket(family, type);
        every_value(fd, &rows[i], values, COUNT(values));
        close(fd);
    }
}

static void rooms(int family)
{
    int fd = new_socket(family, SOCK_STREAM);
    see_case("family %d lengths", family);
    for (size_t i = 0; i < 4; i++) {
        every_set_length(fd, &tcp_ints[i]);
        every_get_length(fd, &tcp_ints[i]);
    }
    close(fd);
}

static void maxseg(int family)
{
    static const struct option o = OPTION(IPPROTO_TCP, TCP_MAXSEG);
    static const int sizes[] = {0, 1, 47, 87, 88, 536, 1400, 32767, 32768, -1};
    int fd = new_socket(family, SOCK_STREAM);
    see_case("family %d TCP_MAXSEG", family);
    every_value(fd, &o, sizes, COUNT(sizes));
    close(fd);
}

static void congestion(int family)
{
    static const struct option o = OPTION(IPPROTO_TCP, TCP_CONGESTION);
    int fd = new_socket(family, SOCK_STREAM);
    see_case("family %d TCP_CONGESTION", family);
    SEE(setsockopt(fd, o.level, o.name, "reno", 4));
    every_get_length(fd, &o);
    SEE(setsockopt(fd, o.level, o.name, "reno", 0));
    SEE(setsockopt(fd, o.level, o.name, "nosuch", 6));
    SEE(setsockopt(fd, o.level, o.name, NULL, 4));
    SEE(setsockopt(fd, o.level, o.name, unmapped(), 4));
    printf("   %s\n", read_back(fd, &o, 16));
    close(fd);
}

static void on_a_connection(const char *server, const char *client)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    int pair[2];
    see_case("%s accepts %s", server, client);
    tcp_pair(server, client, pair);
    for (int end = 0; end < 2; end++) {
        for (size_t i = 0; i < 6; i++)
            set_and_read(pair[end], &tcp_ints[i], 3);
        len = 1;
        SEE(getsockopt(pair[end], IPPROTO_TCP, TCP_INFO, &info, &len));
        printf("   len %d state %d\n", (int)len, info.tcpi_state);
        len = 8;
        SEE(getsockopt(pair[end], IPPROTO_TCP, TCP_INFO, &info, &len));
        printf("   len %d state %d ca %d\n", (int)len, info.tcpi_state, info.tcpi_ca_state);
    }
    close(pair[0]);
    ready(pair[1], POLLIN);
    len = 1;
    SEE(getsockopt(pair[1], IPPROTO_TCP, TCP_INFO, &info, &len));
    printf("   peer closed: state %d\n", info.tcpi_state);
    close(pair[1]);
}

/* Without a connection: a new socket, and one that listens. */
static void idle(int family)
{
    struct tcp_info info;
    int fd = socket(family, SOCK_STREAM, 0);
    see_case("TCP_INFO of family %d without a connection", family);
    for (int listening = 0; listening < 2; listening++) {
        socklen_t len = 8 + 24 * 4;
        memset(&info, 0xff, sizeof info);
        SEE(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
        printf("   len %d state %d options %d rto %u mss %u %u\n", (int)len, info.tcpi_state,
               info.tcpi_options, info.tcpi_rto, info.tcpi_snd_mss, info.tcpi_rcv_mss);
        printf("   cwnd %u ssthresh %u reordering %u pmtu %u %u\n", info.tcpi_snd_cwnd,
               info.tcpi_snd_ssthresh, info.tcpi_reordering, info.tcpi_pmtu, info.tcpi_rcv_ssthresh);
        printf("   rtt %u %u advmss %u space %u retrans %u\n", info.tcpi_rtt, info.tcpi_rttvar,
               info.tcpi_advmss, info.tcpi_rcv_space, info.tcpi_total_retrans);
        SEE(listen(fd, 3));
    }
    close(fd);
}

static void corked_datagrams(const char *ip)
{
    int pair[2];
    char text[8];
    see_case("udp %s corked and cut", ip);
    udp_pair(ip, pair);
    SEE(set_int(pair[1], IPPROTO_UDP, UDP_CORK, 1));
    SEE(send(pair[1], "ab", 2, 0));
    SEE(send(pair[1], "cd", 2, 0));
    SEE(recv(pair[0], text, 8, MSG_DONTWAIT));
    SEE(set_int(pair[1], IPPROTO_UDP, UDP_CORK, 0));
    ready(pair[0], POLLIN);
    SEE(recv(pair[0], text, 8, 0));
    SEE(set_int(pair[1], IPPROTO_UDP, UDP_SEGMENT, 2));
    SEE(send(pair[1], "hijkl", 5, 0));
    for (int i = 0; i < 3; i++)
        SEE(recv(pair[0], text, 8, 0));
    SEE(recv(pair[0], text, 8, MSG_DONTWAIT));
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    static const int families[] = {AF_INET, AF_INET6};
    see_start();
    for (size_t i = 0; i < 2; i++) {
        unconnected(families[i], SOCK_STREAM, tcp_ints, COUNT(tcp_ints));
        unconnected(families[i], SOCK_DGRAM, udp_ints, COUNT(udp_ints));
        unconnected(families[i], SOCK_DGRAM, tcp_ints, 1);
        unconnected(families[i], SOCK_STREAM, udp_ints, 1);
        rooms(families[i]);
        maxseg(families[i]);
        congestion(families[i]);
        idle(families[i]);
    }
    on_a_connection("127.0.0.1", "127.0.0.1");
    on_a_connection("::1", "::1");
    on_a_connection("::", "127.0.0.1");
    corked_datagrams("127.0.0.1");
    corked_datagrams("::1");
    return 0;
}
