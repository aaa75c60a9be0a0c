"""The seam between engines and handlers.

An engine (ptrace stops, user notification, a replay, a unit test) turns an intercepted system call into a
``Call`` and carries out the handler's answer. Handlers do not know which engine delivered the call.

* ``Return``: the call is answered; the kernel does not see it.
* ``Fail``: the same with an errno.
* ``Native``: the kernel performs the call, possibly another one or with other arguments; ``then`` gets the
  result and may give the final answer.
* ``Wait``: not yet: sleep, interruptible as the original call is, until the descriptor is ready, then try
  again.
* ``Park``: the same until the provider says so, for what no descriptor of the program shows.
* ``Give``: the result is a new descriptor, made by us.
* ``Replace``: put a descriptor of ours in place of one of the program's, then one of the above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch


class Errno(Exception):
    """Raised inside a handler to answer with ``-number``; never leaves ``dispatch``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class WouldBlock(Exception):
    """A blocking socket cannot go on: the call waits, at most ``timeout`` seconds (SO_SNDTIMEO)."""

    def __init__(self, timeout: float | None) -> None:
        super().__init__(timeout)
        self.timeout = timeout


class Task(Protocol):
    """What a handler may do with the thread that made the call."""

    @property
    def tid(self) -> int: ...
    @property
    def tgid(self) -> int: ...

    def read(self, address: int, size: int) -> bytes:
        """Exactly ``size`` bytes of the program's memory; raises ``Errno(EFAULT)``."""

    def read_up_to(self, address: int, size: int) -> bytes:
        """The readable prefix of ``size`` bytes, possibly empty."""

    def write(self, address: int, data: bytes) -> None:
        """Write to memory that the program itself could write; raises ``Errno(EFAULT)``."""

    def read_two(self, first: int, size: int, second: int, more: int) -> tuple[bytes, bytes]:
        """The readable prefixes of ``size`` bytes at ``first`` and, where these are all there, of ``more`` at
        ``second``: together at most 64 KB, not in ``scratch`` memory.
        """

    def read_many(self, places: Sequence[tuple[int, int]]) -> bytes:
        """At most 64 ``places``, an address and a size each, one after the other: the readable prefix. b""
        where they are more than 128 KB; not in ``scratch`` memory.
        """

    def write_all(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        """``write`` each piece, an address and bytes, in their order; not to ``scratch`` memory."""

    def write_two(self, first: int, head: bytes, second: int, tail: bytes) -> None:
        """``write`` ``head`` at ``first``, then ``tail`` at ``second``."""

    def scratch(self, size: int) -> int:
        """Room in the program's memory that is free until the call returns; 0 where there is none."""

    def socket_inode(self, fd: int) -> int:
        """The inode of the socket behind ``fd``; 0 when it is closed or no socket."""

    def borrow(self, fd: int) -> int:
        """A duplicate of the program's descriptor, to be closed at once; raises ``Errno(EBADF)``."""

    def held(self, fd: int) -> int:
        """Such a duplicate that is there anyway, and stays the engine's: good until the call is answered; -1
        where there is none.
        """

    def has_privilege(self, capability: int) -> bool:
        """Whether the program itself has a capability (CAP_*) where the supervisor acts for it."""


class Call:
    """One intercepted call: registers decoded, the multiplexers (socketcall) already taken apart."""

    __slots__ = ("arch", "args", "name", "task")

    def __init__(self, task: Task, arch: Arch, name: str, args: tuple[int, ...]) -> None:
        self.task = task
        self.arch = arch
        self.name = name
        self.args = args

    def __repr__(self) -> str:
        return f"Call({self.name}, {self.args}, tid={self.task.tid})"


class _Carried:
    """What a handler answers; two that say the same are equal. Plain classes are made faster than tuples."""

    __slots__: ClassVar[tuple[str, ...]] = ()

    def _fields(self) -> list[tuple[str, object]]:
        return [(name, getattr(self, name)) for name in type(self).__slots__]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Carried) and type(self) is type(other) and self._fields() == other._fields()

    def __repr__(self) -> str:
        fields = (f"{name}={value!r}" for name, value in self._fields())
        return f"{type(self).__name__}({', '.join(fields)})"


class Return(_Carried):
    __slots__ = ("value",)

    def __init__(self, value: int = 0) -> None:
        self.value = value


class Fail(_Carried):
    __slots__ = ("errno",)

    def __init__(self, errno: int) -> None:
        self.errno = errno


