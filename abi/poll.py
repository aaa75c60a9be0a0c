"""What poll(2), select(2) and epoll(7) exchange: poll.h, sys/select.h, sys/epoll.h."""

from collections.abc import Iterable

from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.poll import EPOLL, POLL
from ptrace_net.abi.kinds import Array, c_int, c_short, c_ulong, u32, u64
from ptrace_net.abi.layout import Field, Layout

pollfd = Layout(
    "pollfd", "poll.h", "One descriptor that poll(2) waits for.",
    Field("fd", c_int, "descriptor; below 0: this entry is ignored"),
    Field("events", c_short, "in: what to wait for", POLL, flags=True),
    Field("revents", c_short, "out: what happened; POLLERR, POLLHUP, POLLNVAL come unasked", POLL,
        flags=True),
    calls="poll ppoll",
)  # fmt: skip

epoll_event = Layout(
    "epoll_event", "sys/epoll.h", "An event and the caller's own word for it; packed on x86-64 to look as "
    "on i386.",
    Field("events", u32, "what to wait for, or what happened", EPOLL, flags=True),
    Field("data", u64, "returned as it was given: a descriptor or a pointer", c="data.u64"),
    packed="packed_epoll", calls="epoll_ctl epoll_wait epoll_pwait epoll_pwait2",
)  # fmt: skip

fd_set = Layout(
    "fd_set", "sys/select.h", "A set of descriptors below FD_SETSIZE (1024), a bit each.",
    Field("fds_bits", Array(c_ulong, bits=1024), "descriptor n is bit n % bits of long n / bits"),
    c="fd_set", calls="select pselect6", lengths="the kernel reads and writes (n + 7) / 8 rounded up to "
        "longs",
)  # fmt: skip


def descriptors(data: bytes, arch: Arch = X86_64) -> tuple[int, ...]:
    """The descriptors in an fd_set, of which ``data`` may be the first longs only."""
    longs = (data[at : at + arch.word] for at in range(0, len(data) - arch.word + 1, arch.word))
    bits = [int.from_bytes(each, arch.byteorder) for each in longs]
    return tuple(n * arch.bits + b for n, word in enumerate(bits) for b in range(arch.bits) if word >> b & 1)


def descriptor_bits(fds: Iterable[int], arch: Arch = X86_64) -> bytes:
    """The fd_set of ``fds``, each below 1024."""
    words = [0] * (1024 // arch.bits)
    for fd in fds:
        words[fd // arch.bits] |= 1 << fd % arch.bits
    return fd_set.build((tuple(words),), arch)
