/* unix(7): path names, abstract names and unnamed sockets, in and out of every length; SCM_RIGHTS and
 * credentials; what a supervisor passes through must stay as it is. Abstract names hold the process id,
 * printed as NNNNNNN. */
#include "ends.h"
#include <sys/stat.h>
#include <sys/uio.h>

enum { HEAD = offsetof(struct sockaddr_un, sun_path) };

static const char *un_text(struct box *b, socklen_t room)
{
    char own[16], *at;
    char *text = see_text();
    int n = box_used(b, room);
    snprintf(own, sizeof own, "%07d", getpid());
    for (int i = 0; n > 7 && i + 7 <= n; i++)
        if (!memcmp(b->bytes + i, own, 7))
            memcpy(b->bytes + i, "NNNNNNN", 7);
    add(text, "len %d ", (int)b->len);
    at = text + strlen(text);
    for (int i = 0; i < n && at - text < 900; i++)
        at += sprintf(at, i < 2 || b->bytes[i] < 32 || b->bytes[i] > 126 ? "%02x." : "%c", b->bytes[i]);
    add(text, "%s", box_dirt(b, n));
    return text;
}

static const char *un_name(int fd, int peer)
{
    struct box b;
    box_fill(&b, 128);
    int r = peer ? getpeername(fd, (void *)b.bytes, &b.len) : getsockname(fd, (void *)b.bytes, &b.len);
    return r ? result(r) : un_text(&b, 128);
}

static struct end path(const char *text)
{
    struct end e = {.un = {.sun_family = AF_UNIX}};
    strcpy(e.un.sun_path, text);
    e.len = HEAD + strlen(text) + 1;
    return e;
}

static struct end abstract(const char *text)
{
    struct end e = {.un = {.sun_family = AF_UNIX}};
    e.len = HEAD + 1 + sprintf(e.un.sun_path + 1, "%07d%s", getpid(), text);
    return e;
}

static void bind_lengths(void)
{
    static const int lengths[] = {-1, 0, 1, 2, 3, 4, 8, 9, 10, 60, 108, 109, 110, 111, 128, 129};
    struct end e = path("xxxxxx");
    see_case("bind lengths");
    for (size_t i = 0; i < COUNT(lengths); i++) {
        int fd = new_socket(AF_UNIX, SOCK_STREAM), r;
        r = bind(fd, &e.sa, lengths[i]);
        printf("%d: %s", lengths[i], result(r));
        if (lengths[i] != 2 || r)
            printf(" %s", un_name(fd, 0));
        else
            printf(" autobound %d", (int)name_of(fd).len);
        printf("\n");
        unlink("x"), unlink("xx"), unlink("xxxxxx");
        close(fd);
    }
}

static void full_path(void)
{
    struct end e = {.un = {.sun_family = AF_UNIX}, .len = HEAD + 108};
    int fd = new_socket(AF_UNIX, SOCK_STREAM);
    see_case("a path of 108 bytes without a zero");
    memset(e.un.sun_path, 'y', 108);
    SEE(bind(fd, &e.sa, e.len));
    printf("%s\n", un_name(fd, 0));
    struct box b;
    SEE(getsockname(fd, box_fill(&b, 20), &b.len));
    printf("%s\n", un_text(&b, 20));
    close(fd);
}

static void bad_paths(void)
{
    struct end taken = path("taken"), nowhere = path("no/such/directory"), e = abstract("");
    int a = new_socket(AF_UNIX, SOCK_STREAM), b = new_socket(AF_UNIX, SOCK_STREAM);
    see_case("paths");
    SEE(bind(a, &taken.sa, taken.len));
    SEE(bind(a, &taken.sa, taken.len));
    SEE(bind(b, &taken.sa, taken.len));
    SEE(bind(b, &nowhere.sa, nowhere.len));
    SEE(connect(b, &taken.sa, taken.len));
    SEE(connect(b, &nowhere.sa, nowhere.len));
    SEE(connect(b, &e.sa, e.len));
    SEE(listen(a, 0));
    SEE(connect(b, &taken.sa, taken.len));
    printf("%s peer %s\n", un_name(b, 0), un_name(b, 1));
    SEE(unlink("taken"));
    SEE(connect(new_socket(AF_UNIX, SOCK_STREAM), &taken.sa, taken.len));
    SEE(connect(new_socket(AF_UNIX, SOCK_DGRAM), &taken.sa, taken.len));
    e.sa.sa_family = AF_INET;
    SEE(bind(new_socket(AF_UNIX, SOCK_DGRAM), &e.sa, e.len));
    SEE(bind(new_socket(AF_UNIX, SOCK_DGRAM), unmapped(), 10));
    close(a);
    close(b);
}

