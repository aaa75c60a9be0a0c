/* socket(7): the options of SOL_SOCKET, good and bad values, on TCP and UDP over both families. What a
 * machine's sysctls decide (default and greatest buffer sizes) is left out, and so are socket filters
 * (privileges). */
#include "options.h"

static const int values[] = {0, 1, 2, 7, 255, 256, 65536, -1, INT32_MAX, INT32_MIN};
static const int sizes[] = {0, 1, 2048, 8192, 65536, 100000};
static const struct { int family, type; const char *name; } kinds[] = {
    {AF_INET, SOCK_STREAM, "tcp4"}, {AF_INET6, SOCK_STREAM, "tcp6"}, {AF_INET, SOCK_DGRAM, "udp4"},
    {AF_INET6, SOCK_DGRAM, "udp6"},
};
static const struct option flags[] = {
    OPTION(SOL_SOCKET, SO_REUSEADDR),   OPTION(SOL_SOCKET, SO_REUSEPORT),
    OPTION(SOL_SOCKET, SO_KEEPALIVE),   OPTION(SOL_SOCKET, SO_BROADCAST),
    OPTION(SOL_SOCKET, SO_OOBINLINE),   OPTION(SOL_SOCKET, SO_DONTROUTE),
    OPTION(SOL_SOCKET, SO_TIMESTAMP),   OPTION(SOL_SOCKET, SO_TIMESTAMPNS),
    OPTION(SOL_SOCKET, SO_RXQ_OVFL),    OPTION(SOL_SOCKET, SO_NO_CHECK),
    OPTION(SOL_SOCKET, SO_WIFI_STATUS), OPTION(SOL_SOCKET, SO_SELECT_ERR_QUEUE),
    OPTION(SOL_SOCKET, SO_RCVLOWAT),    OPTION(SOL_SOCKET, SO_SNDLOWAT),
    OPTION(SOL_SOCKET, SO_PEEK_OFF),    OPTION(SOL_SOCKET, SO_INCOMING_CPU),
    OPTION(SOL_SOCKET, SO_BSDCOMPAT),   OPTION(SOL_SOCKET, SO_ZEROCOPY),
    OPTION(SOL_SOCKET, SO_TYPE),        OPTION(SOL_SOCKET, SO_ERROR),
    OPTION(SOL_SOCKET, SO_ACCEPTCONN),  OPTION(SOL_SOCKET, SO_DOMAIN),
    OPTION(SOL_SOCKET, SO_PROTOCOL),
};

static int is(const struct option *o, int name) { return o->name == name; }

static void ints(size_t kind)
{
    see_case("%s ints", kinds[kind].name);
    for (size_t i = 0; i < COUNT(flags); i++) {
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        if (!is(&flags[i], SO_INCOMING_CPU) && !is(&flags[i], SO_ZEROCOPY) && !is(&flags[i], SO_RCVLOWAT))
            every_value(fd, &flags[i], values, COUNT(values));
        else
            set_and_read(fd, &flags[i], is(&flags[i], SO_RCVLOWAT) ? 7 : 0);
        close(fd);
    }
}

/* The kernel doubles what is asked, up to a limit that the machine sets. */
static void buffers(size_t kind)
{
    static const struct option both[] = {OPTION(SOL_SOCKET, SO_RCVBUF), OPTION(SOL_SOCKET, SO_SNDBUF)};
    see_case("%s buffer sizes", kinds[kind].name);
    for (size_t i = 0; i < COUNT(both); i++) {
        int fd = new_socket(kinds[kind].family, kinds[kind].type);
        for (size_t j = 0; j < COUNT(sizes); j++)
            set_and_read(fd, &both[i], sizes[j]);
        every_set_length(fd, &both[i]);
        every_get_length(fd, &both[i]);
        close(fd);
    }
}

static void times(size_t kind, const struct option *o)
{
    static const struct timeval times[] = {
        {0, 0}, {1, 500000}, {0, 4000}, {0, 1000000}, {0, -1}, {-1, 0}, {-1, 999999}, {3600, 0},
    };
    int fd = new_socket(kinds[kind].family, kinds[kind].type);
    see_case("%s %s", kinds[kind].name, o->text);
    printf("at first %s\n", read_back(fd, o, 16));
    for (size_t i = 0; i < COUNT(times); i++) {
        int r = setsockopt(fd, o->level, o->name, &times[i], sizeof times[i]);
        printf("%ld.%06ld: %s", (long)times[i].tv_sec, (long)times[i].tv_usec, result(r));
        printf(", reads %s\n", read_back(fd, o, sizeof times[i]));
    }
    every_get_length(fd, o);
    close(fd);
}

static void lingers(size_t kind)
{
    static const struct linger all[] = {{0, 0}, {1, 0}, {1, 5}, {7, -1}, {0, 9}, {-1, 30}};
    static const struct option o = OPTION(SOL_SOCKET, SO_LINGER);
    int fd = new_socket(kinds[kind].family, kinds[kind].type);
    see_case("%s SO_LINGER", kinds[kind].name);
    for (size_t i = 0; i < COUNT(all); i++) {
        int r = setsockopt(fd, o.level, o.name, &all[i], sizeof all[i]);
        printf("%d/%d: %s", all[i].l_onoff, all[i].l_linger, result(r));
        printf(", reads %s\n", read_back(fd, &o, sizeof all[i]));
    }
    close(fd);
}

static void devices(size_t kind)
{
    static const char *const names[] = {"lo", "", "nosuch0", "averyveryverylongname0"};
    static const struct option o = OPTION(SOL_SOCKET, SO_BINDTODEVICE);
    int fd = new_socket(kinds[kind].family, kinds[kind].type);
    see_case("%s SO_BINDTODEVICE", kinds[kind].name);
    printf("at first %s\n", read_back(fd, &o, 16));
    printf("nosuch0: %s\n", result(setsockopt(fd, o.level, o.name, names[2], 8)));
    printf("lo: %s, reads %s\n", result(setsockopt(fd, o.level, o.name, names[0], 3)), read_back(fd, &o, 16));
    every_get_length(fd, &o);
    close(fd);
}

static void error_is_read_once(const char *ip)
{
    static const struct option o = OPTION(SOL_SOCKET, SO_ERROR);
    struct end e = end_at(ip, free_port());
    int fd = new_socket(e.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK);
    see_case("SO_ERROR of a refusal on %s", ip);
    SEE(connect(fd, &e.sa, e.len));
    ready(fd, POLLOUT);
    printf("room 1 %s\n", read_back(fd, &o, 1));
    printf("room 4 %s\n", read_back(fd, &o, 4));
    close(fd);
}

int main(void)
{
    static const struct option receive = OPTION(SOL_SOCKET, SO_RCVTIMEO),
                               send = OPTION(SOL_SOCKET, SO_SNDTIMEO);
    see_start();
    for (size_t kind = 0; kind < COUNT(kinds); kind++) {
        ints(kind);
        buffers(kind);
        times(kind, &receive);
        times(kind, &send);
        lingers(kind);
        devices(kind);
    }
    error_is_read_once("127.0.0.1");
    error_is_read_once("::1");
    return 0;
}
