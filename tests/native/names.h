/* What getsockname.c and getpeername.c share: every room for the address, every bad pointer. */
#ifndef NAMES_H
#define NAMES_H
#include "ends.h"

typedef int name_call(int, void *, socklen_t *);

static inline void every_room(name_call *call, const char *what, int fd)
{
    static const socklen_t rooms[] = {0,  1,  2,  3,  4,  7,   8,   12,  15,       16,
                                      17, 24, 27, 28, 29, 110, 128, 160, INT32_MAX};
    see_case("%s: rooms", what);
    for (size_t i = 0; i < COUNT(rooms); i++) {
        struct box b;
        int r = call(fd, box_fill(&b, rooms[i]), &b.len);
        printf("room %d: %s %s\n", (int)rooms[i], result(r), box_addr(&b, rooms[i]));
    }
}

/* Answers of a call whose address or length cannot be used. Whether the length is written before the
 * address faults depends on the kernel: it is printed only after success or a refused length. */
static inline void bad_pointers(name_call *call, const char *what, int fd)
{
    static const int negatives[] = {-1, -16, INT32_MIN};
    struct box b;
    socklen_t n = 28, *locked = readonly(), *odd = (socklen_t *)((char *)edge(9) + 1);
    int zero = 0;
    see_case("%s: pointers", what);
    SEE(call(fd, NULL, &n));
    SEE(call(fd, NULL, memcpy(&n, &zero, 4)));
    printf("   n %d\n", (int)n);
    SEE(call(fd, box_fill(&b, 28), NULL));
    printf("   %s\n", box_addr(&b, 28));
    SEE(call(fd, NULL, NULL));
    n = 28;
    SEE(call(fd, unmapped(), &n));
    SEE(call(fd, readonly(), &n));
    SEE(call(fd, edge(8), &n));
    SEE(call(fd, (void *)-8L, &n));
    SEE(call(fd, box_fill(&b, 28), unmapped()));
    SEE(call(fd, box_fill(&b, 28), edge(2)));
    SEE(call(fd, box_fill(&b, 28), locked));
    printf("   %s\n", box_addr(&b, 0));
    memcpy(odd, &(int){28}, 4);
    SEE(call(fd, (char *)box_fill(&b, 28) + 1, odd));
    memcpy(&n, odd, 4);
    printf("   n %d %s%s\n", (int)n, addr(b.bytes + 1, n > 28 ? 28 : n), box_dirt(&b, 1 + n));
    for (size_t i = 0; i < COUNT(negatives); i++) {
        int r = call(fd, box_fill(&b, negatives[i]), &b.len);
        printf("n %d: %s n %d%s\n", negatives[i], result(r), (int)b.len, box_dirt(&b, 0));
    }
}

static inline void bad_descriptors(name_call *call)
{
    struct box b;
    see_case("descriptors");
    SEE(call(-1, box_fill(&b, 28), &b.len));
    SEE(call(BAD_FD, box_fill(&b, 28), &b.len));
    SEE(call(INT32_MAX, NULL, NULL));
    SEE(call(0, box_fill(&b, 28), &b.len));
    SEE(call(0, NULL, NULL));
    printf("   %s\n", box_addr(&b, 0));
}

#endif
