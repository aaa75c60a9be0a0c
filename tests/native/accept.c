/* accept(2): whose address comes back and into how much room, bad arguments and what becomes of the
 * waiting connection then, sockets that cannot accept, what the new descriptor inherits. */
#include "ends.h"

static int client(const char *ip, int port)
{
    int fd = connected(ip, SOCK_STREAM, port);
    port_name(name_of(fd).in.sin_port);
    return fd;
}

static void every_room(const char *server_ip, const char *client_ip)
{
    static const socklen_t rooms[] = {0,  1,  2,  3,  4,   8,   15,   16,       17,
                                      24, 27, 28, 29, 128, 160, 1000, INT32_MAX};
    int l = listening(server_ip), port = port_of(l);
    see_case("%s accepts %s: rooms", server_ip, client_ip);
    for (size_t i = 0; i < COUNT(rooms); i++) {
        struct box b;
        ports()->count = 0;
        int c = client(client_ip, port), fd = accept(l, box_fill(&b, rooms[i]), &b.len);
        printf("room %d: %s %s\n", (int)rooms[i], fd < 0 ? result(fd) : "ok", box_addr(&b, rooms[i]));
        if (fd >= 0) {
            printf("   %s", name_text(fd));
            printf(" peer %s\n", peer_text(fd));
            close(fd);
        }
        close(c);
    }
    close(l);
}

/* A failed copy of the address costs the connection: the client sees it end. */
static void bad_address(const char *ip, const char *what, void *address, void *length)
{
    int l = listening(ip), c = client(ip, port_of(l)), fd;
    char byte;
    see_case("%s: %s", ip, what);
    fd = accept4(l, address, length, SOCK_NONBLOCK);
    printf("accept = %s\n", fd < 0 ? result(fd) : "ok");
    if (fd >= 0)
        close(fd);
    fcntl(l, F_SETFL, O_NONBLOCK);
    fd = accept(l, NULL, NULL);
    printf("again = %s\n", fd < 0 ? result(fd) : "ok");
    if (fd >= 0)
        close(fd);
    printf("client poll %#x\n", ready(c, POLLIN));
    SEE(recv(c, &byte, 1, MSG_DONTWAIT));
    close(c);
    close(l);
}

static void bad_arguments(const char *ip)
{
    static const int negative = -1, zero = 0;
    struct box b;
    socklen_t *length = edge(4);
    char *odd = (char *)edge(61) + 1;
    int *minus = must_map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    *minus = negative;
    bad_address(ip, "address without length", box_fill(&b, 16), NULL);
    bad_address(ip, "length without address", NULL, unmapped());
    bad_address(ip, "unmapped address", unmapped(), memcpy(length, &(int){28}, 4));
    bad_address(ip, "unmapped length", box_fill(&b, 16), unmapped());
    bad_address(ip, "read-only length", box_fill(&b, 16), readonly());
    bad_address(ip, "read-only address", readonly(), memcpy(length, &(int){28}, 4));
    bad_address(ip, "unmapped address, no room", unmapped(), memcpy(length, &zero, 4));
    bad_address(ip, "address in the last 8 bytes", edge(8), memcpy(length, &(int){28}, 4));
    bad_address(ip, "address in the last 8 bytes, room 8", edge(8), memcpy(length, &(int){8}, 4));
    bad_address(ip, "negative length", box_fill(&b, 16), minus);
    bad_address(ip, "unaligned address", odd, memcpy(length, &(int){28}, 4));
    see_case("after all that");
    printf("%s\nlength %d, minus %d\n", addr(odd, *length), (int)*length, *minus);
}

static void cannot_accept(void)
{
    static const struct { int family, type; } kinds[] = {
        {AF_INET, SOCK_STREAM}, {AF_INET6, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_INET6, SOCK_DGRAM},
        {AF_UNIX, SOCK_STREAM}, {AF_UNIX, SOCK_DGRAM}, {AF_NETLINK, SOCK_RAW},
    };
    struct box b;
    see_case("sockets that cannot");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        int fd = new_socket(kinds[i].family, kinds[i].type);
        printf("%d/%d: ", kinds[i].family, kinds[i].type);
        SEE(accept(fd, box_fill(&b, 16), &b.len));
        printf("   %s\n", box_addr(&b, 16));
        close(fd);
    }
    SEE(accept(-1, NULL, NULL));
    SEE(accept(BAD_FD, unmapped(), unmapped()));
    SEE(accept(0, NULL, NULL));
}

static void empty_queue(const char *ip)
{
    struct box b;
    struct timeval soon = {0, 60000};
    int l = listening(ip), c;
    see_case("%s: nobody there", ip);
    setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    SEE(accept(l, box_fill(&b, 28), &b.len));
    fcntl(l, F_SETFL, O_NONBLOCK);
    SEE(accept(l, box_fill(&b, 28), &b.len));
    printf("   %s\n", box_addr(&b, 28));
    SEE(accept(l, unmapped(), unmapped()));
    c = client(ip, port_of(l));
    SEE(accept(l, box_fill(&b, 28), &b.len));
    printf("   %s\n", box_addr(&b, 28));
    close(c);
    close(l);
}

/* Flags of the descriptor are new, options of the socket are the listener's. */
static void inherited(const char *ip)
{
    int l = listening(ip), c, fd, value[4] = {0};
    socklen_t len = 4;
    see_case("%s: inherited", ip);
    set_int(l, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(l, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(l, SOL_SOCKET, SO_REUSEADDR, 1);
    fcntl(l, F_SETFL, O_NONBLOCK);
    fcntl(l, F_SETFD, FD_CLOEXEC);
    c = client(ip, port_of(l));
    ready(l, POLLIN);
    fd = SEE(accept(l, NULL, NULL));
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value[0], &len);
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value[1], &len);
    getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value[2], &len);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value[3], &len);
    printf("   GETFL %#x GETFD %d keepalive %d nodelay %d reuseaddr %d acceptconn %d\n", fcntl(fd, F_GETFL),
           fcntl(fd, F_GETFD), value[0], value[1], value[2], value[3]);
    close(fd);
    close(c);
    close(l);
}

int main(void)
{
    see_start();
    every_room("127.0.0.1", "127.0.0.1");
    every_room("::1", "::1");
    every_room("::", "127.0.0.1");
    every_room("::", "::1");
    bad_arguments("127.0.0.1");
    bad_arguments("::1");
    cannot_accept();
    empty_queue("127.0.0.1");
    empty_queue("::");
    inherited("127.0.0.1");
    inherited("::1");
    return 0;
}
