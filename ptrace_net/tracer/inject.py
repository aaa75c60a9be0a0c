"""System calls that a stopped thread makes for us, so that descriptors of ours get into its program.

ptrace(2) cannot install a descriptor. So the thread is made to take it out of a message (unix(7), SCM_RIGHTS)
that comes through a socket pair of its own, of which we borrow the other end for a moment: no name, no
inherited descriptor. Its own call is put off or over meanwhile, its signals are blocked, its registers are
as before at the end, and what the calls need of memory is a page of their own.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.seam import Errno, Fail, Return
from ptrace_net.tracer import binding
from ptrace_net.tracer.task import share_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Answer, Replace
    from ptrace_net.tracer.registers import Machine
    from ptrace_net.tracer.tracee import Tracee

_PAGE = 4096
_PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS = 3, 0x22
_MSG_CMSG_CLOEXEC = 0x40000000
# Where things lie in the page.
_PAIR, _HEADER, _IOVEC, _BYTE, _CONTROL, _CONTROL_SIZE = 0, 16, 80, 96, 112, 64


class Step(NamedTuple):
    """A call that the thread shall make."""

    name: str
    args: tuple[int, ...]


Steps = Generator[Step, int, "Answer"]  # gets results, ends with the answer to the program's own call


class Injection:
    """The calls that a thread is being made to make, and how it was before."""

    __slots__ = ("_arch", "_machine", "_mask", "_steps", "_tid", "saved")

    def __init__(self, tid: int, arch: Arch, machine: Machine, steps: Steps, *, entry: bool) -> None:
        """Begin: at the entry stop of the program's call, in its place, or at the exit stop, after it."""
        self._tid, self._arch, self._machine, self._steps = tid, arch, machine, steps
        self.saved = machine.save(tid)
        self._mask = binding.signal_mask(tid)
        binding.set_signal_mask(tid, binding.EVERY_SIGNAL)
        self._issue(next(steps), entry=entry)

    def go_on(self, result: int) -> Answer | None:
        """The call in progress has ended: make the next one; the answer where that was the last."""
        try:
            step = self._steps.send(result)
        except StopIteration as end:
            binding.set_signal_mask(self._tid, self._mask)
            answer: Answer = end.value
            return answer
        self._issue(step, entry=False)
        return None

    def abandon(self) -> None:
        """The thread is gone."""
        self._steps.close()

    def _issue(self, step: Step, *, entry: bool) -> None:
        number = self._arch.syscalls[step.name]
        self._machine.issue(self._tid, self._arch, self.saved, number, step.args, entry=entry)


def replacing(tracee: Tracee, arch: Arch, answer: Replace) -> Steps:
    """Carry out a Replace at the entry of a call."""
    handle = answer.handle
    try:
        cloexec = tracee.closes_on_exec(answer.fd)
        old = tracee.borrow(answer.fd)
        share_blocking(old, handle)
        os.close(old)
        result = yield from _put(tracee, arch, answer.fd, handle, cloexec)
    except Errno as error:
        yield Step("getpid", ())  # the call in whose place this stands must not happen
        return Fail(error.number)
    finally:
        os.close(handle)
    return answer.answer if result >= 0 else Fail(-result)


def exchanging(
    tracee: Tracee, arch: Arch, fd: int, handle: int, then: Callable[[int], Answer | None] | None
) -> Steps:
    """Put ``handle`` in place of ``fd``, which the program's call has just made; then finish that."""
    try:
        result = yield from _put(tracee, arch, fd, handle, tracee.closes_on_exec(fd))
    except Errno as error:
        result = -error.number
    finally:
        os.close(handle)
    if result < 0:
        yield Step("close", (fd,))
        return Fail(-result)
    answer = then(fd) if then is not None else None
    return Return(fd) if answer is None else answer


def closing(fd: int, number: int) -> Steps:
    """Fail a call that has made ``fd``."""
    yield Step("close", (fd,))
    return Fail(number)


def _put(tracee: Tracee, arch: Arch, fd: int, handle: int, cloexec: bool) -> Generator[Step, int, int]:
    """dup3(handle, fd) as the program would see it; -errno."""
    call = "mmap2" if "mmap2" in arch.syscalls else "mmap"
    none = (1 << 8 * arch.word) - 1
    page = yield Step(call, (0, _PAGE, _PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS, none, 0))
    if _failed(page):
        return page
    page &= none
    pair = struct.Struct(arch.endian + "ii")
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    result = yield Step("socketpair", (socket.AF_UNIX, kind, 0, page + _PAIR))
    if result >= 0:
        try:
            ours, theirs = pair.unpack(tracee.read(page + _PAIR, pair.size))
            _send(tracee, arch, page, theirs, handle)
        except Errno as error:  # another thread of the program has closed it
            result = -error.number
        else:
            result = yield Step("recvmsg", (ours, page + _HEADER, _MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT))
            if result >= 0:
                result = yield from _move(tracee, arch, page, fd, cloexec)
            yield Step("close", (ours,))
            yield Step("close", (theirs,))
    yield Step("munmap", (page, _PAGE))
    return result


def _send(tracee: Tracee, arch: Arch, page: int, theirs: int, handle: int) -> None:
    """The message, and the header that the thread receives it with."""
    end = tracee.borrow(theirs)
    try:
        with socket.socket(fileno=end) as sender:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [handle]))
            sender.sendmsg([b"d"], [rights], socket.MSG_DONTWAIT)
    except OSError as error:
        raise Errno(error.errno or errno.EIO) from None
    header = (0, 0, page + _IOVEC, 1, page + _CONTROL, _CONTROL_SIZE, 0)
    wide = arch.word == 8
    tracee.write(page + _HEADER, struct.pack(arch.endian + ("QIxxxxQQQQi" if wide else "IIIIIIi"), *header))
    tracee.write(page + _IOVEC, struct.pack(arch.endian + ("QQ" if wide else "II"), page + _BYTE, 1))


def _move(tracee: Tracee, arch: Arch, page: int, fd: int, cloexec: bool) -> Generator[Step, int, int]:
    """From the control message to its place."""
    wide = arch.word == 8
    length, _, _, came = struct.unpack(
        arch.endian + ("Qiii" if wide else "Iiii"), tracee.read(page + _CONTROL, 20 if wide else 16)
    )
    if length < (20 if wide else 16):
        return -errno.EMFILE  # MSG_CTRUNC: no descriptor was free
    result = yield Step("dup3", (came, fd, os.O_CLOEXEC if cloexec else 0))
    yield Step("close", (came,))
    return result


def _failed(result: int) -> bool:
    return -4096 < result < 0
