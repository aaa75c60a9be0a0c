"""What explain says of a system call."""

from __future__ import annotations

from typing import NamedTuple

from ptrace_net.abi.constants.table import Constants
from ptrace_net.syscalls.table import ARGUMENTS, Argument


class Call(NamedTuple):
    """One call. ``arguments`` is empty where the table of intercepted calls has them."""

    name: str
    summary: str
    docs: tuple[tuple[str, str], ...]  # argument -> what it is
    result: str
    errors: tuple[tuple[str, str], ...]  # errno -> when it happens
    flags: tuple[Constants, ...] = ()
    flag_docs: tuple[tuple[str, str], ...] = ()
    notes: str = ""
    own: tuple[Argument, ...] = ()

    @property
    def arguments(self) -> tuple[Argument, ...]:
        return self.own or ARGUMENTS[self.name]


def rows(text: str) -> tuple[tuple[str, str], ...]:
    """A table from its lines: the first word of each, and the rest."""
    lines = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return tuple((word, rest) for word, rest in lines)


NAME_OUT = (
    ("addr", "where the address goes, or NULL"),
    ("addrlen", "room at addr, in; the address's own length, out, even where it was cut"),
)
NOT_A_SOCKET = (
    ("EBADF", "sockfd is not an open descriptor"),
    ("ENOTSOCK", "sockfd is not a socket"),
)
BAD_NAME_OUT = (
    ("EFAULT", "addr or addrlen is not in the program's memory"),
    ("EINVAL", "addrlen is below 0"),
)
