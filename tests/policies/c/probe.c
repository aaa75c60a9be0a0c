/* Makes the socket calls that its arguments name and prints what each returned: "NAME RESULT" with -errno.
 * A word is CALL,ARG,ARG…; numbers as C has them; @ is the descriptor made last, @N the N-th one made (from 0).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int made[64], count;
static char *words[8];
static int used;

static long number(int place)
{
    if (place >= used)
        return 0;
    if (words[place][0] == '@')
        return words[place][1] ? made[atoi(words[place] + 1)] : count ? made[count - 1] : -1;
    return strtol(words[place], NULL, 0);
}

static long keep(long fd)
{
    if (fd >= 0 && count < 64)
        made[count++] = fd;
    return fd;
}

static socklen_t address(struct sockaddr_storage *at, const char *host, int port)
{
    struct sockaddr_in *four = (void *)at;
    struct sockaddr_in6 *six = (void *)at;

    memset(at, 0, sizeof *at);
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1)
        six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return sizeof *six;
}

static void show(const char *what, struct sockaddr_storage *at)
{
    char text[64] = "?";
    struct sockaddr_in *four = (void *)at;
    struct sockaddr_in6 *six = (void *)at;

    if (at->ss_family == AF_INET)
        printf("%s %s %d\n", what, inet_ntop(AF_INET, &four->sin_addr, text, sizeof text), ntohs(four->sin_port));
    else if (at->ss_family == AF_INET6)
        printf("%s %s %d\n", what, inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text), ntohs(six->sin6_port));
}

/* sendmsg and sendmmsg: FD,FLAGS,LEVEL,TYPE with one control message of an int where a level is given */
static long message(int several)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    char text[] = "hello";
    struct iovec piece = {text, 5};
    struct mmsghdr vector = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
    struct cmsghdr *head;

    if (used > 3) {
        vector.msg_hdr.msg_control = control;
        vector.msg_hdr.msg_controllen = sizeof control;
        head = CMSG_FIRSTHDR(&vector.msg_hdr);
        head->cmsg_level = number(3);
        head->cmsg_type = number(4);
        head->cmsg_len = CMSG_LEN(sizeof(int));
    }
    return several ? sendmmsg(number(1), &vector, 1, number(2)) : sendmsg(number(1), &vector.msg_hdr, number(2));
}

/* netlink: FD,TYPE: a request for the dump of TYPE, and what the first answer is, or its error */
static long netlink(void)
{
    struct { struct nlmsghdr head; struct rtgenmsg body; } ask = {
        {sizeof ask, number(2), NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
    char answer[65536];
    long sent = send(number(1), &ask, sizeof ask, 0);

    if (sent < 0)
        return -errno;
    if (recv(number(1), answer, sizeof answer, MSG_DONTWAIT) < 0)
        return -errno;
    if (((struct nlmsghdr *)answer)->nlmsg_type == NLMSG_ERROR)
        return ((struct nlmsgerr *)NLMSG_DATA(answer))->error;
    return ((struct nlmsghdr *)answer)->nlmsg_type;
}

static long perform(const char *name)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    char buffer[4096];
    int value = number(4), pair[2];
    long result;

    if (!strcmp(name, "socket"))
        return keep(socket(number(1), number(2), number(3)));
    if (!strcmp(name, "socketpair")) {
        result = socketpair(number(1), number(2), number(3), pair);
        if (!result)
            keep(pair[0]), keep(pair[1]);
        return result;
    }
    if (!strcmp(name, "bind") || !strcmp(name, "connect")) {
        size = address(&at, words[2], number(3));
        return (name[0] == 'b' ? bind : connect)(number(1), (void *)&at, size);
    }
    if (!strcmp(name, "sendto")) {
        size = address(&at, words[2], number(3));
        return sendto(number(1), "hello", 5, number(4), (void *)&at, size);
    }
    if (!strcmp(name, "send"))
        return send(number(1), "hello", 5, number(2));
    if (!strcmp(name, "recv"))
        return recv(number(1), buffer, number(2), number(3));
    if (!strcmp(name, "recvfrom")) {
        result = recvfrom(number(1), buffer, sizeof buffer, number(2), (void *)&at, &size);
        if (result >= 0)
            show("from", &at);
        return result;
    }
    if (!strcmp(name, "listen"))
        return listen(number(1), number(2));
    if (!strcmp(name, "accept")) {
        result = keep(accept(number(1), (void *)&at, &size));
        return result;
    }
    if (!strcmp(name, "getsockname") || !strcmp(name, "getpeername")) {
        result = (name[3] == 's' ? getsockname : getpeername)(number(1), (void *)&at, &size);
        if (!result)
            show(name, &at);
        return result;
    }
    if (!strcmp(name, "setsockopt"))
        return setsockopt(number(1), number(2), number(3), &value, sizeof value);
    if (!strcmp(name, "getsockopt")) {
        value = -1;
        size = sizeof value;
        result = getsockopt(number(1), number(2), number(3), &value, &size);
        if (!result)
            printf("value %d\n", value);
        return result;
    }
    if (!strcmp(name, "sendmsg") || !strcmp(name, "sendmmsg"))
        return message(name[5] == 'm');
    if (!strcmp(name, "shutdown"))
        return shutdown(number(1), number(2));
    if (!strcmp(name, "ioctl")) {
        memset(buffer, 0, 64);
        strcpy(buffer, "lo");
        return ioctl(number(1), number(2), buffer);
    }
    if (!strcmp(name, "netlink")) {
        result = netlink();
        errno = result < 0 ? -result : 0;
        return result < 0 ? -1 : result;
    }
    if (!strcmp(name, "open"))
        return keep(open(words[1], O_RDONLY));
    if (!strcmp(name, "readlink"))
        return readlink(words[1], buffer, sizeof buffer);
    if (!strcmp(name, "stat"))
        return stat(words[1], (void *)buffer);
    if (!strcmp(name, "close"))
        return close(number(1));
    if (!strcmp(name, "syscall"))
        return syscall(number(1), number(2), number(3), number(4), number(5));
    fprintf(stderr, "no call %s\n", name);
    exit(99);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int at = 1; at < argc; at++) {
        char *rest = argv[at];

        for (used = 0; used < 8 && rest; used++)
            words[used] = strsep(&rest, ",");
        errno = 0;
        long result = perform(words[0]);
        printf("%s %ld\n", words[0], result < 0 ? (long)-errno : result);
    }
    return 0;
}
