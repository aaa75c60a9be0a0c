"""The calls that the supervisor makes on the host for a program, as ``hostcalls`` tells of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.call import Step
from ptrace_net.syscalls.decode.options import control, option_value
from ptrace_net.syscalls.decode.sockaddr import sockaddr
from ptrace_net.syscalls.decode.values import Array, Data, Pointer, Struct, Symbol, Value
from ptrace_net.syscalls.decode.view import TEXT_LIMIT

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Call

Fields = tuple[tuple[str, Value], ...]
# Questions that the provider asks on its way are shown only where the program asked the same.
_QUERIES = ("getsockname", "getpeername", "getsockopt")


class HostSteps:
    """Collects the steps of one call at a time."""

    @contextmanager
    def watching(self, call: Call, steps: list[Step]) -> Iterator[None]:
        """Append what is done on the host meanwhile to ``steps``."""

        def told(name: str, handle: int, given: tuple[object, ...], result: int) -> None:
            if name in _QUERIES and result < 0:
                given = ()
            if name not in _QUERIES or name == call.name:
                fields = (("sockfd", _descriptor(call, handle)), *_fields(name, given, call.arch))
                steps.append(Step(name, fields, result))

        hostcalls.watch = told
        try:
            yield
        finally:
            hostcalls.watch = None


def _descriptor(call: Call, handle: int) -> Value:
    """The program's own descriptor, or, of another socket, its inode as /proc shows it."""
    inode = os.fstat(handle).st_ino
    own = call.task.socket_inode(call.args[0]) == inode
    return call.args[0] if own else Symbol(f"socket:[{inode}]", inode)


def _fields(name: str, given: tuple[object, ...], arch: Arch) -> Fields:
    """The arguments under the names of the manual page."""
    match name, given:
        case ("bind" | "connect"), (bytes(address),):
            return (("addr", _address(address, arch)), ("addrlen", len(address)))
        case ("getsockname" | "getpeername"), (bytes(address),):
            return (("addr", _address(address, arch)), ("addrlen", Array((len(address),))))
        case "listen", (int(backlog),):
            return (("backlog", backlog),)
        case "shutdown", (int(how),):
            return (("how", scalars.how(how)),)
        case ("setsockopt" | "getsockopt"), (int(level), int(number), bytes(value)):
            return (
                ("level", scalars.level(level)),
                ("optname", scalars.option(level, number)),
                ("optval", option_value(level, number, value, arch)),
                ("optlen", len(value)),
            )
        case "sendmsg", (bytes(data), bytes(address), bytes(controls), int(flags)):
            message = _message(data, address, controls, arch)
            return (("msg", message), ("flags", scalars.message_flags(flags)))
    return ()


def _address(address: bytes, arch: Arch) -> Value:
    return sockaddr(address, arch) if len(address) >= 2 else Pointer(0)


def _message(data: bytes, address: bytes, controls: bytes, arch: Arch) -> Value:
    piece = Struct((("iov_base", Data(data[:TEXT_LIMIT], len(data))), ("iov_len", len(data))))
    fields: Fields = (
        ("msg_name", _address(address, arch)),
        ("msg_namelen", len(address)),
        ("msg_iov", Array((piece,))),
        ("msg_iovlen", 1),
    )
    if controls:
        fields = (*fields, ("msg_control", control(controls, arch)))
    return Struct((*fields, ("msg_controllen", len(controls)), ("msg_flags", 0)))
