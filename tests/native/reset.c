/* A close that is a reset (SO_LINGER with a time of 0): what the peer sees of it. */
#include "names.h"

static const struct linger now = {1, 0}, never = {0, 0};

static int ask(int fd, const struct linger *how)
{
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, how, sizeof *how);
}

/* What `fd` reads to the end. */
static void read_all(int fd)
{
    char bytes[8];
    long got;
    printf("poll %#x\n", ready(fd, POLLRDHUP) & (POLLIN | POLLERR | POLLRDHUP));
    do {
        got = recv(fd, bytes, 4, 0);
        printf("recv %s", result(got));
        printf(" %.*s\n", got > 0 ? (int)got : 0, bytes);
    } while (got > 0);
}

static void closed(const char *what, int pair[2], int which)
{
    printf("%s\n", what);
    close(pair[which]);
    read_all(pair[!which]);
    close(pair[!which]);
}

/* One of a connected pair, `which`, asks, and closes. */
static void cases(const char *server, const char *client, int which)
{
    int pair[2], on = 1;
    char bytes[8];
    see_case("%s accepts %s, end %d closes", server, client, which);
    tcp_pair(server, client, pair);
    SEE(ask(pair[which], &now));
    closed("at once", pair, which);

    tcp_pair(server, client, pair);
    SEE(send(pair[which], "before", 6, 0));
    SEE(ask(pair[which], &now));
    SEE(ask(pair[which], &now));
    closed("after data, asked twice", pair, which);

    tcp_pair(server, client, pair);
    SEE(send(pair[!which], "unread", 6, 0));
    SEE(ask(pair[which], &now));
    closed("with data of the peer", pair, which);

    tcp_pair(server, client, pair);
    SEE(ask(pair[which], &now));
    SEE(ask(pair[which], &never));
    closed("taken back", pair, which);

    tcp_pair(server, client, pair);
    SEE(ask(pair[which], &now));
    SEE(send(pair[!which], "later", 5, 0));
    SEE(recv(pair[which], bytes, sizeof bytes, 0));
    SEE(recv(pair[which], bytes, sizeof bytes, MSG_DONTWAIT));
    SEE(send(pair[which], "answer", 6, 0));
    SEE(ask(pair[which], &now));
    closed("after an exchange, asked again", pair, which);

    tcp_pair(server, client, pair);
    SEE(ask(pair[which], &now));
    SEE(shutdown(pair[which], SHUT_WR));
    SEE(recv(pair[!which], bytes, sizeof bytes, 0));
    close(pair[which]);
    SEE(recv(pair[!which], bytes, sizeof bytes, 0));
    close(pair[!which]);

    tcp_pair(server, client, pair);
    SEE(setsockopt(pair[which], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
    SEE(ask(pair[which], &now));
    SEE(recv(pair[which], bytes, sizeof bytes, MSG_DONTWAIT));
    close(pair[which]);
    close(pair[!which]);
}

/* The last of two processes that have it closes it. */
static void forked(void)
{
    int pair[2], status;
    see_case("two processes");
    tcp_pair("127.0.0.1", "127.0.0.1", pair);
    SEE(ask(pair[1], &now));
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, &status, 0);
    SEE(recv(pair[0], &(char){0}, 1, MSG_DONTWAIT));
    closed("then the other", pair, 1);
}

int main(void)
{
    see_start();
    for (int which = 0; which < 2; which++) {
        cases("127.0.0.1", "127.0.0.1", which);
        cases("::1", "::1", which);
        cases("::", "127.0.0.1", which);
    }
    forked();
    return 0;
}
