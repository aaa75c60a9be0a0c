/* connect(2) to one address again and again while who listens there changes: a second listener that fits
 * better, groups, listeners that are closed, shut down or opened anew, clients that are bound, v6-only or in
 * the middle of another connection. Says which listener each connection has reached. */
#include "ends.h"

struct listener { const char *name; int fd; };

static int listener_at(const char *ip, int port, int share)
{
    struct end e = end_at(ip, port);
    int fd = new_socket(e.sa.sa_family, SOCK_STREAM);
    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (share)
        set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (e.sa.sa_family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, share == 2);
    if (bind(fd, &e.sa, e.len) || listen(fd, 8))
        die(ip);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Who of the listeners has a connection now. */
static const char *reached(struct listener *all, int count)
{
    for (int i = 0; i < count; i++) {
        int fd = all[i].fd < 0 ? -1 : accept(all[i].fd, NULL, NULL);
        if (fd >= 0) {
            close(fd);
            return all[i].name;
        }
    }
    return "nobody";
}

static void go(const char *what, const char *ip, int port, struct listener *all, int count)
{
    for (int i = 0; i < 3; i++) {
        struct end e = end_at(ip, port);
        int fd = new_socket(e.sa.sa_family, SOCK_STREAM), failed = connect(fd, &e.sa, e.len);
        printf("%s, %d: %s", what, i, result(failed));
        if (!failed) {
            const char *mine = name_text(fd);
            printf(" at %s, local port %s, peer port %s", reached(all, count),
                   strchr(mine, 'P') ? "there" : mine, ntohs(end_at(ip, port).in.sin_port) == port ? "right" : "wrong");
        }
        printf("\n");
        close(fd);
    }
}

static void listeners_change(void)
{
    int port = free_port();
    see_case("listeners come and go");
    struct listener all[] = {{"any", listener_at("0.0.0.0", port, 1)}, {"exact", -1}, {"six", -1}};
    go("any", "127.0.0.1", port, all, 3);
    all[1].fd = listener_at("127.0.0.1", port, 1);
    go("exact beside it", "127.0.0.1", port, all, 3);
    go("another address", "127.0.0.2", port, all, 3);
    close(all[1].fd);
    all[1].fd = -1;
    go("exact is closed", "127.0.0.1", port, all, 3);
    all[2].fd = listener_at("::1", port, 2);
    go("six", "::1", port, all, 3);
    shutdown(all[0].fd, SHUT_RD);
    go("any is shut down", "127.0.0.1", port, all, 3);
    SEE(listen(all[0].fd, 8));
    go("any listens again", "127.0.0.1", port, all, 3);
    close(all[0].fd);
    all[0].fd = -1;
    go("any is closed", "127.0.0.1", port, all, 3);
    go("six stays", "::1", port, all, 3);
    close(all[2].fd);
    all[2].fd = listener_at("::", port, 1);
    go("dual stack", "127.0.0.1", port, all, 3);
    go("dual stack, mapped", "::ffff:127.0.0.1", port, all, 3);
    go("dual stack, six", "::1", port, all, 3);
    close(all[2].fd);
    all[2].fd = listener_at("::", port, 2);
    go("six alone", "127.0.0.1", port, all, 3);
    go("six alone, mapped", "::ffff:127.0.0.1", port, all, 3);
    go("six alone, six", "::1", port, all, 3);
    close(all[2].fd);
}

static void holder_dies(void)
{
    int port = free_port(), pipes[2], back[2];
    char byte;
    see_case("the listener's process ends");
    if (pipe(pipes) || pipe(back))
        die("pipe");
    pid_t pid = fork();
    if (!pid) {
        struct listener mine = {"child", listener_at("127.0.0.1", port, 0)};
        fcntl(mine.fd, F_SETFL, 0);
        if (write(pipes[1], "x", 1) != 1)
            die("write");
        for (;;)
            close(accept(mine.fd, NULL, NULL));
    }
    if (read(pipes[0], &byte, 1) != 1)
        die("read");
    go("alive", "127.0.0.1", port, NULL, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    go("killed", "127.0.0.1", port, NULL, 0);
    struct listener again = {"again", listener_at("127.0.0.1", port, 0)};
    go("another one", "127.0.0.1", port, &again, 1);
    close(again.fd);
}

/* At once, too: who waits for the end of a process finds its listener closed. */
static void holders_die(void)
{
    int refused = 0, rounds = 60;
    char byte;
    see_case("the listener's process ends, again and again");
    for (int i = 0; i < rounds; i++) {
        int port = free_port(), pipes[2];
        struct end e = end_at("127.0.0.1", port);
        if (pipe(pipes))
            die("pipe");
        pid_t pid = fork();
        if (!pid) {
            int fd = listener_at("127.0.0.1", port, 0);
            fcntl(fd, F_SETFL, 0);
            if (write(pipes[1], "x", 1) != 1)
                die("write");
            accept(fd, NULL, NULL);
            _exit(1);
        }
        if (read(pipes[0], &byte, 1) != 1)
            die("read");
        usleep(i % 4 * 300); /* before, when and while it sleeps in accept */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        int client = new_socket(AF_INET, SOCK_STREAM);
        refused += connect(client, &e.sa, e.len) < 0 && errno == ECONNREFUSED;
        close(client);
        close(pipes[0]);
        close(pipes[1]);
    }
    printf("refused %d of %d\n", refused, rounds);
}

static void clients(void)
{
    int port = free_port();
    struct end e = end_at("127.0.0.1", port), six = end_at("::ffff:127.0.0.1", port), mine = end_at("127.0.0.3", 0);
    struct listener one = {"one", listener_at("::", port, 0)};
    see_case("clients of all sorts");
    go("first", "127.0.0.1", port, &one, 1);
    go("first, mapped", "::ffff:127.0.0.1", port, &one, 1);
    int bound_client = new_socket(AF_INET, SOCK_STREAM);
    SEE(bind(bound_client, &mine.sa, mine.len));
    SEE(connect(bound_client, &e.sa, e.len));
    printf("   bound: %s at %s\n", name_text(bound_client), reached(&one, 1));
    SEE(connect(bound_client, &e.sa, e.len));
    int only = new_socket(AF_INET6, SOCK_STREAM);
    set_int(only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    SEE(connect(only, &six.sa, six.len));
    SEE(connect(only, &e.sa, e.len));
    int slow = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SEE(connect(slow, &e.sa, e.len));
    printf("   writable %#x\n", ready(slow, POLLOUT));
    SEE(connect(slow, &e.sa, e.len));
    SEE(connect(slow, &e.sa, e.len));
    printf("   not blocking: at %s, then at %s\n", reached(&one, 1), reached(&one, 1));
    int listens = listener_at("127.0.0.1", 0, 0);
    SEE(connect(listens, &e.sa, e.len));
    int datagram = new_socket(AF_INET, SOCK_DGRAM);
    SEE(connect(datagram, &e.sa, e.len));
    int shortened = new_socket(AF_INET, SOCK_STREAM);
    SEE(connect(shortened, &e.sa, e.len - 1));
    SEE(connect(shortened, &e.sa, 128));
    printf("   longer: at %s\n", reached(&one, 1));
    struct end nothing = {.sa.sa_family = AF_UNSPEC, .len = sizeof nothing.in};
    SEE(connect(shortened, &nothing.sa, nothing.len));
    SEE(connect(shortened, &e.sa, e.len));
    printf("   once more: at %s, then at %s\n", reached(&one, 1), reached(&one, 1));
}

static void full(void)
{
    int port = free_port(), queued = 0;
    struct end e = end_at("127.0.0.1", port);
    struct listener small = {"small", listener_at("127.0.0.1", port, 0)};
    see_case("a queue, emptied in its order");
    int fds[6];
    for (int i = 0; i < 6; i++) {
        fds[i] = new_socket(AF_INET, SOCK_STREAM);
        queued += !connect(fds[i], &e.sa, e.len) && send(fds[i], &"abcdef"[i], 1, 0) == 1;
    }
    printf("   queued %d\n", queued);
    for (int i = 0; i < 7; i++) {
        char byte = '-';
        int fd = accept(small.fd, NULL, NULL), same = -1;
        if (fd >= 0) {
            struct end peer = {.len = ROOM};
            if (read(fd, &byte, 1) != 1 || getpeername(fd, &peer.sa, &peer.len))
                die("accepted");
            same = ntohs(peer.in.sin_port) == port_of(fds[i]);
            close(fd);
        }
        printf("   accepted %c, %d\n", byte, same);
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    listeners_change();
    holder_dies();
    holders_die();
    clients();
    full();
    return 0;
}