static void streams(int type, struct end at, struct end from)
{
    int l = new_socket(AF_UNIX, type), c = new_socket(AF_UNIX, type), conn;
    struct box b;
    see_case("type %d, a name of %d bytes", type, (int)at.len);
    SEE(bind(l, &at.sa, at.len));
    SEE(listen(l, 2));
    if (from.len)
        SEE(bind(c, &from.sa, from.len));
    SEE(connect(c, &at.sa, at.len));
    conn = SEE(accept(l, box_fill(&b, 110), &b.len));
    printf("accepted %s\n", un_text(&b, 110));
    printf("listener %s\nits end  %s", un_name(l, 0), un_name(conn, 0));
    printf(" peer %s\nclient   %s", un_name(conn, 1), un_name(c, 0));
    printf(" peer %s\n", un_name(c, 1));
    SEE(connect(c, &at.sa, at.len));
    close(l);
    close(c);
    close(conn);
}

static void datagrams(void)
{
    struct end to = abstract("to"), from = abstract("from");
    int a = new_socket(AF_UNIX, SOCK_DGRAM), b = new_socket(AF_UNIX, SOCK_DGRAM);
    static const socklen_t rooms[] = {0, 1, 2, 3, 10, 12, 64, 128};
    char text[8];
    see_case("datagrams");
    SEE(bind(a, &to.sa, to.len));
    SEE(sendto(b, "unnamed", 7, 0, &to.sa, to.len));
    struct box s;
    SEE(recvfrom(a, text, 8, 0, box_fill(&s, 110), &s.len));
    printf("%s\n", un_text(&s, 110));
    SEE(bind(b, &from.sa, from.len));
    for (size_t i = 0; i < COUNT(rooms); i++) {
        sendto(b, "named", 5, 0, &to.sa, to.len);
        int n = recvfrom(a, text, 3, MSG_TRUNC, box_fill(&s, rooms[i]), &s.len);
        printf("room %d: %s %s\n", (int)rooms[i], result(n), un_text(&s, rooms[i]));
    }
    SEE(connect(b, &to.sa, to.len));
    SEE(send(b, "x", 1, 0));
    close(a);
    SEE(send(b, "x", 1, 0));
    SEE(sendto(b, "x", 1, 0, &to.sa, to.len));
    close(b);
}

static void credentials(void)
{
    union { struct cmsghdr h; char bytes[128]; } c;
    struct ucred peer;
    socklen_t len = sizeof peer;
    char byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
    int pair[2];
    see_case("credentials");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    SEE(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &len));
    printf("own %d %d %d len %d\n", peer.pid == getpid(), peer.uid == getuid(), peer.gid == getgid(),
           (int)len);
    SEE(set_int(pair[0], SOL_SOCKET, SO_PASSCRED, 1));
    SEE(send(pair[1], "x", 1, 0));
    SEE(recvmsg(pair[0], &m, 0));
    printf("flags %#x type %d len %d", m.msg_flags, c.h.cmsg_type, (int)c.h.cmsg_len);
    memcpy(&peer, CMSG_DATA(&c.h), sizeof peer);
    printf(" own %d %d %d\n", peer.pid == getpid(), peer.uid == getuid(), peer.gid == getgid());
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    struct end none = {.len = 0};
    see_start();
    umask(022);
    bind_lengths();
    full_path();
    bad_paths();
    streams(SOCK_STREAM, path("stream"), path("client"));
    streams(SOCK_STREAM, abstract("stream"), none);
    streams(SOCK_SEQPACKET, abstract("packets"), abstract("c"));
    datagrams();
    credentials();
    return 0;
}
