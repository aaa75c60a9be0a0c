"""Which handler answers which call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from ptrace_net.syscalls import create, files, ioctls, names, options
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Fail

if TYPE_CHECKING:
    from ptrace_net.syscalls.sockets import Sockets

SocketHandler = Callable[[Call, "Sockets"], Answer]


def _late(module: str, name: str) -> SocketHandler:
    """Messages need the layouts of msghdr, and these construct: imported when the first one comes."""

    def handler(call: Call, sockets: Sockets) -> Answer:
        found: SocketHandler = getattr(import_module(f"ptrace_net.syscalls.{module}"), name)
        HANDLERS[name] = found
        return found(call, sockets)

    return handler


HANDLERS: dict[str, SocketHandler] = {
    "socket": create.socket,
    "socketpair": create.socketpair,
    "listen": create.listen,
    "accept": create.accept,
    "accept4": create.accept,
    "bind": names.bind,
    "connect": names.connect,
    "shutdown": create.shutdown,
    "getsockname": names.getsockname,
    "getpeername": names.getpeername,
    "getsockopt": options.getsockopt,
    "setsockopt": options.setsockopt,
    "ioctl": ioctls.ioctl,
    "open": files.open_,
    "openat": files.openat,
    "openat2": files.openat2,
    "mmap": files.mmap,
    **{name: _late("send", name) for name in ("send", "sendto", "sendmsg", "sendmmsg")},
    **{name: _late("receive", name) for name in ("recv", "recvfrom", "recvmsg", "recvmmsg")},
    "recvmmsg_time64": _late("receive", "recvmmsg"),  # 32-bit programs; the timeout is the kernel's
}


def dispatcher(sockets: Sockets, extra: Mapping[str, Callable[[Call], Answer]]) -> Callable[[Call], Answer]:
    """``dispatch(call)``: the answer of the call's handler; refusals become ``Fail``, the rest is the
    kernel's.
    """

    def dispatch(call: Call) -> Answer:
        handler = HANDLERS.get(call.name)
        try:
            if handler is not None:
                return handler(call, sockets)
            other = extra.get(call.name)
            return NATIVE if other is None else other(call)
        except Errno as error:
            return Fail(error.number)

    return dispatch
