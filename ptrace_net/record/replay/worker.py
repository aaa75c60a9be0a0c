"""The process that makes the calls: ``python -m ptrace_net.record.replay.worker IN OUT``.

It reads requests from the FIFO IN, makes each as a raw system call through libc's syscall(2), and writes
the result, errno and memory to the FIFO OUT. A call that blocks longer than its limit is interrupted by
SIGALRM and told as ``blocked``. ``fork`` makes another worker with the same descriptors. It uses the
standard library only, so that it starts fast and runs under anything that can run a program: natively, or
behind a prefix command.
"""

import ctypes
import os
import signal
import sys
from typing import Any

from ptrace_net.record.replay import wire

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_alarmed = False


def main(argv: list[str]) -> int:
    """Serve requests until the other side closes."""
    ends = _open(*argv)
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.siginterrupt(signal.SIGALRM, True)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (request := wire.receive(ends[0])) is not None:
        if request["op"] == "call":
            wire.send(ends[1], _call(request))
        elif request["op"] == "fork":
            ends = _fork(ends, request["in"], request["out"])
        elif request["op"] == "exit":
            return _exit(ends)
        else:
            wire.send(ends[1], {"why": _alone(request["op"])})
    return 0


def _open(requests: str, answers: str) -> tuple[int, int]:
    """Our ends of two FIFOs, whose other ends are open already."""
    return os.open(requests, os.O_RDONLY | os.O_CLOEXEC), os.open(answers, os.O_WRONLY | os.O_CLOEXEC)


def _alone(op: str) -> str:
    """Move into a network of our own, or tell whether `isolate` did before; empty when done, else why not."""
    from ptrace_net.record.replay.isolate import WHY, isolate

    return isolate() if op == "isolate" else os.environ.get(WHY, "")


def _exit(ends: tuple[int, int]) -> int:
    """Close everything before answering: what the end of a process does to its peers has then happened."""
    first, last = sorted(ends)
    os.closerange(3, first)
    os.closerange(first + 1, last)
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))
    wire.send(ends[1], {"gone": True})
    return 0


def _on_alarm(number: int, frame: object) -> None:
    global _alarmed
    _alarmed = True


def _call(request: dict[str, Any]) -> dict[str, Any]:
    """Make one system call."""
    global _alarmed
    memory = _Memory()
    arguments = [ctypes.c_long(memory.place(argument)) for argument in request["args"]]
    _alarmed = False
    signal.setitimer(signal.ITIMER_REAL, request["limit"], 0.05)
    ctypes.set_errno(0)
    result = _libc.syscall(ctypes.c_long(request["nr"]), *arguments)
    error = ctypes.get_errno()
    signal.setitimer(signal.ITIMER_REAL, 0)
    blocked = result == -1 and error == 4 and _alarmed  # EINTR by our own alarm
    return {
        "result": result,
        "errno": error if result == -1 else 0,
        "blocked": blocked,
        "out": memory.out(result),
    }


class _Memory:
    """The blocks of one call, alive until it has returned."""

    def __init__(self) -> None:
        self.blocks: list[tuple[Any, int, int]] = []

    def place(self, argument: wire.Argument) -> int:
        """The number to pass: the argument itself, or the address of its block."""
        if isinstance(argument, int):
            return argument
        size = argument["n"]
        buffer = ctypes.create_string_buffer(bytes.fromhex(argument["m"])[:size], max(size, 1))
        self.blocks.append((buffer, size, argument["o"]))
        for offset, inner in argument.get("r", ()):
            address = self.place(inner)
            ctypes.memmove(
                ctypes.addressof(buffer) + offset, address.to_bytes(8, sys.byteorder, signed=address < 0), 8
            )
        return ctypes.addressof(buffer)

    def out(self, result: int) -> list[str]:
        """The blocks that come back, in the order in which they were placed."""
        shown = []
        for buffer, size, out in self.blocks:
            if out:
                count = size if out == 1 else max(0, min(size, result))
                shown.append(buffer.raw[:count].hex())
        return shown


def _fork(ends: tuple[int, int], requests: str, answers: str) -> tuple[int, int]:
    """Fork; the child goes on with pipes of its own, opened before the parent tells of it."""
    theirs = _open(requests, answers)
    mine, other = (theirs, ends) if os.fork() == 0 else (ends, theirs)
    for number in other:
        os.close(number)
    if mine is ends:
        wire.send(ends[1], {"forked": True})
    else:
        signal.signal(signal.SIGALRM, _on_alarm)
    return mine


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
