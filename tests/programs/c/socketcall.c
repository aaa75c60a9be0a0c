/* An i386 program that makes its calls through socketcall(2), as all of them did before Linux 4.3; every argument
 * lies in memory behind one pointer. It is server and client on [::]:PORT at once and prints what each call gave.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/net.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

typedef unsigned long word;

#define CALL(number, ...) call(#number, number, (word[]){ __VA_ARGS__ })

static long call(const char *name, int number, word *arguments)
{
    long result = syscall(SYS_socketcall, number, arguments);
    printf("%s %ld %s\n", name, result, result < 0 ? strerror(errno) : "");
    return result;
}

static void show(const char *label, struct sockaddr_in6 *name, socklen_t length, int port)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &name->sin6_addr, text, sizeof text);
    printf("%s %u %d %s %s\n", label, length, name->sin6_family, text,
           ntohs(name->sin6_port) == port ? "the port" : "another port");
}

int main(int argc, char **argv)
{
    int port = atoi(argv[argc - 1]), zero = 0;
    struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    socklen_t length = sizeof name;
    char buffer[16] = "";
    struct iovec part = { "message", 7 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    int server = CALL(SYS_SOCKET, AF_INET6, SOCK_STREAM, 0);
    CALL(SYS_SETSOCKOPT, server, IPPROTO_IPV6, IPV6_V6ONLY, (word)&zero, sizeof zero);
    CALL(SYS_BIND, server, (word)&name, sizeof name);
    CALL(SYS_LISTEN, server, 5);
    int client = CALL(SYS_SOCKET, AF_INET6, SOCK_STREAM, 0);
    name.sin6_addr = in6addr_loopback;
    CALL(SYS_CONNECT, client, (word)&name, sizeof name);
    int peer = CALL(SYS_ACCEPT4, server, (word)&name, (word)&length, SOCK_CLOEXEC);
    show("accepted", &name, length, port);
    CALL(SYS_GETSOCKNAME, peer, (word)&name, (word)&length);
    show("self", &name, length, port);
    CALL(SYS_GETPEERNAME, client, (word)&name, (word)&length);
    show("peer", &name, length, port);
    CALL(SYS_SEND, client, (word)"send", 4, 0);
    CALL(SYS_RECV, peer, (word)buffer, sizeof buffer, 0);
    CALL(SYS_SENDMSG, peer, (word)&message, 0);
    part.iov_base = buffer;
    CALL(SYS_RECVMSG, client, (word)&message, MSG_WAITALL);
    puts(buffer);
    CALL(SYS_SHUTDOWN, client, SHUT_RDWR);
    CALL(SYS_SHUTDOWN, server, 99);
    CALL(SYS_SOCKET, AF_INET6, 99, 0);
    CALL(SYS_BIND, server, 4, sizeof name);
    return 0;
}
