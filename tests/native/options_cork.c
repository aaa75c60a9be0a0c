/* tcp(7), udp(7): what programs set or send for every message: TCP_CORK, TCP_QUICKACK, MSG_MORE. */
#include "options.h"
#include <netinet/udp.h>

static const int values[] = {0, 1, 2, 60, 255, 256, 65536, -1, INT32_MAX, INT32_MIN};
static const struct option rows[] = {OPTION(IPPROTO_TCP, TCP_CORK), OPTION(IPPROTO_TCP, TCP_QUICKACK)};

static void unconnected(int family)
{
    see_case("family %d", family);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = new_socket(family, SOCK_STREAM);
        every_value(fd, &rows[i], values, COUNT(values));
        every_set_length(fd, &rows[i]);
        every_get_length(fd, &rows[i]);
        close(fd);
    }
}

/* What a corked connection holds back goes out when the cork does. */
static void corked(const char *ip)
{
    int pair[2];
    char text[8];
    see_case("%s corked", ip);
    tcp_pair(ip, ip, pair);
    set_and_read(pair[1], &rows[0], 1);
    SEE(send(pair[1], "ab", 2, 0));
    SEE(recv(pair[0], text, 8, MSG_DONTWAIT));
    SEE(send(pair[1], "cd", 2, 0));
    set_and_read(pair[1], &rows[0], 0);
    ready(pair[0], POLLIN);
    SEE(recv(pair[0], text, 8, 0));
    close(pair[0]);
    close(pair[1]);
}

static void more(const char *ip)
{
    int pair[2];
    char text[8];
    see_case("udp %s MSG_MORE", ip);
    udp_pair(ip, pair);
    SEE(send(pair[1], "ef", 2, MSG_MORE));
    SEE(send(pair[1], "g", 1, 0));
    SEE(recv(pair[0], text, 8, 0));
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    see_start();
    unconnected(AF_INET);
    unconnected(AF_INET6);
    corked("127.0.0.1");
    corked("::1");
    more("127.0.0.1");
    more("::1");
    return 0;
}
