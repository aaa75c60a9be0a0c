/* What the option programs share: a row per option, set to every value of a table through every length,
 * read back through every length. Rows whose value the machine decides are read as "some". */
#ifndef OPTIONS_H
#define OPTIONS_H
#include "ends.h"

struct option { int level, name; const char *text; };

#define OPTION(level, name) {level, name, #name}

static inline const char *read_back(int fd, const struct option *o, socklen_t room)
{
    struct box b;
    char *text = see_text();
    int r = getsockopt(fd, o->level, o->name, box_fill(&b, room), &b.len);
    add(text, "%s %s", result(r), r ? box_dirt(&b, 0) : box_value(&b, room));
    return text;
}

/* Set an int, say the result and what is read back. */
static inline void set_and_read(int fd, const struct option *o, int value)
{
    int r = set_int(fd, o->level, o->name, value);
    printf("%s = %d: %s", o->text, value, result(r));
    printf(", reads %s\n", read_back(fd, o, 4));
}

static inline void every_value(int fd, const struct option *o, const int *values, size_t count)
{
    printf("%s at first %s\n", o->text, read_back(fd, o, 4));
    for (size_t i = 0; i < count; i++)
        set_and_read(fd, o, values[i]);
}

/* The bytes 1 0 0 0 1 0... set with every length, on the same socket. */
static inline void every_set_length(int fd, const struct option *o)
{
    static const int lengths[] = {-1, 0, 1, 2, 3, 4, 5, 8, 16, 64};
    unsigned char bytes[64] = {1, 0, 0, 0, 1};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        int r = setsockopt(fd, o->level, o->name, bytes, lengths[i]);
        printf("%s set with length %d: %s\n", o->text, lengths[i], result(r));
    }
}

static inline void every_get_length(int fd, const struct option *o)
{
    static const int lengths[] = {-1, 0, 1, 2, 3, 4, 5, 8, 16, 64};
    for (size_t i = 0; i < COUNT(lengths); i++)
        printf("%s got with length %d: %s\n", o->text, lengths[i], read_back(fd, o, lengths[i]));
}

#endif
