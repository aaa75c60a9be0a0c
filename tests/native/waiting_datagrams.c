/* Threads that sleep in recvfrom(2) and recvmsg(2) on UDP sockets when a datagram comes: who gets it, what a
 * signal, a timeout, close(2), shutdown(2) and bad memory make of it, and that none is lost or overtaken. */
#include "ends.h"
#include <pthread.h>

enum { THREADS = 4, TRIPS = 150 };

struct sleeper {
    int fd, flags, size, result, error, about;
    pid_t tid;
    pthread_t thread;
    void *data, *name;
    socklen_t *length;
    struct msghdr *message;
    struct box bytes, from;
};

static void *sleeps(void *arg)
{
    struct sleeper *s = arg;
    s->tid = gettid();
    __atomic_store_n(&s->about, 1, __ATOMIC_SEQ_CST);
    if (s->message)
        s->result = recvmsg(s->fd, s->message, s->flags);
    else
        s->result = recvfrom(s->fd, s->data, s->size, s->flags, s->name, s->length);
    s->error = errno;
    return NULL;
}

/* The state of a thread: its letter in /proc. */
static char state_of(pid_t tid)
{
    char path[64], line[256] = "", *behind;
    sprintf(path, "/proc/self/task/%d/stat", tid);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, line, sizeof line - 1) <= 0)
        die(path);
    close(fd);
    behind = strrchr(line, ')');
    return behind ? behind[2] : 0;
}

/* A call of ours afterwards comes to whoever serves them behind that of the sleeper. */
static void until_asleep(struct sleeper *s)
{
    while (!__atomic_load_n(&s->about, __ATOMIC_SEQ_CST) || state_of(s->tid) != 'S')
        usleep(200);
    name_of(s->fd);
}

static struct sleeper *begin(struct sleeper *s, int fd, int size, int flags)
{
    memset(s, 0, sizeof *s);
    s->fd = fd;
    s->size = size;
    s->flags = flags;
    s->data = box_fill(&s->bytes, 0);
    s->name = box_fill(&s->from, 28);
    s->length = &s->from.len;
    return s;
}

static void start(struct sleeper *s)
{
    if (pthread_create(&s->thread, NULL, sleeps, s))
        die("pthread_create");
    until_asleep(s);
}

static const char *ended(struct sleeper *s)
{
    char *text = see_text();
    pthread_join(s->thread, NULL);
    errno = s->error;
    add(text, "%s", result(s->result));
    if (s->result >= 0 && !s->message)
        add(text, " %s%s from %s", hex(s->bytes.bytes, s->result < s->size ? s->result : s->size),
            box_dirt(&s->bytes, s->result < s->size ? s->result : s->size), box_addr(&s->from, 28));
    return text;
}

static void to(int fd, const char *text, struct end e)
{
    if (sendto(fd, text, strlen(text), 0, &e.sa, e.len) != (int)strlen(text))
        die("sendto");
}

static const char *rest(int fd)
{
    char text[8], *all = see_text();
    for (int n; (n = recv(fd, text, sizeof text, MSG_DONTWAIT)) >= 0;)
        add(all, "[%.*s]", n, text);
    add(all, "%s", strerrorname_np(errno));
    return all;
}

static void one(const char *server, const char *client)
{
    static const struct { int size, flags;
    } how[] = {{8, 0}, {2, 0}, {2, MSG_TRUNC}, {0, 0}, {8, MSG_PEEK}, {2, MSG_PEEK | MSG_TRUNC},
               {8, MSG_WAITALL}, {8, MSG_CMSG_CLOEXEC}};
    int fd = bound(server, SOCK_DGRAM), other = bound(client, SOCK_DGRAM);
    struct end e = end_at(client, port_of(fd));
    struct sleeper s;
    see_case("%s from %s: one sleeps", server, client);
    for (size_t i = 0; i < COUNT(how); i++) {
        start(begin(&s, fd, how[i].size, how[i].flags));
        to(other, "abcd", e);
        printf("size %d flags %#x: %s", how[i].size, how[i].flags, ended(&s));
        printf(" then %s\n", rest(fd));
    }
    begin(&s, fd, 8, 0)->name = NULL;
    start(&s);
    to(other, "abcd", e);
    printf("no name: %s\n", ended(&s));
    start(begin(&s, fd, 8, 0));
    to(other, "", e);
    printf("empty: %s\n", ended(&s));
    close(fd);
    close(other);
}

