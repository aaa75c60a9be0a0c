"""What handlers ask of the socket layer: interfaces that providers (host, stack, stub) implement.

Addresses are the bytes of a ``sockaddr`` as the program gave them or shall see them. ``handle`` is a
duplicate of the program's descriptor, borrowed for the length of one call. A method answers with bytes or an
``Answer``, and refuses with ``Errno``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Answer, Call, Park, Task


class Message(NamedTuple):
    """What sendmsg(2) is to send: ``size`` bytes that ``read()`` gives; ``control`` is the raw buffer.

    ``read`` raises Errno(EFAULT): the kernel looks at the address first, then at the data.
    """

    size: int
    read: Callable[[], bytes]
    name: bytes
    control: bytes
    flags: int


class Received(NamedTuple):
    """What was received: ``control`` as (level, type, payload), ``total`` the length before any cut."""

    data: bytes
    name: bytes
    control: list[tuple[int, int, bytes]]
    flags: int
    total: int


class Socket(Protocol):
    """One socket of the program, known to a provider."""

    __slots__ = ()

    def bind(self, task: Task, handle: int, name: bytes) -> Answer: ...
    def connect(self, handle: int, name: bytes, fd: int) -> Answer: ...
    def listen(self, handle: int, backlog: int) -> Answer: ...
    def accept(self, call: Call, handle: int) -> Answer: ...
    def shutdown(self, handle: int, how: int) -> Answer: ...
    def settled_name(self) -> bytes | None:
        """``local_name`` where it is known without asking the kernel."""

    def local_name(self, handle: int) -> bytes: ...
    def peer_name(self, handle: int) -> bytes: ...
    def given_name(self, name: bytes) -> bytes:
        """The program's view of an address that the kernel gave out for this socket."""

    def names_senders(self) -> bool:
        """Whether what is received has a source to translate: not on a stream."""

    def names_outgrow(self) -> bool:
        """Whether the kernel's names are longer than those that the program has room for."""

    def received_control(self, control: bytes, name: bytes, word: int) -> bytes:
        """The program's view of a control buffer that the kernel filled; ``word``: bytes of its size_t."""

    def serves(self, level: int, option: int) -> bool:
        """Whether the provider answers for an option; Errno(ENOPROTOOPT) for a level that there is not."""

    def set_option(
        self, task: Task, handle: int, level: int, option: int, value: OptionValue
    ) -> Answer: ...
    def get_option(self, handle: int, level: int, option: int, size: int) -> bytes | None:
        """The value, cut to ``size``; None: as the kernel says."""

    def get_asked(self, handle: int, level: int, option: int, size: int, given: bytes) -> bytes | None:
        """The same of an option that asks with ``given``, which lies in the program's buffer."""
        return self.get_option(handle, level, option, size)

    def send(self, task: Task, handle: int, message: Message, word: int) -> int:
        """The bytes sent; raises WouldBlock where the program's own call would sleep."""

    def send_several(self, messages: Sequence[tuple[bytes, bytes]], flags: int) -> int:
        """Send the first of several messages (name and data) together: how many. 0: the next one wants a look
        of its own, by ``passes`` and ``send``.
        """
        return 0

    def passes(self, name: bytes, control: bytes) -> bool:
        """Whether a message to ``name`` needs nothing from the provider."""

    def receives(self, *, named: bool) -> bool:
        """Whether the provider takes what is received, instead of the kernel; ``named``: with its source."""

    def sleeps(
        self, call: Call, handle: int, size: int, flags: int, give: Callable[[Received], int]
    ) -> Park | None:
        """How a call sleeps until the provider has something for it, which it ends with ``give``: that writes
        to the program's memory, and returns what the call does. None: ``receive`` knows.
        """
        return None

    def several_more(self, call: Call, handle: int, count: int, timeout: float | None) -> Park | None:
        """How recvmmsg(2) sleeps until ``count`` messages are there, ``timeout`` seconds being looked at when
        one comes; None: it takes what is there.
        """
        return None

    def fail(self, number: int) -> None:
        """An error that the next call is to tell."""
        return

    def receive(self, task: Task, handle: int, size: int, flags: int) -> Received:
        """At most ``size`` bytes; raises WouldBlock where the program's own call would sleep."""

    def receive_several(
        self, task: Task, handle: int, sizes: Sequence[int], flags: int
    ) -> list[Received]:
        """Messages that are there, together; none where ``receive`` is to say why."""
        return []


class Held(Protocol):
    """A socket of the provider's and the borrowed descriptor of it."""

    @property
    def sock(self) -> Socket: ...
    @property
    def handle(self) -> int:
        """Borrowed at first use; raises Errno(EBADF)."""


class Sockets(Protocol):
    """The socket layer of a run."""

    def create(self, task: Task, domain: int, kind: int, protocol: int) -> Answer: ...
    def create_pair(self, task: Task, domain: int, kind: int, protocol: int, vector: int) -> Answer: ...
    def find(self, task: Task, fd: int) -> AbstractContextManager[Held | None]:
        """The provider's socket behind ``fd``; None when the kernel alone services it, or refuses it."""

    def bind_native(self, task: Task, fd: int, name: bytes) -> Answer:
        """bind(2) of a socket that the kernel services: it may share a port with a mapped one."""

    def listen_native(self, task: Task, fd: int, backlog: int) -> Answer:
        """listen(2) of such a socket."""

    def ioctl(self, call: Call) -> Answer:
        """ioctl(2) of any descriptor, with a request of sockets or interfaces."""

    def view(self, path: str) -> bytes | None:
        """What a program finds in a file that shows the network; None: what the kernel says."""

    def map(self, call: Call) -> Answer:
        """mmap(2) of a descriptor, shared and to be written."""
