/* Threads on one socket: many in accept, many connecting while one accepts, a listener shut down under a
 * waiting accept, edge-triggered epoll in two threads, and every thread its own sockets and names. */
#include "ends.h"
#include <pthread.h>
#include <sys/epoll.h>

enum { THREADS = 8, ROUNDS = 20 };

struct job { const char *ip; int fd, port, id, count, error; };

static void run(void *(*body)(void *), struct job *jobs, int count)
{
    pthread_t thread[THREADS];
    for (int i = 0; i < count; i++)
        if (pthread_create(&thread[i], NULL, body, &jobs[i]))
            die("pthread_create");
    for (int i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
}

static void *accept_some(void *arg)
{
    struct job *j = arg;
    for (;;) {
        struct box b;
        char id = 0;
        int fd = accept4(j->fd, box_fill(&b, 28), &b.len, SOCK_CLOEXEC);
        if (fd < 0)
            break;
        if (recv(fd, &id, 1, 0) != 1 || send(fd, &id, 1, 0) != 1)
            j->error++;
        j->count++;
        close(fd);
    }
    j->error += errno != EINVAL;
    return NULL;
}

static void *connect_some(void *arg)
{
    struct job *j = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct end e = end_at(j->ip, j->port);
        char id = j->id, back = 0;
        int fd = socket(e.sa.sa_family, SOCK_STREAM, 0);
        if (connect(fd, &e.sa, e.len) || send(fd, &id, 1, 0) != 1 || recv(fd, &back, 1, 0) != 1 || back != id)
            j->error++;
        j->count++;
        close(fd);
    }
    return NULL;
}

/* Half of the threads accept on one listener, half connect to it; then the listener is shut down. */
static void accept_and_connect(const char *server, const char *client)
{
    struct job clients[THREADS], servers[THREADS] = {0};
    pthread_t thread[THREADS];
    int l = listening(server), accepted = 0, errors = 0, done = 0;
    see_case("%s accepts %s in threads", server, client);
    listen(l, 128);
    for (int i = 0; i < THREADS / 2; i++) {
        servers[i].fd = l;
        clients[i] = (struct job){client, -1, port_of(l), i + 1, 0, 0};
        if (pthread_create(&thread[i], NULL, accept_some, &servers[i]))
            die("pthread_create");
    }
    run(connect_some, clients, THREADS / 2);
    SEE(shutdown(l, SHUT_RD));
    for (int i = 0; i < THREADS / 2; i++) {
        pthread_join(thread[i], NULL);
        accepted += servers[i].count;
        errors += servers[i].error + clients[i].error;
        done += clients[i].count;
    }
    printf("accepted %d, connected %d, errors %d\n", accepted, done, errors);
    close(l);
}

static void *own_sockets(void *arg)
{
    struct job *j = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct end e = end_at(j->ip, 0), back = {.len = ROOM};
        int fd = socket(e.sa.sa_family, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0), domain = 0;
        socklen_t len = sizeof domain;
        if (fd < 0 || bind(fd, &e.sa, e.len) || getsockname(fd, &back.sa, &back.len) || back.len != e.len ||
            memcmp(back.raw + 4, e.raw + 4, e.len - 4) ||
            getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) || domain != e.sa.sa_family)
            j->error++;
        j->count++;
        close(fd);
    }
    return NULL;
}

static void every_thread_its_own(void)
{
    static const char *const ips[] = {"127.0.0.1", "::1", "::", "::ffff:127.0.0.1", "0.0.0.0"};
    struct job jobs[THREADS];
    int errors = 0, count = 0;
    see_case("every thread its own sockets");
    for (int i = 0; i < THREADS; i++)
        jobs[i] = (struct job){ips[i % 5], -1, 0, i, 0, 0};
    run(own_sockets, jobs, THREADS);
    for (int i = 0; i < THREADS; i++)
        errors += jobs[i].error, count += jobs[i].count;
    printf("%d sockets, %d errors\n", count, errors);
    SEE(socket(AF_INET6, SOCK_STREAM, 0));
}

static pthread_barrier_t registered, woken;