/* recvmsg scatters, and gives control messages. */
static void message(const char *ip)
{
    int fd = bound(ip, SOCK_DGRAM), other = bound(ip, SOCK_DGRAM), six = strchr(ip, ':') != NULL;
    struct end e = name_of(fd);
    struct sleeper s;
    see_case("%s: recvmsg sleeps", ip);
    set_int(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVHOPLIMIT : IP_RECVTTL, 1);
    for (int room = 0; room <= 64; room += 16)
        for (int length = 2; length <= 8; length += 6) {
            char head[4] = "....", tail[4] = "....", control[64] = {0};
            struct iovec iov[] = {{head, 3}, {NULL, 0}, {tail, length == 2 ? 1 : 4}};
            struct msghdr m = {.msg_iov = iov, .msg_iovlen = 3, .msg_control = control,
                               .msg_controllen = room};
            begin(&s, fd, 0, 0)->message = &m;
            m.msg_name = s.from.bytes;
            m.msg_namelen = length == 2 ? 8 : 28;
            start(&s);
            to(other, "abcdef", e);
            printf("room %d: %s", room, ended(&s));
            printf(" %.4s %.4s name %d %s flags %#x control %d\n", head, tail, (int)m.msg_namelen,
                   addr(s.from.bytes, length == 2 ? 8 : m.msg_namelen), m.msg_flags, m.msg_controllen > 0);
        }
    close(fd);
    close(other);
}

/* Each datagram wakes one of several. */
static void several(void)
{
    struct sleeper s[THREADS];
    int fd = bound("127.0.0.1", SOCK_DGRAM), other = bound("127.0.0.1", SOCK_DGRAM), seen = 0, copy = dup(fd);
    struct end e = name_of(fd);
    see_case("several sleep");
    for (int i = 0; i < THREADS; i++)
        start(begin(&s[i], i % 2 ? fd : copy, 8, 0));
    for (int i = 0; i < THREADS; i++)
        to(other, (char[]){"abcd"[i], 0}, e);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(s[i].thread, NULL);
        seen += s[i].result == 1 ? 1 << (s[i].bytes.bytes[0] - 'a') : 1000;
    }
    printf("seen %d, rest %s\n", seen, rest(fd));
    close(copy);
    close(fd);
    close(other);
}

/* What a sleeper has not taken comes in its order, whoever asks for it. */
static void order(void)
{
    struct sleeper s;
    struct box b;
    char text[8];
    int fd = bound("127.0.0.1", SOCK_DGRAM), other = bound("127.0.0.1", SOCK_DGRAM);
    struct end e = name_of(fd);
    see_case("order");
    for (int round = 0; round < 3; round++) {
        start(begin(&s, fd, 8, 0));
        for (const char *each = "1234567"; *each; each++)
            to(other, (char[]){*each, 0}, e);
        printf("sleeper %s\n", ended(&s));
        ready(fd, POLLIN);
        for (int i = 0; i < 5; i++) {
            int n = i % 2 ? recvfrom(fd, text, 8, 0, box_fill(&b, 28), &b.len) : recv(fd, text, 8, 0);
            printf("%d %.*s ", i, n, text);
        }
        printf("%s\n", rest(fd));
    }
    close(fd);
    close(other);
}

static volatile int handled, sends_from;
static struct end sends_to;

static void on_signal(int sig)
{
    int saved = errno;
    (void)sig;
    if (sends_from >= 0)
        sendto(sends_from, "h", 1, 0, &sends_to.sa, sends_to.len);
    handled++;
    errno = saved;
}

/* A signal ends the sleep, or does not; a datagram that comes in the handler or after it is there. */
static void interrupted(int flags, int with_timeout, int from_handler)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    struct timeval long_one = {20, 0};
    struct sleeper s;
    int fd = bound("127.0.0.1", SOCK_DGRAM), other = bound("127.0.0.1", SOCK_DGRAM);
    struct end e = sends_to = name_of(fd);
    see_case("a signal: restart %d, timeout %d, sends %d", !!flags, with_timeout, from_handler);
    handled = 0;
    sends_from = from_handler ? other : -1;
    sigaction(SIGUSR1, &action, NULL);
    if (with_timeout)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &long_one, sizeof long_one);
    start(begin(&s, fd, 8, 0));
    pthread_kill(s.thread, SIGUSR1);
    while (!handled)
        usleep(200);
    if (flags && !with_timeout && !from_handler) {
        until_asleep(&s);
        to(other, "x", e);
    }
    printf("%s\n", ended(&s));
    to(other, "y", e);
    ready(fd, POLLIN);
    printf("rest %s\n", rest(fd));
    close(fd);
    close(other);
}

