"""A row of the option table, and how net/core/sock.c and its relatives set and read by it.

A level first reads the number that the program gave, then looks for the row: the order of errors is Linux's.
What a row keeps is in ``Options.values`` under ``key(level, option)``.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.emulated.options.target import Target
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Task

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
STREAM, DGRAM, RAW = 1, 2, 3
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13
INT = struct.Struct("=i")


class Ask(NamedTuple):
    """One getsockopt(2) or setsockopt(2). ``value`` is what to set; ``size`` the room for an answer, and
    ``given`` what lies there before (MCAST_MSFILTER asks with it).
    """

    options: Options
    target: Target
    task: Task | None
    handle: int
    level: int
    option: int
    value: OptionValue | None = None
    size: int = 0
    given: bytes = b""

    @property
    def new(self) -> OptionValue:
        if self.value is None:
            raise TypeError("getsockopt has no value")
        return self.value

    def kept(self, default: int = 0) -> int:
        return self.options.number(self.level, self.option, default)

    def keep(self, number: int) -> None:
        self.options.keep(self.level, self.option, number)

    def privileged(self, *capabilities: int) -> bool:
        """Whether the program has one of them."""
        task = self.task
        return task is not None and any(task.has_privilege(each) for each in capabilities)

    def demand(self, *capabilities: int) -> None:
        if not self.privileged(*capabilities):
            raise Errno(errno.EPERM)


Check = Callable[[Ask, int], int]
Getter = Callable[[Ask], bytes]


class Row(NamedTuple):
    """An option whose value is an integer, unless ``get`` says otherwise.

    ``low`` to ``high`` are the values taken, ``boolean`` ones are kept as 0 or 1. ``check`` may refuse the
    number, act, and change what is kept. ``only`` are the socket types that can set it, others get
    ``foreign``. ``shortest`` is the least length of a value. ``unset`` and ``unread`` are the errors of
    setsockopt and getsockopt for an option that they do not have.
    """

    name: str
    default: int = 0
    low: int = INT_MIN
    high: int = INT_MAX
    boolean: bool = False
    check: Check | None = None
    get: Getter | None = None
    only: tuple[int, ...] = ()
    foreign: int = errno.ENOPROTOOPT
    shortest: int = 0
    unset: int = 0
    unread: int = 0


def flag(name: str, default: int = 0, check: Check | None = None, only: tuple[int, ...] = (),
         foreign: int = errno.ENOPROTOOPT, shortest: int = 0) -> Row:  # fmt: skip
    return Row(name, default, boolean=True, check=check, only=only, foreign=foreign, shortest=shortest)


def refused(name: str, unset: int = errno.ENOPROTOOPT, unread: int = errno.ENOPROTOOPT) -> Row:
    return Row(name, unset=unset, unread=unread)


def read_only(name: str, get: Getter) -> Row:
    return Row(name, get=get, unset=errno.ENOPROTOOPT)


def key(level: int, option: int) -> int:
    return level << 16 | option


def is_plain(row: Row) -> bool:
    """Whether nothing but the number decides."""
    return row == Row(row.name, row.default, row.low, row.high, row.boolean)


def fitted(row: Row, number: int) -> int:
    """The number as the row keeps it; Errno(EINVAL) where it takes no such one."""
    if not row.low <= number <= row.high:
        raise Errno(errno.EINVAL)
    return int(number != 0) if row.boolean else number


def set_row(ask: Ask, row: Row | None, number: int) -> None:
    """Keep ``number``, which has been read from the program, or refuse it."""
    if row is None or row.unset:
        raise Errno(errno.ENOPROTOOPT if row is None else row.unset)
    if row.only and ask.target.kind not in row.only:
        raise Errno(row.foreign)
    if ask.new.length < row.shortest:
        raise Errno(errno.EINVAL)
    number = fitted(row, number)
    if row.check is not None:
        number = row.check(ask, number)
    ask.options.keep(ask.level, ask.option, number)


def get_row(rows: Mapping[int, Row], ask: Ask) -> int | bytes:
    """The number that is kept, or what the row's getter says."""
    row = rows.get(ask.option)
    if row is None or row.unread:
        raise Errno(errno.ENOPROTOOPT if row is None else row.unread)
    return ask.kept(row.default) if row.get is None else row.get(ask)


def read_int(value: OptionValue) -> int:
    """As most levels do it: at least four bytes."""
    number: int = INT.unpack(value.first(INT.size))[0]
    return number


def room(size: int) -> int:
    """A negative length is refused."""
    if size < 0:
        raise Errno(errno.EINVAL)
    return size


def cut(answer: int | bytes, size: int) -> bytes:
    if isinstance(answer, int):
        answer = (answer & 0xFFFFFFFF).to_bytes(4, "little")
    return answer[:size]
