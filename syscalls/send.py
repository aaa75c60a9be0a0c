"""sendto(2), sendmsg(2), sendmmsg(2): performed for the program where an address must be translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.abi.msghdr import mmsghdr
from ptrace_net.syscalls.batch import MOST, plain_messages, write_lengths
from ptrace_net.syscalls.memory import SOCKADDR_STORAGE, read_name
from ptrace_net.syscalls.msghdr import UIO_MAXIOV, name_and_pieces, read_control, read_header
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Fail, Return, Wait, WouldBlock
from ptrace_net.syscalls.sockets import Held, Message

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Socket, Sockets

POLLOUT, MSG_MORE = 4, 0x8000
_SHORT = 4096  # bytes that are read with the name that they go to


def sendto(call: Call, sockets: Sockets) -> Answer:
    fd, address, size, flags, name_address, name_length = call.args
    with sockets.find(call.task, fd) as held:
        if held is None:
            return NATIVE
        if name_address and 0 < name_length <= SOCKADDR_STORAGE and size <= _SHORT:
            name, data = call.task.read_two(name_address, name_length, address, size)
            if len(name) == name_length and len(data) == size:
                if held.sock.send_several([(name, data)], flags):
                    return Return(size)
                message = _plain(held.sock, name, data, flags)
                return NATIVE if message is None else _sent(call, held, message)
        # An address of no bytes is one all the same, and too short (__sys_sendto).
        name = (read_name(call.task, name_address, name_length) or b"\0") if name_address else b""
        if held.sock.passes(name, b""):
            return NATIVE
        return _sent(call, held, _datagram(call.task, [(address, size)], name, b"", flags))


def send(call: Call, sockets: Sockets) -> Answer:
    """send(2) of socketcall(2), which is always stopped: most of it is the kernel's."""
    if not call.args[3] & MSG_MORE:
        return NATIVE
    return sendto(Call(call.task, call.arch, "sendto", (*call.args, 0, 0)), sockets)


def sendmsg(call: Call, sockets: Sockets) -> Answer:
    fd, address, flags = call.args
    with sockets.find(call.task, fd) as held:
        message = None if held is None else _message(call, held.sock, address, flags)
        return NATIVE if held is None or message is None else _sent(call, held, message)


def sendmmsg(call: Call, sockets: Sockets) -> Answer:
    """One message after the other; what ends it early is told only when nothing was sent."""
    fd, address, count, _ = call.args
    stride = mmsghdr.fast(call.arch).size
    end = address + min(count, UIO_MAXIOV) * stride
    sent = 0
    with sockets.find(call.task, fd) as held:
        if held is None:
            return NATIVE
        for at in range(address, end, MOST * stride):
            answers, ended = _send_some(call, held, at, min((end - at) // stride, MOST))
            sent += answers
            if ended is not None:
                return Return(sent) if sent else ended
    return Return(sent)


def _send_some(call: Call, held: Held, at: int, count: int) -> tuple[int, Answer | None]:
    """Send at most 64 messages, together what goes together: how many, and what has ended it early."""
    sock, flags = held.sock, call.args[3]
    stride = mmsghdr.fast(call.arch).size
    plain = plain_messages(call, at, count) if count > 1 else []
    sent = 0
    while sent < count:
        place = at + sent * stride
        lengths = [len(data) for _, data in plain[sent : sent + sock.send_several(plain[sent:], flags)]]
        try:
            if not lengths:
                known = sent < len(plain)
                message = _plain(sock, *plain[sent], flags) if known else _message(call, sock, place, flags)
                answer = NATIVE if message is None else _sent(call, held, message)
                if not isinstance(answer, Return):
                    return sent, answer
                lengths = [answer.value]
            write_lengths(call, place, lengths)
        except Errno as error:
            return sent, Fail(error.number)
        sent += len(lengths)
    return sent, None


def _plain(sock: Socket, name: bytes, data: bytes, flags: int) -> Message | None:
    return None if sock.passes(name, b"") else Message(len(data), lambda: data, name, b"", flags)


def _message(call: Call, sock: Socket, address: int, flags: int) -> Message | None:
    """The message whose msghdr lies at ``address``; None: the kernel may send it as it stands."""
    task = call.task
    header = read_header(task, call.arch, address)
    name, places = name_and_pieces(task, call.arch, header)
    control = read_control(task, call.arch, header)
    return None if sock.passes(name, control) else _datagram(task, places, name, control, flags)


def _datagram(
    task: Task, places: list[tuple[int, int]], name: bytes, control: bytes, flags: int
) -> Message:
    """The data is read when the provider is content with the rest, and never more than a datagram holds."""
    return Message(
        sum(length for _, length in places),
        lambda: b"".join([task.read(base, length) for base, length in places if length]),
        name,
        control,
        flags,
    )


def _sent(call: Call, held: Held, message: Message) -> Answer:
    try:
        return Return(held.sock.send(call.task, held.handle, message, call.arch.word))
    except WouldBlock as blocked:
        return Wait(call.args[0], POLLOUT, blocked.timeout, restart=blocked.timeout is None)