/* Signals all the time, and not one datagram is lost. */
static void storm(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    int fd = bound("127.0.0.1", SOCK_DGRAM), done = 0;
    struct end e = name_of(fd);
    pid_t pid;
    see_case("signals all the time");
    sends_from = -1;
    sigaction(SIGALRM, &action, NULL);
    fflush(stdout);
    if (!(pid = fork())) {
        int other = bound("127.0.0.1", SOCK_DGRAM);
        struct box b;
        char text[8];
        setitimer(ITIMER_REAL, &often, NULL);
        for (int i = 0; i < TRIPS; i++)
            if (sendto(other, "q", 1, 0, &e.sa, e.len) != 1 ||
                recvfrom(other, text, 8, 0, box_fill(&b, 28), &b.len) != 1)
                _exit(1);
        _exit(0);
    }
    setitimer(ITIMER_REAL, &often, NULL);
    for (; done < TRIPS; done++) {
        struct box b;
        char text[8];
        if (recvfrom(fd, text, 8, 0, box_fill(&b, 28), &b.len) != 1 ||
            sendto(fd, text, 1, 0, (void *)b.bytes, b.len) != 1)
            break;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        ;
    printf("%d trips, status %d\n", done, status);
    close(fd);
}

static void timeouts(void)
{
    struct timeval soon = {0, 60000};
    struct sleeper s;
    int fd = bound("127.0.0.1", SOCK_DGRAM), other = bound("127.0.0.1", SOCK_DGRAM);
    struct end e = name_of(fd);
    see_case("SO_RCVTIMEO");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    for (int i = 0; i < 2; i++) {
        begin(&s, fd, 8, 0);
        sleeps(&s);
        errno = s.error;
        printf("%s\n", result(s.result));
    }
    to(other, "late", e);
    printf("poll %#x", ready(fd, POLLIN));
    printf(" rest %s\n", rest(fd));
    close(fd);
    close(other);
}

/* A datagram whose copy fails is lost; where only the source cannot be written, the data is there. */
static void bad_memory(void)
{
    struct sleeper s;
    int fd = bound("127.0.0.1", SOCK_DGRAM), other = bound("127.0.0.1", SOCK_DGRAM);
    struct end e = name_of(fd);
    see_case("bad memory");
    for (int i = 0; i < 6; i++) {
        begin(&s, fd, 8, 0);
        if (i == 0)
            s.data = unmapped();
        if (i == 1)
            s.data = readonly();
        if (i == 2)
            s.name = unmapped();
        if (i == 3)
            s.length = unmapped();
        if (i == 4)
            s.length = readonly();
        if (i == 5)
            s.from.len = -1;
        start(&s);
        to(other, "abcd", e);
        pthread_join(s.thread, NULL);
        errno = s.error;
        printf("%d: %s %s", i, result(s.result), i < 2 ? "-" : hex(s.bytes.bytes, 4));
        printf(" rest %s\n", rest(fd));
    }
    close(fd);
    close(other);
}

/* close(2) does not end the sleep, nor free the port before its end. */
static void closed(void)
{
    struct sleeper s;
    int fd = bound("127.0.0.1", SOCK_DGRAM), other = bound("127.0.0.1", SOCK_DGRAM);
    struct end e = name_of(fd);
    int second = new_socket(AF_INET, SOCK_DGRAM);
    see_case("closed");
    start(begin(&s, fd, 8, 0));
    SEE(close(fd));
    SEE(bind(second, &e.sa, e.len));
    to(other, "abcd", e);
    printf("%s\n", ended(&s));
    SEE(bind(second, &e.sa, e.len));
    to(other, "efgh", e);
    ready(second, POLLIN);
    printf("rest %s\n", rest(second));
    close(second);
    close(other);
}

/* shutdown(2) ends it, also where it fails: without a peer. */
static void shut(int with_peer, int how)
{
    struct sleeper s;
    int pair[2];
    see_case("shut down: peer %d, how %d", with_peer, how);
    if (with_peer)
        udp_pair("127.0.0.1", pair);
    else
        pair[0] = bound("127.0.0.1", SOCK_DGRAM), pair[1] = bound("127.0.0.1", SOCK_DGRAM);
    start(begin(&s, pair[0], 8, 0));
    SEE(shutdown(pair[0], how));
    if (how == SHUT_WR)
        to(pair[1], "abcd", name_of(pair[0]));
    pthread_join(s.thread, NULL);
    errno = s.error;
    printf("%s\n", result(s.result));
    close(pair[0]);
    close(pair[1]);
}

/* Nobody is there any more: the one who sleeps hears of it when another sends. */
static void refused(void)
{
    struct sleeper s;
    int pair[2];
    see_case("refused");
    struct timeval enough = {2, 0};
    udp_pair("127.0.0.1", pair);
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &enough, sizeof enough);
    start(begin(&s, pair[0], 8, 0));
    close(pair[1]);
    SEE(send(pair[0], "x", 1, 0));
    printf("%s\n", ended(&s));
    close(pair[0]);
}

