/* Which two addresses may be bound to one port: every pair of 0.0.0.0, 127.0.0.1, ::, V6ONLY ::, ::1 and
 * ::ffff:127.0.0.1, TCP (second bind, then both listen) and UDP, plain, SO_REUSEADDR and SO_REUSEPORT on
 * both, and on one only. A row is the first address, a column the second. */
#include "ends.h"

static const struct { const char *ip, *text; int v6only; } at[] = {
    {"0.0.0.0", "0.0.0.0", 0},  {"127.0.0.1", "127.0.0.1", 0}, {"127.0.0.2", "127.0.0.2", 0},
    {"::", "::", 0},            {"::", "::/only", 1},          {"::1", "::1", 0},
    {"::ffff:127.0.0.1", "::ffff:127.0.0.1", 0},               {"::ffff:0.0.0.0", "::ffff:0.0.0.0", 0},
};
static const struct { int type, first, second; const char *text; } rules[] = {
    {SOCK_STREAM, 0, 0, "tcp"},
    {SOCK_STREAM, SO_REUSEADDR, SO_REUSEADDR, "tcp REUSEADDR"},
    {SOCK_STREAM, SO_REUSEPORT, SO_REUSEPORT, "tcp REUSEPORT"},
    {SOCK_STREAM, SO_REUSEADDR, 0, "tcp REUSEADDR on the first"},
    {SOCK_STREAM, 0, SO_REUSEPORT, "tcp REUSEPORT on the second"},
    {SOCK_STREAM, SO_REUSEPORT, SO_REUSEADDR, "tcp REUSEPORT, then REUSEADDR"},
    {SOCK_DGRAM, 0, 0, "udp"},
    {SOCK_DGRAM, SO_REUSEADDR, SO_REUSEADDR, "udp REUSEADDR"},
    {SOCK_DGRAM, SO_REUSEPORT, SO_REUSEPORT, "udp REUSEPORT"},
    {SOCK_DGRAM, 0, SO_REUSEADDR, "udp REUSEADDR on the second"},
};

static int prepared(size_t i, int type, int option)
{
    int fd = new_socket(strchr(at[i].ip, ':') ? AF_INET6 : AF_INET, type);
    if (strchr(at[i].ip, ':'))
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, at[i].v6only);
    if (option)
        set_int(fd, SOL_SOCKET, option, 1);
    return fd;
}

/* "ok", the errno of the second bind, or for listeners "l:" and the errno of the second listen. */
static void one_cell(size_t first, size_t second, size_t rule, int listen_early)
{
    int type = rules[rule].type, tries = 20;
    int a = prepared(first, type, rules[rule].first), b = prepared(second, type, rules[rule].second);
    struct end one, two;
    const char *text = "ok";
    do { /* another program may take the port between its choice and its use */
        int port = free_port();
        one = end_at(at[first].ip, port), two = end_at(at[second].ip, port);
    } while (bind(a, &one.sa, one.len) && --tries);
    if (!tries)
        die("first bind");
    if (listen_early && listen(a, 1))
        die("first listen");
    if (bind(b, &two.sa, two.len))
        text = result(-1);
    else if (type == SOCK_STREAM && ((!listen_early && listen(a, 1)) || listen(b, 1)))
        text = errno == EADDRINUSE ? "l:EADDRINUSE" : result(-1);
    printf(" %s", text);
    close(a);
    close(b);
}

static void matrix(size_t rule, int listen_early)
{
    see_case("%s%s", rules[rule].text, listen_early ? ", the first listens already" : "");
    for (size_t first = 0; first < COUNT(at); first++) {
        printf("%s:", at[first].text);
        for (size_t second = 0; second < COUNT(at); second++)
            one_cell(first, second, rule, listen_early);
        printf("\n");
    }
}

static void spaces_are_separate(void)
{
    static const char *const ips[] = {"127.0.0.1", "::1", "::"};
    see_case("TCP and UDP on one port");
    for (size_t i = 0; i < COUNT(ips); i++) {
        int port = free_port(), family = i ? AF_INET6 : AF_INET;
        struct end e = end_at(ips[i], port);
        int udp = new_socket(family, SOCK_DGRAM), tcp = new_socket(family, SOCK_STREAM);
        SEE(bind(udp, &e.sa, e.len));
        SEE(bind(tcp, &e.sa, e.len));
        SEE(listen(tcp, 1));
        close(udp);
        close(tcp);
    }
}

/* A port whose only users are accepted connections: free again with SO_REUSEADDR on the listener. */
static void after_the_listener(const char *ip, int reuse)
{
    int l = new_socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_STREAM), again, client, conn;
    struct end e = end_at(ip, 0);
    see_case("%s: listener closed, a connection remains, REUSEADDR %d", ip, reuse);
    set_int(l, SOL_SOCKET, SO_REUSEADDR, reuse);
    if (bind(l, &e.sa, e.len) || listen(l, 1))
        die("listen");
    e = name_of(l);
    client = connected(ip, SOCK_STREAM, ntohs(e.in.sin_port));
    conn = accept(l, NULL, NULL);
    close(l);
    again = new_socket(e.sa.sa_family, SOCK_STREAM);
    set_int(again, SOL_SOCKET, SO_REUSEADDR, reuse);
    SEE(bind(again, &e.sa, e.len));
    SEE(listen(again, 1));
    printf("   %s / %s\n", name_text(conn), peer_text(client));
    close(client);
    close(conn);
    close(again);
}

int main(void)
{
    see_start();
    for (size_t rule = 0; rule < COUNT(rules); rule++) {
        matrix(rule, 0);
        if (rules[rule].type == SOCK_STREAM)
            matrix(rule, 1);
    }
    spaces_are_separate();
    after_the_listener("127.0.0.1", 1);
    after_the_listener("::1", 1);
    after_the_listener("::1", 0);
    return 0;
}
