"""The fixed part of an exported C program, in C11 with Linux's headers: memory and checks."""

HEAD = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HELPER static __attribute__((unused))

static const char *current = "nothing yet";
static const char *where = "";
static int failures, calls;
static __attribute__((unused)) long got;
static __attribute__((unused)) int error;
static __attribute__((unused)) socklen_t length;
static __attribute__((unused)) struct sockaddr_storage address;
static __attribute__((unused)) unsigned char memory[MEMORY];
static __attribute__((unused)) struct pollfd polled[POLLED];
static __attribute__((unused)) struct epoll_event events[EVENTS];
static __attribute__((unused)) struct iovec vector[VECTOR];
static __attribute__((unused)) struct msghdr message;
static __attribute__((unused)) struct mmsghdr messages[MESSAGES];
static __attribute__((unused)) struct sockaddr_storage names[MESSAGES];
static __attribute__((unused)) int pair[2];
static __attribute__((unused)) int number;

static void fail(const char *what, long is, long should)
{
    failures++;
    printf("%s: %s: %s is %ld, recorded %ld\n", where, current, what, is, should);
}

/* Recorded: the call failed with `want_error`, or (0) returned `want`; -2 stands for any descriptor. */
HELPER void check(long want, int want_error)
{
    calls++;
    if (want_error || got == -1) {
        if (got != -1)
            fail("the result", got, -1);
        else if (error != want_error) {
            failures++;
            printf("%s: %s: failed with errno %d (%s), recorded %d (%s)\n", where, current, error,
                   strerror(error), want_error, want_error ? strerror(want_error) : "success");
        }
    } else if (want != -2 && got != want)
        fail("the result", got, want);
}

/* A step of the outside world: without it the rest makes no sense. */
HELPER void must(const char *what)
{
    if (got < 0) {
        printf("%s: the outside world: %s: %s\n", where, what, strerror(error));
        exit(2);
    }
}

#define CALL(expression) (errno = 0, got = (expression), error = errno)

/* `known` bytes as recorded, then filler up to `total`; the area is static and holds one payload only. */
HELPER void *payload(const char *bytes, size_t known, size_t total)
{
    static unsigned char area[MEMORY];
    memcpy(area, bytes, known);
    if (total > known)
        memset(area + known, '.', total - known);
    return area;
}

HELPER struct sockaddr *in4(const char *host, int port)
{
    static struct sockaddr_in made;
    memset(&made, 0, sizeof made);
    made.sin_family = AF_INET;
    made.sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, host, &made.sin_addr);
    return (struct sockaddr *)&made;
}

HELPER struct sockaddr *in6(const char *host, int port, uint32_t flow, uint32_t scope)
{
    static struct sockaddr_in6 made;
    memset(&made, 0, sizeof made);
    made.sin6_family = AF_INET6;
    made.sin6_port = htons((uint16_t)port);
    made.sin6_flowinfo = htonl(flow);
    made.sin6_scope_id = scope;
    inet_pton(AF_INET6, host, &made.sin6_addr);
    return (struct sockaddr *)&made;
}

HELPER int port_of(void)
{
    return ntohs(((struct sockaddr_in *)&address)->sin_port); /* at the same place in sockaddr_in6 */
}

HELPER void same_address(struct sockaddr *want)
{
    char texts[2][INET6_ADDRSTRLEN] = {"", ""};
    if (got < 0)
        return;
    if (address.ss_family != want->sa_family) {
        fail("the address family", address.ss_family, want->sa_family);
        return;
    }
    if (port_of() != ntohs(((struct sockaddr_in *)want)->sin_port))
        fail("the port", port_of(), ntohs(((struct sockaddr_in *)want)->sin_port));
    if (want->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, texts[0], sizeof texts[0]);
        inet_ntop(AF_INET, &((struct sockaddr_in *)want)->sin_addr, texts[1], sizeof texts[1]);
    } else if (want->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&address)->sin6_addr, texts[0], sizeof texts[0]);
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)want)->sin6_addr, texts[1], sizeof texts[1]);
    }
    if (strcmp(texts[0], texts[1])) {
        failures++;
        printf("%s: %s: the address is %s, recorded %s\n", where, current, texts[0], texts[1]);
    }
}

HELPER void same_number(const char *what, long is, long should)
{
    if (got >= 0 && is != should)
        fail(what, is, should);
}

HELPER void same_bytes(const char *want, size_t size)
{
    size_t i;
    for (i = 0; i < size && got >= 0 && i < (size_t)got; i++)
        if (memory[i] != (unsigned char)want[i]) {
            fail("a byte that was received", memory[i], (unsigned char)want[i]);
            return;
        }
}

/* Message `index` of those that were sent or received; a piece of it lies at `at`. */
HELPER void same_piece(long index, size_t at, const char *want, size_t size)
{
    size_t i;
    for (i = 0; i < size && index < got; i++)
        if (memory[at + i] != (unsigned char)want[i]) {
            fail("a byte of a message", memory[at + i], (unsigned char)want[i]);
            return;
        }
}

HELPER void same_length(long index, long want)
{
    if (index < got && messages[index].msg_len != want)
        fail("the length of a message", messages[index].msg_len, want);
}

HELPER void same_event(uint64_t word, uint32_t want)
{
    long i;
    for (i = 0; i < got; i++)
        if (events[i].data.u64 == word) {
            same_number("an epoll event", events[i].events, want);
            return;
        }
    if (got >= 0)
        fail("the number of epoll events for a descriptor", 0, 1);
}

static void overdue(int signal)
{
    static const char text[] = ": this call did not return\n";
    (void)signal;
    (void)!write(1, where, strlen(where));
    (void)!write(1, ": ", 2);
    (void)!write(1, current, strlen(current));
    (void)!write(1, text, sizeof text - 1);
    _exit(1);
}
"""

TAIL = r"""
    printf("%d calls, %d differences\n", calls, failures);
    return failures != 0;
}
"""

PART_BEGIN = r"""
static void part%d(void)
{
"""

PART_END = "}\n"

BEGIN = r"""
int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, overdue);
"""
