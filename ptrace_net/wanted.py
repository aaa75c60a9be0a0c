"""Which calls a run wants to see: computed from the provider and the observers, compiled into the filter.

Everything that a register shows is decided in the filter, so that a call nobody wants costs no stop.
"""

from __future__ import annotations

import errno

from ptrace_net.syscalls.table import ARGUMENTS
from ptrace_net.tracer.filter import ALLOW, ERRNO, Rule, at_least, below, equal, not_null, shares

SOL_SOCKET, SO_DOMAIN = 1, 39
CLONE_UNTRACED = 0x00800000
_IO_URING = ("io_uring_setup", "io_uring_enter", "io_uring_register")

# A task that escapes its tracer would run unserviced; io_uring makes socket calls that no filter sees.
NO_IO_URING = tuple(Rule(call, (), ERRNO | errno.ENOSYS) for call in _IO_URING)
ALWAYS = (Rule("clone", (shares(0, CLONE_UNTRACED),)), Rule("clone3"), *NO_IO_URING)

AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6 = 2, 10, 16, 17, 0, 6, 41
TCP_INFO, TCP_ZEROCOPY_RECEIVE = 11, 35
# The options of IPPROTO_IP that the host has once for both levels (sockets.options6.rows.TWINS), as ranges.
_TWINS = ((1, 3), (8, 9), (10, 14), (20, 22), (33, 35), (49, 51))
# syscalls.ioctls.REFUSED, as ranges.
_INTERFACE_IOCTLS = ((0x890B, 0x890E), (0x8915, 0x891D), (0x8934, 0x8937), (0x8953, 0x8956))


