/* The port table: SO_REUSEADDR and SO_REUSEPORT on either socket x eight addresses for each (wildcard and specific,
 * IPv4, IPv6, V6ONLY, IPv4-mapped) x the first one bound, listening or connected (the same options on both, then)
 * x TCP and UDP.
 * A line per address of the first, a letter per address of the second: . both have the port, b bind(2) is refused,
 * l its listen(2) is, a the first's own listen(2) is, then. Any other errno is spelt out. */
#include "ends.h"

static const struct { const char *ip, *text; int v6only; } at[] = {
    {"0.0.0.0", "0.0.0.0", 0},  {"127.0.0.1", "127.0.0.1", 0}, {"127.0.0.2", "127.0.0.2", 0},
    {"::", "::", 0},            {"::", "::/only", 1},          {"::1", "::1", 0},
    {"::ffff:127.0.0.1", "::ffff:127.0.0.1", 0},               {"::ffff:0.0.0.0", "::ffff:0.0.0.0", 0},
};
enum { ADDR = 1, PORT = 2, EVERY = 4 };
static const char *const options[] = {"neither", "REUSEADDR", "REUSEPORT", "both"};
enum state { BOUND, LISTENING, CONNECTED };
static const char *const states[] = {"bound", "listening", "connected"};
static const struct linger at_once = {1, 0}; /* a reset: nothing of a connection keeps its port */
static struct { int fd; struct end name; } peers[2][2]; /* by type and family: somebody to connect to */
static int accepted = -1;                     /* the other end of the first, if that is a connected stream */

static int prepared(size_t i, int type, int option)
{
    int six = strchr(at[i].ip, ':') != NULL, fd = new_socket(six ? AF_INET6 : AF_INET, type);
    if (six)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, at[i].v6only);
    if (option & ADDR)
        set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (option & PORT)
        set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return fd;
}

/* The first socket, in its state; another program may take the port between its choice and its use. */
static int first_one(size_t i, int type, int option, enum state state, int *port)
{
    int fd = prepared(i, type, option), four = !strchr(at[i].ip, ':') || strstr(at[i].ip, "ffff");
    struct end e = end_at(at[i].ip, *port), mapped = end_at("::ffff:127.0.0.1", 0), *peer;
    for (int tries = 20; bind(fd, &e.sa, e.len); e = end_at(at[i].ip, *port = free_port()))
        if (!--tries)
            die("first bind");
    peer = &peers[type == SOCK_DGRAM][!four].name;
    mapped.in.sin_port = peer->in.sin_port;
    if (four && strchr(at[i].ip, ':'))
        peer = &mapped;
    if (state == CONNECTED) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (connect(fd, &peer->sa, peer->len))
            die("first connect");
        accepted = type == SOCK_STREAM ? accept(peers[0][!four].fd, NULL, NULL) : -1;
    }
    if (state == LISTENING && listen(fd, 1))
        die("first listen");
    return fd;
}

static const char *refused(const char *letter) { return errno == EADDRINUSE ? letter : result(-1); }

static void cell(size_t i, size_t j, int type, const int option[2], enum state state, int *port)
{
    int a = first_one(i, type, option[0], state, port), b = prepared(j, type, option[1]);
    struct end e = end_at(at[j].ip, *port);
    const char *text = ".";
    if (bind(b, &e.sa, e.len))
        text = refused("b");
    else if (type == SOCK_STREAM && listen(b, 1))
        text = refused("l");
    else if (type == SOCK_STREAM && state == BOUND && listen(a, 1))
        text = refused("a");
    printf("%s", text);
    close(b);
    close(a);
    if (accepted >= 0)
        close(accepted);
    accepted = -1;
}

static void matrix(int type, enum state state, const int option[2])
{
    int port = free_port();
    see_case("%s, the first %s with %s, the second with %s", type == SOCK_STREAM ? "tcp" : "udp", states[state],
             options[option[0]], options[option[1]]);
    for (size_t i = 0; i < COUNT(at); i++) {
        for (size_t j = 0; j < COUNT(at); j++)
            cell(i, j, type, option, state, &port);
        printf(" %s\n", at[i].text);
    }
}

int main(void)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    see_start();
    for (size_t i = 0; i < COUNT(types); i++)
        for (int six = 0; six < 2; six++) {
            const char *ip = six ? "::1" : "127.0.0.1";
            peers[i][six].fd = i ? bound(ip, SOCK_DGRAM) : listening(ip);
            peers[i][six].name = name_of(peers[i][six].fd);
        }
    for (size_t i = 0; i < COUNT(types); i++)
        for (enum state state = BOUND; state <= CONNECTED; state++)
            for (int a = 0; a < EVERY; a++)
                for (int b = 0; b < EVERY; b++)
                    if (state == BOUND || (state == LISTENING && types[i] == SOCK_STREAM) ||
                        (state == CONNECTED && a == b))
                        matrix(types[i], state, (int[]){a, b});
    return 0;
}
