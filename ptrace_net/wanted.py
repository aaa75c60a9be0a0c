"""Which calls a run wants to see: computed from the provider and the observers, compiled into the filter.

Everything that a register shows is decided in the filter, so that a call nobody wants costs no stop.
"""

from __future__ import annotations

import errno

from ptrace_net.syscalls.table import ARGUMENTS
from ptrace_net.tracer.filter import ERRNO, Rule, equal, not_null, shares

SOL_SOCKET, SO_DOMAIN = 1, 39
CLONE_UNTRACED = 0x00800000
_IO_URING = ("io_uring_setup", "io_uring_enter", "io_uring_register")

# A task that escapes its tracer would run unserviced; io_uring makes socket calls that no filter sees.
NO_IO_URING = tuple(Rule(call, (), ERRNO | errno.ENOSYS) for call in _IO_URING)
ALWAYS = (Rule("clone", (shares(0, CLONE_UNTRACED),)), Rule("clone3"), *NO_IO_URING)

_LEVEL = {10: 41, 2: 0}  # the option level that goes with a family


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
        Rule("setsockopt", (equal(1, _LEVEL[asked]),)),
        Rule("getsockopt", (equal(1, _LEVEL[asked]),)),
        Rule("getsockopt", (equal(1, SOL_SOCKET), equal(2, SO_DOMAIN))),
    )


def trace_rules() -> tuple[Rule, ...]:
    """Every socket call, and the ioctls of sockets (0x8900 to 0x89ff, FIONBIO, FIONREAD, FIOASYNC, TIOCOUTQ)."""
    from ptrace_net.tracer.filter import at_least, below

    ioctls = [Rule("ioctl", (at_least(1, 0x8900), below(1, 0x8A00)))]
    ioctls += [Rule("ioctl", (equal(1, request),)) for request in (0x5421, 0x541B, 0x5452, 0x5411)]
    return (*(Rule(call) for call in ARGUMENTS if call != "ioctl"), Rule("socketcall"), *ioctls)


def merged(*groups: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """All rules, unconditional ones first, so that they decide."""
    rules = [rule for group in groups for rule in group]
    return tuple(sorted(rules, key=lambda rule: bool(rule.tests)))
