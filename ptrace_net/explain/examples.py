"""Bytes that were seen on a Linux system, and what explain is asked of them: for the docs and the tests."""

from __future__ import annotations

from typing import NamedTuple

# What recvmsg(2) left of a UDP datagram on loopback with IP_PKTINFO and IP_RECVTTL on.
MSGHDR = (
    "40e1cb09ff7f0000 1000000000000000 30e1cb09ff7f0000 0100000000000000"
    " 50e1cb09ff7f0000 3800000000000000 0000000000000000"
)
NAME = "0200b02f7f0000010000000000000000"
CONTROL = (
    "1c00000000000000 0000000008000000 010000007f000001 7f00000100000000"
    " 1400000000000000 0000000002000000 4000000000000000"
)

# One message of a reply to RTM_GETADDR: the address ::1 of lo.
NEWADDR = (
    "500000001400020007000000f7040000 0a8080fe01000000"
    " 1400010000000000000000000000000000000001"
    " 14000600ffffffffffffffff1600000016000000 0800080080000000 05000b0001000000"
)


class Example(NamedTuple):
    """A command and the heading that it goes under in the docs."""

    title: str
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command as one would type it."""
        return "ptrace-net explain " + " ".join(f"'{w}'" if " " in w else w for w in self.words)


EXAMPLES = (
    Example("A layout", ("sockaddr_in6",)),
    Example("Its bytes", ("sockaddr", "0a001f9000000000fe8000000000000000fc00fffe00000103000000")),
    Example("Two architectures side by side", ("msghdr", "--arch", "x86_64,i386")),
    Example("A msghdr with two control messages", ("msghdr", MSGHDR, "--name", NAME, "--control", CONTROL)),
    Example("An RTM_NEWADDR of a dump", ("netlink", NEWADDR)),
    Example("A call", ("accept4",)),
    Example("An option", ("SO_LINGER",)),
    Example("An error", ("EADDRNOTAVAIL",)),
)
