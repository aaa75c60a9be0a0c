/* socket(7): SO_ATTACH_FILTER, SO_GET_FILTER, SO_LOCK_FILTER and the filters of a SO_REUSEPORT group. */
#include "options.h"
#include <linux/filter.h>

static struct sock_filter take_all[] = {{BPF_RET | BPF_K, 0, 0, 0xffff}};
static struct sock_filter unknown[] = {{0xffff, 0, 0, 1}};
static struct sock_fprog good = {1, take_all}, bad = {1, unknown}, empty = {0, take_all}, nowhere = {1, NULL};

static void filter(int fd)
{
    int on = 1, off = 0;
    char held[64];
    SEE(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &bad, sizeof bad));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &empty, sizeof empty));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &nowhere, sizeof nowhere));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &good, sizeof good - 1));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &good, sizeof good));
    for (socklen_t count = 0; count < 3; count++) {
        socklen_t len = count;
        memset(held, 0, sizeof held);
        SEE(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, held, &len));
        printf("   room for %d: %d, the first %d\n", (int)count, (int)len, held[0]);
    }
    SEE(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &off, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &good, sizeof good));
}

static void group(int fd)
{
    int on = 1;
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &good, sizeof good));
    SEE(setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &on, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &on, 4));
    SEE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &good, sizeof good));
    SEE(setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &on, 4));
}

int main(void)
{
    static const int families[] = {AF_INET, AF_INET6};
    see_start();
    for (size_t i = 0; i < COUNT(families); i++) {
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
            int fd = new_socket(families[i], type);
            see_case("family %d type %d", families[i], type);
            group(fd);
            filter(fd);
            group(fd);
            close(fd);
        }
    }
    return 0;
}
