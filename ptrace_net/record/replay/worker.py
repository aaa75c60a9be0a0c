"""The process that makes the calls: ``python -m ptrace_net.record.replay.worker FD``.

It reads requests from the AF_UNIX socket FD, makes each as a raw system call through libc's syscall(2),
and sends back the result, errno and memory. A call that blocks longer than its limit is interrupted by
SIGALRM and told as ``blocked``. ``fork`` makes another worker with the same descriptors. It uses the
standard library only, so that it starts fast and runs under anything that can run a program: natively, or
behind a prefix command.
"""

import ctypes
import os
import signal
import socket
import sys
from typing import Any

from ptrace_net.record.replay import wire

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_alarmed = False


def main(argv: list[str]) -> int:
    """Serve requests until the other side closes."""
    channel = socket.socket(fileno=int(argv[0]))
    os.set_inheritable(channel.fileno(), False)
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.siginterrupt(signal.SIGALRM, True)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (message := wire.receive(channel)) is not None:
        request, _ = message
        if request["op"] == "call":
            wire.send(channel, _call(request))
        elif request["op"] == "fork":
            channel = _fork(channel)
        elif request["op"] == "exit":
            return _exit(channel)
        elif request["op"] == "isolate":
            from ptrace_net.record.replay.isolate import isolate

            wire.send(channel, {"why": isolate()})
    return 0


def _exit(channel: socket.socket) -> int:
    """Close everything before answering: what the end of a process does to its peers has then happened."""
    number = channel.fileno()
    os.closerange(3, number)
    os.closerange(number + 1, os.sysconf("SC_OPEN_MAX"))
    wire.send(channel, {"gone": True})
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


def _fork(channel: socket.socket) -> socket.socket:
    """Fork; the child goes on with a socket of its own, whose other end the parent sends away."""
    theirs, ours = socket.socketpair()
    if os.fork() == 0:
        channel.close()
        theirs.close()
        signal.signal(signal.SIGALRM, _on_alarm)
        return ours
    ours.close()
    wire.send(channel, {"forked": True}, (theirs.fileno(),))
    theirs.close()
    return channel


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