def host_rules(asked: int) -> tuple[Rule, ...]:
    """For the host provider serving family ``asked`` with another."""
    named = ("bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername")
    messages = ("sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "recvmmsg_time64")
    return (
        Rule("socket", (equal(0, asked),)),
        Rule("socketpair", (equal(0, asked),)),
        *(Rule(call) for call in (*named, *messages, "socketcall")),
        *not_null("sendto", 4),
        *not_null("recvfrom", 4),
        Rule("getsockopt", (equal(1, SOL_SOCKET), equal(2, SO_DOMAIN))),
        *(_ipv6_rules() if asked == AF_INET6 else _ipv4_rules()),
    )


# What AF_UNIX sockets do as AF_INET ones do, so that the backing socket can keep it (socket(7)):
# SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_LINGER, SO_RCVLOWAT, SO_RCVTIMEO,
# SO_SNDTIMEO.
KEPT_BENEATH = (2, 5, 6, 9, 10, 13, 18, 20, 21)
# Without those that concern packets, where there are any: SO_KEEPALIVE, SO_LINGER.
KEPT_ON_WIRE = tuple(option for option in KEPT_BENEATH if option not in (9, 13))
_SO_LINGER, _TCP_CORK, _TCP_QUICKACK = 13, 3, 12
_FIONREAD = 0x541B
_MSG_TRUNC, _MSG_ERRQUEUE, _MSG_MORE = 0x20, 0x2000, 0x8000
_MUSL_REQUEST = 20  # struct nlmsghdr, struct rtgenmsg and padding


def stack_rules(beneath: tuple[int, ...] = KEPT_BENEATH) -> tuple[Rule, ...]:
    """For the stack provider: every call that names, configures or addresses a socket.

    The options ``beneath`` are left to the backing socket. TCP_CORK and TCP_QUICKACK, which programs set for
    each message and no backing socket has, succeed in the filter where they have the length of an int.
    """
    tcp = equal(1, IPPROTO_TCP)
    named = ("bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername", "shutdown")
    messages = ("sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "recvmmsg_time64")
    families = (AF_INET, AF_INET6)
    return (
        *(Rule(call, (equal(0, family),)) for call in ("socket", "socketpair") for family in families),
        *(Rule("socket", (equal(0, family),)) for family in (AF_NETLINK, AF_PACKET)),
        # getifaddrs of musl asks with send(2) and reads the answer without waiting.
        Rule("sendto", (equal(2, _MUSL_REQUEST), equal(3, 0), equal(4, 0))),
        *(Rule(call) for call in (*named, *messages, "socketcall")),
        *not_null("sendto", 4),
        Rule("sendto", (shares(3, _MSG_MORE),)),  # of several such calls UDP makes one datagram
        *not_null("recvfrom", 4),
        Rule("recvfrom", (shares(3, _MSG_TRUNC | _MSG_ERRQUEUE),)),
        *(
            Rule("setsockopt", (tcp, equal(2, option), equal(4, 4)), ERRNO)
            for option in (_TCP_CORK, _TCP_QUICKACK)
        ),
        *(
            Rule(call, (equal(1, SOL_SOCKET), equal(2, option)), ALLOW)
            for call in ("setsockopt", "getsockopt")
            for option in beneath
            if (call, option) != ("setsockopt", _SO_LINGER)  # a peer may learn of the reset that it asks for
        ),
        *(Rule(call, (at_least(1, 0),)) for call in ("setsockopt", "getsockopt")),
        Rule("ioctl", (equal(1, _FIONREAD),)),
        Rule("ioctl", (at_least(1, 0x8900), below(1, 0x8A00))),
    )


_MAP_SHARED, _PROT_READ_WRITE = 1, 3


def map_rules() -> tuple[Rule, ...]:
    """mmap(2) of a descriptor, shared, to be read and written: of a packet socket perhaps."""
    return (Rule("mmap", (equal(2, _PROT_READ_WRITE), shares(3, _MAP_SHARED), below(4, 1 << 31))),)


# O_WRONLY, O_RDWR, O_CREAT, O_DIRECTORY, O_PATH: nobody reads a table with these.
_NOT_READ = 0o1 | 0o2 | 0o100 | 0o200000 | 0o10000000


def view_rules() -> tuple[Rule, ...]:
    """Every file that is opened to be read, as no filter sees its name."""
    return (
        Rule("open", (shares(1, _NOT_READ),), ALLOW), Rule("open", (at_least(1, 0),)),
        Rule("openat", (shares(2, _NOT_READ),), ALLOW), Rule("openat", (at_least(2, 0),)),
        Rule("openat2", (at_least(2, 0),)),
    )  # fmt: skip


def _ipv4_rules() -> tuple[Rule, ...]:
    """The options that have a twin of level IPPROTO_IPV6 (sockets.options4.TWINS), as ranges."""
    return tuple(
        Rule("setsockopt", (equal(1, IPPROTO_IP), at_least(2, first), below(2, past)))
        for first, past in ((1, 3), (8, 9), (10, 14), (20, 22), (33, 35))
    )


def _ipv6_rules() -> tuple[Rule, ...]:
    """Options and ioctls that an AF_INET6 socket answers in another way than the AF_INET one that serves it.

    TCP_NODELAY and its like are set per message: setsockopt of level IPPROTO_TCP has no rule. Reading an
    option of a protocol that the socket does not have fails with another errno; TCP_INFO and
    TCP_ZEROCOPY_RECEIVE, which are polled, are left out.
    """
    twins = tuple(
        Rule(call, (equal(1, IPPROTO_IP), at_least(2, first), below(2, past)))
        for call in ("setsockopt", "getsockopt")
        for first, past in _TWINS
    )
    tcp = equal(1, IPPROTO_TCP)
    return (
        Rule("setsockopt", (equal(1, IPPROTO_IPV6),)),
        *twins,
        Rule("getsockopt", (at_least(1, SOL_SOCKET + 1), below(1, IPPROTO_TCP))),
        Rule("getsockopt", (tcp, below(2, TCP_INFO))),
        Rule("getsockopt", (tcp, at_least(2, TCP_INFO + 1), below(2, TCP_ZEROCOPY_RECEIVE))),
        Rule("getsockopt", (tcp, at_least(2, TCP_ZEROCOPY_RECEIVE + 1))),
        Rule("getsockopt", (at_least(1, IPPROTO_TCP + 1),)),
        *(Rule("ioctl", (at_least(1, first), below(1, past))) for first, past in _INTERFACE_IOCTLS),
    )


def trace_rules() -> tuple[Rule, ...]:
    """Every socket call, and the ioctls of sockets (0x8900 to 0x89ff, and FIONBIO and its like)."""
    ioctls = [Rule("ioctl", (at_least(1, 0x8900), below(1, 0x8A00)))]
    ioctls += [Rule("ioctl", (equal(1, request),)) for request in (0x5421, 0x541B, 0x5452, 0x5411)]
    return (*(Rule(call) for call in ARGUMENTS if call != "ioctl"), Rule("socketcall"), *ioctls)


def merged(*groups: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """All rules, unconditional ones first, so that they decide."""
    rules = [rule for group in groups for rule in group]
    return tuple(sorted(rules, key=lambda rule: bool(rule.tests)))
