/* connect(2) that is refused: whose the local port is afterwards, and what bind(2), listen(2), connect(2) and
 * getsockname(2) make of the socket, by what had been bound before. */
#include "ends.h"

struct shape { const char *ip, *at; int asked; };
enum { TRIES = 100 };

static const struct shape shapes[] = {
    {"127.0.0.1", NULL, 0},      {"127.0.0.1", "0.0.0.0", 0}, {"127.0.0.1", "127.0.0.1", 0},
    {"127.0.0.1", "0.0.0.0", 1}, {"127.0.0.1", "127.0.0.1", 1},
    {"::1", NULL, 0}, {"::1", "::", 0}, {"::1", "::1", 0}, {"::1", "::", 1}, {"::1", "::1", 1},
};

static int bindable(const char *ip, int port)
{
    struct end e = end_at(ip, port);
    int fd = new_socket(e.sa.sa_family, SOCK_STREAM), r = bind(fd, &e.sa, e.len);
    close(fd);
    return !r;
}

/* Where a connection of somebody else's, closed a moment ago, has had the port as well, nobody may bind to it:
 * a few tries where that would be seen. */
static int prepared(const struct shape *s, int flags, const char *what, int tries)
{
    struct end at = end_at(s->at ? s->at : s->ip, s->asked ? free_port() : 0), to = end_at(s->ip, free_port());
    int fd, r, number;
    for (;; close(fd)) {
        fd = new_socket(to.sa.sa_family, SOCK_STREAM | flags);
        if (s->at && bind(fd, &at.sa, at.len))
            die(s->at);
        r = connect(fd, &to.sa, to.len);
        number = errno;
        ready(fd, POLLOUT);
        if (s->asked || tries-- <= 0 || bindable(s->ip, port_of(fd)))
            break;
    }
    see_case("%s, %s%s, %s", s->ip, s->at ? s->at : "unbound", s->asked ? " with a port" : "", what);
    errno = number;
    printf("connect: %s\n", result(r));
    printf("   %s\n", name_text(fd));
    return fd;
}

static void bound_by(int fd, const char *ip, int port)
{
    struct end e = end_at(ip, port);
    SEE(bind(fd, &e.sa, e.len));
    printf("   %s\n", name_text(fd));
}

static void connected_to(int fd, const char *ip, int port)
{
    struct end e = end_at(ip, port);
    SEE(connect(fd, &e.sa, e.len));
    ready(fd, POLLOUT);
    printf("   %s\n", name_text(fd));
}

static void bound_again(const struct shape *s)
{
    int fd = prepared(s, 0, "bound again", 0), l = listening(s->ip);
    bound_by(fd, s->ip, 0);
    bound_by(fd, s->ip, 0);
    connected_to(fd, s->ip, port_of(l));
    close(fd);
    close(l);
}

static void taken_meanwhile(const struct shape *s)
{
    int fd = prepared(s, 0, "its port taken", TRIES), port = port_of(fd), l = listening(s->ip);
    int other = new_socket(end_at(s->ip, 0).sa.sa_family, SOCK_STREAM);
    bound_by(other, s->ip, port);
    bound_by(fd, s->ip, port);
    connected_to(fd, s->ip, port_of(l));
    SEE(listen(other, 1));
    close(fd);
    close(l);
    l = new_socket(end_at(s->ip, 0).sa.sa_family, SOCK_STREAM);
    connected_to(l, s->ip, port);
    close(l);
    close(other);
}

static void taken_back(const struct shape *s)
{
    int fd = prepared(s, 0, "its port again", TRIES), port = port_of(fd);
    bound_by(fd, s->ip, port);
    SEE(listen(fd, 1));
    close(fd);
}

static void refused_twice(const struct shape *s)
{
    int fd = prepared(s, 0, "refused again", 0);
    connected_to(fd, s->ip, free_port());
    connected_to(fd, s->ip, free_port());
    close(fd);
}

static void listens(const struct shape *s)
{
    int fd = prepared(s, 0, "listens", 0), client;
    SEE(listen(fd, 1));
    printf("   %s\n", name_text(fd));
    client = new_socket(end_at(s->ip, 0).sa.sa_family, SOCK_STREAM);
    connected_to(client, s->ip, port_of(fd));
    close(fd);
    close(client);
}

static void dissolved(const struct shape *s, int flags)
{
    static const char nowhere[16];
    int fd = prepared(s, flags, flags ? "dissolved, later" : "dissolved", 0);
    SEE(connect(fd, (const void *)nowhere, sizeof nowhere));
    printf("   %s\n", name_text(fd));
    bound_by(fd, s->ip, 0);
    close(fd);
}

static void later(const struct shape *s, int again)
{
    int fd = prepared(s, SOCK_NONBLOCK, again ? "later, told by connect" : "later, bound", 0);
    int l = listening(s->ip);
    if (again)
        connected_to(fd, s->ip, free_port());
    bound_by(fd, s->ip, 0);
    connected_to(fd, s->ip, free_port());
    connected_to(fd, s->ip, port_of(l));
    close(fd);
    close(l);
}

static void later_listens(const struct shape *s)
{
    int fd = prepared(s, SOCK_NONBLOCK, "later, listens", 0);
    SEE(listen(fd, 1));
    printf("   %s\n", name_text(fd));
    close(fd);
}

static void one_family_alone(void)
{
    for (size_t i = 0; i < COUNT(shapes); i++) {
        if (!strchr(shapes[i].ip, ':') || shapes[i].at)
            continue;
        int fd = prepared(&shapes[i], 0, "IPV6_V6ONLY", 0);
        SEE(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
        close(fd);
    }
}

int main(void)
{
    see_start();
    for (size_t i = 0; i < COUNT(shapes); i++) {
        bound_again(&shapes[i]);
        taken_meanwhile(&shapes[i]);
        taken_back(&shapes[i]);
        refused_twice(&shapes[i]);
        listens(&shapes[i]);
        dissolved(&shapes[i], 0);
        dissolved(&shapes[i], SOCK_NONBLOCK);
        later(&shapes[i], 0);
        later(&shapes[i], 1);
        later_listens(&shapes[i]);
    }
    one_family_alone();
    return 0;
}