static void *wait_edge(void *arg)
{
    struct job *j = arg;
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.fd = j->fd};
    int ep = epoll_create1(0), fd;
    epoll_ctl(ep, EPOLL_CTL_ADD, j->fd, &e);
    pthread_barrier_wait(&registered);
    j->count = epoll_wait(ep, &e, 1, 3000);
    pthread_barrier_wait(&woken);
    fd = accept(j->fd, NULL, NULL);
    j->error = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    close(ep);
    return NULL;
}

/* One client wakes both: one accepts, the other is told EAGAIN. */
static void both_wake(const char *server, const char *client)
{
    struct job jobs[2];
    pthread_t thread[2];
    int l = listening(server), c;
    see_case("%s: one client for two epoll sets", server);
    fcntl(l, F_SETFL, O_NONBLOCK);
    pthread_barrier_init(&registered, NULL, 3);
    pthread_barrier_init(&woken, NULL, 2);
    for (int i = 0; i < 2; i++) {
        jobs[i] = (struct job){server, l, 0, i, 0, 0};
        if (pthread_create(&thread[i], NULL, wait_edge, &jobs[i]))
            die("pthread_create");
    }
    pthread_barrier_wait(&registered);
    c = connected(client, SOCK_STREAM, port_of(l));
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    printf("woken %d and %d, accepted %d, EAGAIN %d\n", jobs[0].count, jobs[1].count,
           !jobs[0].error + !jobs[1].error, (jobs[0].error == EAGAIN) + (jobs[1].error == EAGAIN));
    close(c);
    close(l);
}

static void *wait_recv(void *arg)
{
    struct job *j = arg;
    char byte;
    j->count = recv(j->fd, &byte, 1, 0);
    j->error = j->count < 0 ? errno : 0;
    return NULL;
}

/* A receiver in one thread ends when another shuts the socket down. */
static void shut_under_a_reader(const char *ip)
{
    struct job j = {ip, -1, 0, 0, -7, 0};
    pthread_t thread;
    int pair[2];
    see_case("%s: shut down under a reader", ip);
    tcp_pair(ip, ip, pair);
    j.fd = pair[0];
    if (pthread_create(&thread, NULL, wait_recv, &j))
        die("pthread_create");
    usleep(50000);
    SEE(shutdown(pair[0], SHUT_RD));
    pthread_join(thread, NULL);
    printf("read %d error %d\n", j.count, j.error);
    close(pair[0]);
    close(pair[1]);
}

static void *wait_recvfrom(void *arg)
{
    struct job *j = arg;
    struct box b;
    char byte;
    j->count = recvfrom(j->fd, &byte, 1, 0, box_fill(&b, 28), &b.len);
    j->error = j->count < 0 ? errno : 0;
    return NULL;
}

/* The same of datagrams, of a socket that is connected to itself. */
static void shut_under_a_datagram_reader(const char *ip)
{
    struct end e = end_at(ip, 0);
    struct job j = {ip, socket(e.sa.sa_family, SOCK_DGRAM, 0), 0, 0, -7, 0};
    pthread_t thread;
    see_case("%s: shut down under a reader of datagrams", ip);
    SEE(bind(j.fd, &e.sa, e.len));
    SEE(getsockname(j.fd, &e.sa, &e.len));
    SEE(connect(j.fd, &e.sa, e.len));
    if (pthread_create(&thread, NULL, wait_recvfrom, &j))
        die("pthread_create");
    usleep(50000);
    SEE(shutdown(j.fd, SHUT_RD));
    pthread_join(thread, NULL);
    printf("read %d error %d\n", j.count, j.error);
    close(j.fd);
}

int main(void)
{
    see_start();
    accept_and_connect("127.0.0.1", "127.0.0.1");
    accept_and_connect("::1", "::1");
    accept_and_connect("::", "127.0.0.1");
    accept_and_connect("::", "::1");
    every_thread_its_own();
    both_wake("127.0.0.1", "127.0.0.1");
    both_wake("::", "::1");
    shut_under_a_reader("127.0.0.1");
    shut_under_a_reader("::1");
    shut_under_a_datagram_reader("127.0.0.1");
    shut_under_a_datagram_reader("::1");
    return 0;
}
