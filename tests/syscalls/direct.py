"""An engine without a program: the handlers serve this very process, which is its own Task.

``Ours`` carries the answers of the seam out by hand; ``Native`` asks the kernel. Both take raw registers and
return what the register would hold afterwards, so a test can do the same in both worlds and compare.
"""

import ctypes
import errno
import os
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ptrace_net.abi.arch import X86_64
from ptrace_net.policies.policy import Policy
from ptrace_net.sockets.faces import SixOnFour
from ptrace_net.sockets.host import HostSockets
from ptrace_net.syscalls.dispatch import dispatcher
from ptrace_net.syscalls.seam import Call, Errno, Fail, Native, Return, Wait
from ptrace_net.syscalls.table import typed
from ptrace_net.tracer import memory

AF_INET, AF_INET6 = socket.AF_INET, socket.AF_INET6
BAD = 8  # an address in the first page, which nobody has mapped
MASK = (1 << 64) - 1
_libc = ctypes.CDLL(None, use_errno=True)


class Myself:
    """``syscalls.seam.Task`` of this process."""

    tid = tgid = os.getpid()
    privileged = True

    def read(self, address: int, size: int) -> bytes:
        data = self.read_up_to(address, size)
        if len(data) < size:
            raise Errno(errno.EFAULT)
        return data

    def read_up_to(self, address: int, size: int) -> bytes:
        return memory.read_checked(os.getpid(), address, size)

    def write(self, address: int, data: bytes) -> None:
        if data and not memory.write(os.getpid(), address, data):
            raise Errno(errno.EFAULT)

    def read_two(self, first: int, size: int, second: int, more: int) -> tuple[bytes, bytes]:
        return memory.read_two(os.getpid(), first, size, second, more)

    def read_many(self, places: Sequence[tuple[int, int]]) -> bytes:
        return memory.read_many(os.getpid(), places)

    def write_all(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        if not memory.write_all(os.getpid(), pieces):
            raise Errno(errno.EFAULT)

    def write_two(self, first: int, head: bytes, second: int, tail: bytes) -> None:
        if not memory.write_two(os.getpid(), first, head, second, tail):
            raise Errno(errno.EFAULT)

    def socket_inode(self, fd: int) -> int:
        try:
            link = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            return 0
        return int(link[8:-1]) if link.startswith("socket:[") else 0

    def held(self, fd: int) -> int:
        return -1

    def borrow(self, fd: int) -> int:
        try:
            return os.dup(fd)
        except OSError:
            raise Errno(errno.EBADF) from None

    def has_privilege(self, capability: int) -> bool:
        return self.privileged


class Room:
    """Bytes at an address, 0xAA where nobody wrote; given to a call, it lives until the call returns."""

    owner: object = None  # kept alive with it

    def __init__(self, data: bytes = b"", size: int | None = None) -> None:
        self.bytes = ctypes.create_string_buffer(data, max(len(data) if size is None else size, 1))
        if size is not None:
            ctypes.memset(self.at + len(data), 0xAA, size - len(data))

    @property
    def at(self) -> int:
        return ctypes.addressof(self.bytes)

    @property
    def raw(self) -> bytes:
        return self.bytes.raw


def word(register: int | Room) -> int:
    return (register.at if isinstance(register, Room) else register) & MASK


class Kernel:
    """The oracle."""

    def call(self, name: str, *registers: int | Room) -> int:
        words = [ctypes.c_ulong(word(register)) for register in registers]
        result = _libc.syscall(ctypes.c_long(X86_64.syscalls[name]), *words)
        return -ctypes.get_errno() if result == -1 else result


class Ours:
    """The handlers of the host provider, AF_INET6 served by AF_INET."""

    def __init__(self) -> None:
        self.task = Myself()
        self.sockets = HostSockets(SixOnFour(Policy().addresses), lambda: [self.task])
        self.dispatch = dispatcher(self.sockets, {})

    def call(self, name: str, *registers: int | Room) -> int:
        words = tuple(map(word, registers)) + (0,) * (6 - len(registers))
        call = Call(self.task, X86_64, name, typed(name, words, X86_64))
        return self._carry_out(call, words, self.dispatch(call))

    def _carry_out(self, call: Call, words: tuple[int, ...], answer: object) -> int:
        if isinstance(answer, Return):
            return answer.value
        if isinstance(answer, Fail):
            return -answer.errno
        if isinstance(answer, Wait):
            poll = select.poll()
            poll.register(answer.fd, answer.events)
            assert poll.poll(2000)
            return self._carry_out(call, words, self.dispatch(call))
        assert isinstance(answer, Native)
        args = words if answer.args is None else answer.args
        result = Kernel().call(answer.name or call.name, *args)
        try:
            final = answer.then(result) if answer.then is not None else None
        except Errno:
            final = None
        return result if final is None else self._carry_out(call, words, final)


@contextmanager
def sockets(world: Kernel | Ours, *kinds: int) -> Iterator[list[int]]:
    """New AF_INET6 descriptors, closed at the end of the block."""
    made = [world.call("socket", AF_INET6, kind, 0) for kind in kinds]
    try:
        assert min(made) >= 0
        yield made
    finally:
        for fd in made:
            os.close(fd)


def told(result: int) -> int | str:
    """A result that can be read in a failure."""
    return errno.errorcode.get(-result, result) if result < 0 else result