/* One who was killed in its sleep takes nothing along. */
static void killed(void)
{
    char text[8];
    int fd = bound("127.0.0.1", SOCK_DGRAM), other = bound("127.0.0.1", SOCK_DGRAM), status;
    struct end e = name_of(fd);
    struct sleeper *s = must_map(sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED);
    see_case("killed");
    fflush(stdout);
    begin(s, fd, 8, 0);
    pid_t pid = fork();
    if (!pid) {
        sleeps(s);
        _exit(0);
    }
    while (!__atomic_load_n(&s->about, __ATOMIC_SEQ_CST))
        usleep(200);
    usleep(2000); /* asleep or about to be: it makes no difference to what is seen */
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    to(other, "abcd", e);
    printf("status %d, poll %#x", status, ready(fd, POLLIN));
    printf(" rest %s\n", rest(fd));
    SEE(recv(fd, text, 8, MSG_DONTWAIT));
    close(fd);
    close(other);
}

static int served;

static void *serves(void *arg)
{
    char text[8];
    struct box b;
    for (int fd = *(int *)arg, n;;) {
        if ((n = recvfrom(fd, text, 8, 0, box_fill(&b, 28), &b.len)) != 8)
            return NULL;
        __atomic_add_fetch(&served, 1, __ATOMIC_SEQ_CST);
        if (sendto(fd, text, 8, 0, (void *)b.bytes, b.len) != 8)
            die("sendto");
    }
}

static void *asks(void *arg)
{
    struct end e = name_of(*(int *)arg);
    int fd = bound("127.0.0.1", SOCK_DGRAM);
    for (long long i = 0, back; i < TRIPS; i++) {
        struct box b;
        if (sendto(fd, &i, 8, 0, &e.sa, e.len) != 8 ||
            recvfrom(fd, &back, 8, 0, box_fill(&b, 28), &b.len) != 8 || back != i ||
            memcmp(&((struct sockaddr_in *)(void *)b.bytes)->sin_port, &e.in.sin_port, 2))
            die("trip");
    }
    close(fd);
    return NULL;
}

/* Many ask many on one socket; each gets its own answers. */
static void many(void)
{
    pthread_t servers[THREADS], clients[THREADS];
    int fd = bound("127.0.0.1", SOCK_DGRAM);
    see_case("many");
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&servers[i], NULL, serves, &fd) || pthread_create(&clients[i], NULL, asks, &fd))
            die("pthread_create");
    for (int i = 0; i < THREADS; i++)
        pthread_join(clients[i], NULL);
    for (int i = 0; i < THREADS; i++)
        to(fd, "end", name_of(fd));
    for (int i = 0; i < THREADS; i++)
        pthread_join(servers[i], NULL);
    printf("served %d\n", served);
    close(fd);
}

int main(void)
{
    see_start();
    one("127.0.0.1", "127.0.0.1");
    one("::1", "::1");
    one("::", "127.0.0.1");
    message("127.0.0.1");
    message("::1");
    several();
    order();
    for (int from_handler = 0; from_handler < 2; from_handler++) {
        interrupted(SA_RESTART, 0, from_handler);
        interrupted(0, 0, from_handler);
        interrupted(SA_RESTART, 1, from_handler);
        interrupted(0, 1, from_handler);
    }
    storm();
    timeouts();
    bad_memory();
    closed();
    for (int how = SHUT_RD; how <= SHUT_RDWR; how++)
        shut(1, how);
    refused();
    killed();
    many();
    for (int how = SHUT_RD; how <= SHUT_RDWR; how += 2)
        shut(0, how);
    return 0;
}
