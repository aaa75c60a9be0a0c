"""poll.h and sys/epoll.h: events."""

from ptrace_net.abi.constants.table import Constants

# fmt: off
POLL = Constants("POLL", "poll.h", {
    "POLLIN": 0x1, "POLLPRI": 0x2, "POLLOUT": 0x4, "POLLERR": 0x8, "POLLHUP": 0x10, "POLLNVAL": 0x20,
    "POLLRDNORM": 0x40, "POLLRDBAND": 0x80, "POLLWRNORM": 0x100, "POLLWRBAND": 0x200, "POLLMSG": 0x400,
    "POLLREMOVE": 0x1000, "POLLRDHUP": 0x2000,
})

EPOLL = Constants("EPOLL", "sys/epoll.h", {
    "EPOLLIN": 0x1, "EPOLLPRI": 0x2, "EPOLLOUT": 0x4, "EPOLLERR": 0x8, "EPOLLHUP": 0x10,
    "EPOLLRDNORM": 0x40, "EPOLLRDBAND": 0x80, "EPOLLWRNORM": 0x100, "EPOLLWRBAND": 0x200,
    "EPOLLMSG": 0x400, "EPOLLRDHUP": 0x2000, "EPOLLEXCLUSIVE": 0x10000000, "EPOLLWAKEUP": 0x20000000,
    "EPOLLONESHOT": 0x40000000, "EPOLLET": 0x80000000,
})

EPOLL_CTL = Constants("EPOLL_CTL_", "sys/epoll.h", {
    "EPOLL_CTL_ADD": 1, "EPOLL_CTL_DEL": 2, "EPOLL_CTL_MOD": 3,
})
# fmt: on
