"""What needs a capability (capabilities(7)): performed by the supervisor, allowed by the program's own
privilege.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets.control6 import items
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Task

CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW = 10, 12, 13

# (level, option or type of control message) -> the capabilities of which one is needed
_OPTIONS = {
    (socket.IPPROTO_IPV6, 75): (CAP_NET_RAW, CAP_NET_ADMIN),  # IPV6_TRANSPARENT
    (socket.IPPROTO_IP, 19): (CAP_NET_RAW, CAP_NET_ADMIN),  # IP_TRANSPARENT
}
_CONTROL = {
    (socket.SOL_SOCKET, 36): (CAP_NET_RAW, CAP_NET_ADMIN),  # SO_MARK
    (socket.IPPROTO_IP, 7): (CAP_NET_RAW,),  # IP_RETOPTS: a source route
}


def check_option(task: Task, level: int, option: int, value: bytes) -> None:
    """Raises Errno(EPERM); switching something off is everybody's right."""
    if any(value[:4]):
        _demand(task, _OPTIONS.get((level, option), ()))


def check_control(task: Task, control: bytes, word: int) -> None:
    for level, kind, _ in items(control, word):
        _demand(task, _CONTROL.get((level, kind), ()))


def _demand(task: Task, capabilities: tuple[int, ...]) -> None:
    if capabilities and not any(task.has_privilege(capability) for capability in capabilities):
        raise Errno(errno.EPERM)
