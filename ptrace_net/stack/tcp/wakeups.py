"""Readiness in the bits of poll(2) and epoll(7)."""

POLLIN = 0x001
POLLPRI = 0x002
POLLOUT = 0x004
POLLERR = 0x008
POLLHUP = 0x010
POLLRDHUP = 0x2000