class Native(NamedTuple):
    """Let the kernel perform ``name(args)``; None means as the program asked.

    ``then(result)`` is called with the kernel's result (negative errno on failure) and returns the answer
    that the program gets, or None to keep the result.

    ``made(handle)`` is for calls that return a new descriptor (socket, accept, accept4). It gets a descriptor
    of ours of the new file before the program sees it, and returns a descriptor of ours of what the program
    shall get: the same number to keep it, another one to have it replaced. The engine closes both. It may
    write to the program's memory, and may raise Errno to fail the call, which closes the new descriptor, the
    program's too. ``then`` follows, with the program's number.
    """

    then: Callable[[int], Answer | None] | None = None
    name: str | None = None
    args: tuple[int, ...] | None = None
    made: Callable[[int], int] | None = None


class Wait(NamedTuple):
    """Sleep until ``fd`` (the program's) has one of ``events`` (POLL*), then dispatch the call again.

    After ``timeout`` seconds from the first such answer to the call it is ``Fail(expired)``. ``restart`` says
    whether a signal handled with SA_RESTART resumes the call (socket(7): not when a timeout is set on the
    socket). With ``expired`` None the call is dispatched again after that time, and after a signal too: that
    is a delay, for which ``fd`` is -1.
    """

    fd: int
    events: int
    timeout: float | None = None
    expired: int | None = 11
    restart: bool = True


class Resume(Protocol):
    """``Park``'s way to go on."""

    def __call__(
        self, ready: Callable[[], Answer] | None = None, lost: Callable[[], object] | None = None
    ) -> bool:
        """``ready()`` gives the answer, instead of the call's handler; it may raise Errno. Only for engines
        that answer without the kernel's part of the call.

        With ``lost`` it gives Return: where the call has been withdrawn by then, ``lost()`` is called, and
        the answer is not kept for the thread.
        """


class Park(_Carried):
    """Sleep until the provider calls ``resume()``, then dispatch the call again; else as ``Wait``.

    ``start(resume)`` is called once, when the thread is about to sleep. ``resume`` may be called in there, or
    at any later time, from the engine's thread, and more than once; where the thread sleeps no more (a
    signal, the timeout, its death) it does nothing, and returns False.
    """

    __slots__ = ("expired", "restart", "start", "timeout")

    def __init__(
        self, start: Callable[[Resume], None], timeout: float | None = None, expired: int = 11,
        restart: bool = True,
    ) -> None:  # fmt: skip
        self.start = start
        self.timeout = timeout
        self.expired = expired
        self.restart = restart


class Give(_Carried):
    """The result is a new descriptor of the program's: a duplicate of ``handle``, which the engine closes.

    ``then`` gets its number there, as for ``Native``. Only for engines that answer without the kernel's part
    of the call; ``Native`` with ``made`` is for all of them.
    """

    __slots__ = ("cloexec", "handle", "then")

    def __init__(
        self, handle: int, cloexec: bool, then: Callable[[int], Answer | None] | None = None
    ) -> None:
        self.handle = handle
        self.cloexec = cloexec
        self.then = then


class Replace(NamedTuple):
    """Put ``handle``, a descriptor of ours, in place of the program's ``fd``; then carry out ``answer``.

    FD_CLOEXEC of ``fd`` stays as it is, and O_NONBLOCK is set on the new file where the old one has it. The
    engine closes ``handle``. Only the named descriptor is replaced: duplicates (dup, fork, SCM_RIGHTS) keep
    the old file, and so do the epoll sets that it was added to. Where it cannot be done (``fd`` was closed
    meanwhile, or the program has no descriptor left for a moment's use) the call fails with that errno.
    """

    fd: int
    handle: int
    answer: Return | Fail | Wait | Park


class Mend(Protocol):
    """An engine's way to let a program get another errno than the ECONNRESET that its socket has."""

    def __call__(
        self, inode: int, error: int, groups: Iterable[int], ready: Callable[[], None],
        told: Callable[[], None],
    ) -> bool:
        """``groups`` are the processes that have the socket. ``ready()`` is called when it may break;
        ``told()``, from any thread, before a call gives the error. False where the engine cannot.
        """


Answer: TypeAlias = Return | Fail | Native | Wait | Park | Give | Replace
Handler: TypeAlias = Callable[[Call], Answer]

NATIVE = Native()
