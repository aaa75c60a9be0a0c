"""NETLINK_SOCK_DIAG: what ss(8) asks for; net/core/sock_diag.c, net/ipv4/inet_diag.c.

Inet sockets are those of the run; local ones are the kernel's, and are asked for there, without those that
stand behind a socket of the run. Filters in the kernel's bytecode are not looked at: ss applies them itself.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ptrace_net.abi.constants.sock_diag import INET_DIAG, SOCK_DIAG
from ptrace_net.abi.netlink.diag import inet_diag_msg, inet_diag_req_v2
from ptrace_net.netlink import wire
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import Head
from ptrace_net.network.refused import Refused
from ptrace_net.network.sockets import (
    IPPROTO_TCP,
    IPPROTO_UDP,
    SOCK_RAW,
    TCP_CLOSE,
    TCP_LISTEN,
    InetSocket,
    SocketList,
)

AF_UNIX, AF_INET, AF_INET6, AF_MAX = 1, 2, 10, 46
IPPROTO_RAW = 255
SOCK_DIAG_BY_FAMILY = SOCK_DIAG["SOCK_DIAG_BY_FAMILY"]
_REQUEST, _MESSAGE = inet_diag_req_v2.fast(), inet_diag_msg.fast()
_A = {name: INET_DIAG[name] for name in INET_DIAG}
_PROTOCOLS = (IPPROTO_TCP, IPPROTO_UDP, IPPROTO_RAW)
_REQ_PROTOCOL = 3  # INET_DIAG_REQ_PROTOCOL
_LEAST = 2  # struct sock_diag_req
#: asks the kernel about local sockets: (body, dump) -> the messages' payloads; raises Refused
Local = Callable[[bytes, bool], Iterable[bytes]]


class SockDiag:
    """Implements ``endpoint.Service``."""

    def __init__(self, sockets: SocketList, local: Local) -> None:
        self._sockets = sockets
        self._local = local

    def request(self, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece] | Dump:
        if head.type != SOCK_DIAG_BY_FAMILY:
            raise Refused(errno.EOPNOTSUPP if head.type == SOCK_DIAG["SOCK_DESTROY"] else errno.EINVAL)
        if len(message) < wire.HEADER + _LEAST:
            raise Refused(errno.EINVAL)
        family, dump = message[wire.HEADER], bool(head.flags & wire.NLM_F_DUMP)
        if family >= AF_MAX:
            raise Refused(errno.EINVAL)
        if family == AF_UNIX:
            found = (Piece(SOCK_DIAG_BY_FAMILY, each) for each in self._local(message[wire.HEADER :], dump))
            return Dump(list(found)) if dump else list(found)
        if family not in (AF_INET, AF_INET6):
            raise Refused(errno.ENOENT)
        if len(message) < wire.HEADER + _REQUEST.size:
            raise Refused(errno.EINVAL)
        return self._inet(message, dump)

    def _inet(self, message: bytes, dump: bool) -> Iterable[Piece] | Dump:
        asked = inet_diag_req_v2.read(message, offset=wire.HEADER)
        if _protocol(message, asked) not in _PROTOCOLS:
            error = Refused(errno.ENOENT)
            if dump:
                return Dump(refused=error)
            raise error
        found = self._chosen(asked, exact=not dump)
        if dump:
            return Dump(_encoded(each, asked.idiag_ext) for each in found)
        first = next(found, None)
        if first is None:
            raise Refused(errno.ENOENT)
        return [_encoded(first, asked.idiag_ext)]

    def _chosen(self, asked: Any, exact: bool) -> Iterator[InetSocket]:
        """Those of a family and protocol in a state that is wanted, with the ports that are given."""
        for each in self._sockets.inet():
            protocol = IPPROTO_RAW if each.kind == SOCK_RAW else each.protocol
            if each.family != asked.sdiag_family or protocol != asked.sdiag_protocol:
                continue
            if not exact and not asked.idiag_states >> each.state & 1:
                continue
            if _is(each, asked.id, exact):
                yield each


def _protocol(message: bytes, asked: Any) -> int:
    """inet_diag_get_protocol(): one that has no room in a byte, MPTCP's, has an attribute."""
    tb = wire.parse(message, _REQUEST.size, _REQ_PROTOCOL, {})
    if len(tb.get(_REQ_PROTOCOL, bytes(4))) != 4:
        raise Refused(errno.EINVAL)
    return tb.u32(_REQ_PROTOCOL, asked.sdiag_protocol)


def _is(each: InetSocket, wanted: Any, exact: bool) -> bool:
    ours = (each.local_port, each.remote_port)
    theirs = (wanted.idiag_sport, wanted.idiag_dport)
    if not exact:
        return all(want in (0, have) for want, have in zip(theirs, ours, strict=True))
    size = len(each.local)
    addresses = (wanted.idiag_src[:size], wanted.idiag_dst[:size])
    return theirs == ours and addresses == (each.local, each.remote)


def _asked(extensions: int, name: str) -> bool:
    return bool(extensions >> (_A[name] - 1) & 1)


def _encoded(each: InetSocket, extensions: int) -> Piece:
    """inet_sk_diag_fill()."""
    cookie = (each.inode & 0xFFFFFFFF, each.inode >> 32)
    body = _MESSAGE.pack(
        each.family, each.state, 0, 0, each.local_port, each.remote_port, each.local.ljust(16, b"\0"),
        each.remote.ljust(16, b"\0"), each.ifindex, *cookie, 0, each.receive, each.send, each.uid,
        each.inode & 0xFFFFFFFF,
    )  # fmt: skip
    parts = [wire.u8(_A["INET_DIAG_SHUTDOWN"], 0)]
    if each.family == AF_INET6 and each.state in (TCP_LISTEN, TCP_CLOSE):
        parts.append(wire.u8(_A["INET_DIAG_SKV6ONLY"], each.v6only))
    if each.info is not None and _asked(extensions, "INET_DIAG_INFO"):
        parts.append(wire.attribute(_A["INET_DIAG_INFO"], each.info()))
    if each.protocol == IPPROTO_TCP and _asked(extensions, "INET_DIAG_CONG"):
        parts.append(wire.text(_A["INET_DIAG_CONG"], "cubic"))
    if each.kind == SOCK_RAW:
        parts.append(wire.u8(_A["INET_DIAG_PROTOCOL"], each.protocol & 0xFF))
    return Piece(SOCK_DIAG_BY_FAMILY, body + b"".join(parts))
