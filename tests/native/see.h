/* What the conformance programs share: they print what a call answered, byte for byte, and nothing
 * that differs between two runs. Ephemeral ports print as P1, P2... in first-seen order (the table is
 * shared with forked children; see_case() starts it anew), port ids of netlink as SELF; process ids,
 * inodes and times are never printed. Buffers handed to the kernel sit between guard bytes. */
#ifndef SEE_H
#define SEE_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define BAD_FD 777
#define SEE(call) see_result(#call, (long)(call))

enum { GUARD = 0xa5, ROOM = 160, PAGE = 4096 };

struct ports { int count; uint16_t port[60]; };
struct box { unsigned char before[16], bytes[ROOM], after[16]; socklen_t len; };
static inline void die(const char *what)
{
    fprintf(stderr, "set-up failed: %s: %s\n", what, strerror(errno));
    exit(99);
}

static inline void *must_map(size_t size, int prot, int flags)
{
    void *p = mmap(NULL, size, prot, flags | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

/* -- text ------------------------------------------------------------------------------------- */

static inline char *see_text(void)
{
    static char ring[16][1024];
    static int next;
    char *text = ring[next++ % 16];
    text[0] = 0;
    return text;
}

__attribute__((format(printf, 2, 3))) static inline void add(char *text, const char *format, ...)
{
    va_list args;
    size_t used = strlen(text);
    va_start(args, format);
    vsnprintf(text + used, 1024 - used, format, args);
    va_end(args);
}

static inline const char *result(long r)
{
    char *text = see_text();
    add(text, r < 0 ? "%s" : "", strerrorname_np(errno));
    if (r >= 0)
        add(text, "%ld", r);
    return text;
}

static inline long see_result(const char *call, long r)
{
    int saved = errno;
    printf("%s = %s\n", call, result(r));
    errno = saved;
    return r;
}

static inline const char *hex(const void *bytes, int n)
{
    char *text = see_text();
    for (int i = 0; i < n && i < 400; i++)
        add(text, "%02x", ((const unsigned char *)bytes)[i]);
    return n > 0 ? text : "-";
}

static inline struct ports *ports(void)
{
    static struct ports *table;
    if (!table)
        table = must_map(sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED);
    return table;
}

/* A port in network order: its number below 1024, else P1, P2... as it is first seen. */
static inline const char *port_name(uint16_t port)
{
    struct ports *t = ports();
    char *text = see_text();
    int i = 0;
    if (ntohs(port) < 1024) {
        add(text, "%d", ntohs(port));
        return text;
    }
    while (i < t->count && t->port[i] != port)
        i++;
    if (i == t->count && t->count < (int)COUNT(t->port))
        t->port[t->count++] = port;
    add(text, "P%d", i + 1);
    return text;
}

/* The first n bytes of an address, its fields parted by dots. */
static inline const char *addr(const void *bytes, int n)
{
    static const int in_fields[] = {2, 4, 8, 16, 0}, in6_fields[] = {2, 4, 8, 24, 28, 0};
    static const int nl_fields[] = {2, 4, 8, 12, 0}, plain[] = {2, 0};
    const unsigned char *b = bytes;
    int family = n >= 2 ? b[0] | b[1] << 8 : 0, from = 0;
    const int *field = family == AF_INET ? in_fields : family == AF_INET6 ? in6_fields :
                       family == AF_NETLINK ? nl_fields : plain;
    char *text = see_text();
    while (from < n) {
        int to = *field && *field < n ? *field : n, port = from == 2 && field != plain;
        uint16_t value;
        uint32_t id;
        memcpy(&value, b + from, to - from < 2 ? 1 : 2);
        memcpy(&id, b + from, to - from < 4 ? 1 : 4);
        if (port && (family == AF_INET || family == AF_INET6))
            add(text, "%s", to == 4 ? port_name(value) : "P?");
        else if (family == AF_NETLINK && from == 4 && to == 8 && id == (uint32_t)getpid())
            add(text, "SELF");
        else
            add(text, "%s", hex(b + from, to - from));
        add(text, to < n ? "." : "");
        from = to;
        field += *field ? 1 : 0;
    }
    return n > 0 ? text : "-";
}

/* -- guarded buffers -------------------------------------------------------------------------- */

static inline void *box_fill(struct box *b, socklen_t len)
{
    memset(b, GUARD, sizeof *b);
    b->len = len;
    return b->bytes;
}

static inline int box_used(const struct box *b, socklen_t room)
{
    socklen_t used = b->len < room ? b->len : room;
    return used > ROOM ? 0 : (int)used;
}

/* " dirty@n" where a byte at or after n bytes, or before the buffer, was written. */
static inline const char *box_dirt(const struct box *b, int n)
{
    const unsigned char *all = (const unsigned char *)b;
    char *text = see_text();
    for (int i = -16; i < ROOM + 16; i++)
        if ((i < 0 || i >= n) && all[16 + i] != GUARD) {
            add(text, " dirty@%d", i);
            break;
        }
    return text;
}

/* An address that came back for room bytes offered: "len 16 0200.P1.7f000001.0000000000000000". */
static inline const char *box_addr(const struct box *b, socklen_t room)
{
    char *text = see_text();
    int n = box_used(b, room);
    add(text, "len %d %s%s", (int)b->len, addr(b->bytes, n), box_dirt(b, n));
    return text;
}

static inline const char *box_value(const struct box *b, socklen_t room)
{
    char *text = see_text();
    int n = box_used(b, room);
    add(text, "len %d %s%s", (int)b->len, hex(b->bytes, n), box_dirt(b, n));
    return text;
}

/* -- memory that faults ----------------------------------------------------------------------- */

static inline void *unmapped(void) { return must_map(PAGE, PROT_NONE, MAP_PRIVATE); }

static inline void *readonly(void) { return must_map(PAGE, PROT_READ, MAP_PRIVATE); }

/* The last n bytes of a writable page that an unreadable one follows. */
static inline void *edge(int n)
{
    char *p = must_map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    if (mprotect(p + PAGE, PAGE, PROT_NONE))
        die("mprotect");
    return p + PAGE - n;
}

/* A new heading; port names start again at P1. */
__attribute__((format(printf, 1, 2))) static inline void see_case(const char *format, ...)
{
    va_list args;
    ports()->count = 0;
    va_start(args, format);
    printf("-- ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static inline void see_start(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    see_case("start");
}

#endif
