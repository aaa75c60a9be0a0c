/* Endpoints for the conformance programs: addresses from text, sockets that are bound, listening or
 * connected on loopback. Everything here must succeed: what is being looked at is called in the open,
 * what only prepares it is called through these and ends the program with status 99 if it fails. */
#ifndef ENDS_H
#define ENDS_H
#include "see.h"

struct end {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_nl nl;
        unsigned char raw[ROOM];
    };
    socklen_t len;
};

static inline struct end end_at(const char *ip, int port)
{
    struct end e;
    memset(&e, 0, sizeof e);
    e.in.sin_port = htons(port);
    e.sa.sa_family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    e.len = e.sa.sa_family == AF_INET ? sizeof e.in : sizeof e.in6;
    if (inet_pton(e.sa.sa_family, ip,
                  e.sa.sa_family == AF_INET ? (void *)&e.in.sin_addr : &e.in6.sin6_addr) != 1)
        die(ip);
    return e;
}

static inline struct end name_of(int fd)
{
    struct end e;
    e.len = ROOM;
    if (getsockname(fd, &e.sa, &e.len))
        die("getsockname");
    return e;
}

static inline int port_of(int fd) { return ntohs(name_of(fd).in.sin_port); }

static inline const char *name_text(int fd)
{
    struct box b;
    return getsockname(fd, box_fill(&b, ROOM), &b.len) ? result(-1) : box_addr(&b, ROOM);
}

static inline const char *peer_text(int fd)
{
    struct box b;
    return getpeername(fd, box_fill(&b, ROOM), &b.len) ? result(-1) : box_addr(&b, ROOM);
}

static inline int new_socket(int family, int type)
{
    int fd = socket(family, type, 0);
    if (fd < 0)
        die("socket");
    return fd;
}

static inline int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static inline int bound(const char *ip, int type)
{
    struct end e = end_at(ip, 0);
    int fd = new_socket(e.sa.sa_family, type);
    if (bind(fd, &e.sa, e.len))
        die(ip);
    return fd;
}

/* Nobody else among this machine's tests uses the port, nor looks whether it is free, while the abstract name of
 * support/ports.py is ours. A descriptor out of the way of those that are looked at; -1: it is somebody's. */
static inline int reserved(int port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = 1 + sprintf(name.sun_path + 1, "ptrace-net tests use port %d", port);
    int fd = new_socket(AF_UNIX, SOCK_DGRAM), held = -1;
    if (!bind(fd, (struct sockaddr *)&name, offsetof(struct sockaddr_un, sun_path) + length))
        held = fcntl(fd, F_DUPFD_CLOEXEC, 800);
    close(fd);
    return held;
}

/* A port that is free in both families, as a stream's and a datagram's, from below the ephemeral ports: nobody
 * is given it by chance. The last eight are reserved. */
static inline int free_port(void)
{
    static int held[8];
    static unsigned next, given;
    next = next ? next : 37u * getpid();
    for (int tries = 0; tries < 1000; tries++) {
        struct end e = end_at("::", 10000 + next++ % 20000);
        int ours = reserved(ntohs(e.in6.sin6_port));
        if (ours < 0)
            continue;
        int stream = new_socket(AF_INET6, SOCK_STREAM), datagram = new_socket(AF_INET6, SOCK_DGRAM);
        int busy = bind(stream, &e.sa, e.len) || bind(datagram, &e.sa, e.len);
        close(stream);
        close(datagram);
        if (busy) {
            close(ours);
            continue;
        }
        int *slot = &held[given++ % COUNT(held)];
        if (*slot)
            close(*slot);
        *slot = ours;
        return ntohs(e.in6.sin6_port);
    }
    die("no port is free");
    return 0;
}

static inline int listening(const char *ip)
{
    int fd = bound(ip, SOCK_STREAM);
    if (listen(fd, 8))
        die("listen");
    return fd;
}

static inline int connected(const char *ip, int type, int port)
{
    struct end e = end_at(ip, port);
    int fd = new_socket(e.sa.sa_family, type);
    if (connect(fd, &e.sa, e.len))
        die("connect");
    return fd;
}

/* pair[0] the accepted end, pair[1] the connecting one. */
static inline void tcp_pair(const char *server_ip, const char *client_ip, int pair[2])
{
    int l = listening(server_ip);
    pair[1] = connected(client_ip, SOCK_STREAM, port_of(l));
    pair[0] = accept(l, NULL, NULL);
    if (pair[0] < 0)
        die("accept");
    close(l);
}

static inline void udp_pair(const char *ip, int pair[2])
{
    pair[0] = bound(ip, SOCK_DGRAM);
    pair[1] = connected(ip, SOCK_DGRAM, port_of(pair[0]));
    struct end e = name_of(pair[1]);
    if (connect(pair[0], &e.sa, e.len))
        die("connect");
}

/* Wait until one of the events, or an error, is there; at most two seconds. */
static inline int ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 2000) < 0 ? -1 : p.revents;
}

#endif
