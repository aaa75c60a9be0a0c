/* IPV6_V6ONLY both ways: who reaches a dual-stack listener and under which names, a V6ONLY [::]:p beside
 * 0.0.0.0:p with every client reaching the right one, TCP and UDP, and when the option may change. */
#include "ends.h"

static const char *const clients[] = {"127.0.0.1", "::ffff:127.0.0.1", "::1", "127.0.0.77",
                                      "::ffff:127.0.0.77"};

static int server(const char *ip, int type, int port, int v6only)
{
    struct end e = end_at(ip, port);
    int fd = new_socket(e.sa.sa_family, type);
    if (v6only >= 0)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
    if (bind(fd, &e.sa, e.len) || (type == SOCK_STREAM && listen(fd, 8)))
        die(ip);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void tcp_client(const char *ip, int port, const int *servers, int count)
{
    struct end e = end_at(ip, port);
    int fd = new_socket(e.sa.sa_family, SOCK_STREAM), conn;
    char text[8] = "";
    ports()->count = 0;
    port_name(e.in.sin_port);
    printf("%s: ", ip);
    if (SEE(connect(fd, &e.sa, e.len)) == 0) {
        printf("   client %s", name_text(fd));
        printf(" peer %s\n", peer_text(fd));
        for (int i = 0; i < count; i++) {
            struct box b;
            conn = accept(servers[i], box_fill(&b, 28), &b.len);
            printf("   server %d: %s %s\n", i, conn < 0 ? result(conn) : "ok", box_addr(&b, 28));
            if (conn < 0)
                continue;
            printf("   its end %s", name_text(conn));
            printf(" peer %s\n", peer_text(conn));
            send(conn, "hello", 5, 0);
            SEE(recv(fd, text, sizeof text, 0));
            close(conn);
        }
    }
    close(fd);
}

static void udp_client(const char *ip, int port, const int *servers, int count)
{
    struct end e = end_at(ip, port);
    int fd = new_socket(e.sa.sa_family, SOCK_DGRAM);
    char text[8] = "";
    ports()->count = 0;
    port_name(e.in.sin_port);
    printf("%s: ", ip);
    SEE(sendto(fd, "ask", 3, 0, &e.sa, e.len));
    printf("   client %s\n", name_text(fd));
    for (int i = 0; i < count; i++) {
        struct box b;
        int n = recvfrom(servers[i], text, sizeof text, 0, box_fill(&b, 28), &b.len);
        printf("   server %d: %s %s\n", i, result(n), box_addr(&b, 28));
        if (n < 0)
            continue;
        SEE(sendto(servers[i], "reply", 5, 0, (struct sockaddr *)b.bytes, b.len));
        ready(fd, POLLIN);
        n = recvfrom(fd, text, sizeof text, MSG_DONTWAIT, box_fill(&b, 28), &b.len);
        printf("   client: %s %s\n", result(n), box_addr(&b, 28));
    }
    close(fd);
}

static void one_server(const char *ip, int type, int v6only)
{
    int fd = server(ip, type, 0, v6only);
    see_case("type %d, server %s, v6only %d", type, ip, v6only);
    for (size_t i = 0; i < COUNT(clients); i++)
        (type == SOCK_STREAM ? tcp_client : udp_client)(clients[i], port_of(fd), &fd, 1);
    close(fd);
}

static void two_servers(int type, const char *first_ip, const char *second_ip)
{
    int fd[2];
    fd[0] = server(first_ip, type, free_port(), strchr(first_ip, ':') ? 1 : -1);
    fd[1] = server(second_ip, type, port_of(fd[0]), strchr(second_ip, ':') ? 1 : -1);
    see_case("type %d, server 0 %s, server 1 %s", type, first_ip, second_ip);
    printf("   %s / %s\n", name_text(fd[0]), name_text(fd[1]));
    for (size_t i = 0; i < COUNT(clients); i++)
        (type == SOCK_STREAM ? tcp_client : udp_client)(clients[i], port_of(fd[0]), fd, 2);
    close(fd[0]);
    see_case("server 0 gone");
    for (size_t i = 0; i < 3; i++)
        (type == SOCK_STREAM ? tcp_client : udp_client)(clients[i], port_of(fd[1]), fd + 1, 1);
    close(fd[1]);
}

static int v6only_of(int fd)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len) ? -errno : value;
}

static void when_it_may_change(int type)
{
    int fd = new_socket(AF_INET6, type), v4 = new_socket(AF_INET, type);
    struct end any = end_at("::", 0);
    see_case("type %d: IPV6_V6ONLY over time", type);
    printf("new %d\n", v6only_of(fd));
    SEE(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    printf("set %d\n", v6only_of(fd));
    SEE(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 77));
    printf("set to 77: %d\n", v6only_of(fd));
    SEE(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, -1));
    printf("set to -1: %d\n", v6only_of(fd));
    SEE(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    SEE(bind(fd, &any.sa, any.len));
    SEE(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    SEE(set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    printf("bound %d\n", v6only_of(fd));
    SEE(set_int(v4, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    printf("on AF_INET %d\n", v6only_of(v4));
    close(fd);
    close(v4);
}

int main(void)
{
    see_start();
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        one_server("::", type, 0);
        one_server("::", type, 1);
        one_server("::1", type, 0);
        one_server("::1", type, 1);
        one_server("::ffff:127.0.0.1", type, 0);
        one_server("::ffff:0.0.0.0", type, 0);
        one_server("0.0.0.0", type, -1);
        two_servers(type, "0.0.0.0", "::");
        two_servers(type, "::", "0.0.0.0");
        two_servers(type, "127.0.0.1", "::1");
        two_servers(type, "::1", "127.0.0.1");
        when_it_may_change(type);
    }
    return 0;
}
