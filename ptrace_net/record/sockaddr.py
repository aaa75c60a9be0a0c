"""Socket addresses in logs: between decoded fields, a plain `Endpoint` and the bytes of the sockaddr.

The fields are named as in ip(7), ipv6(7), unix(7) and netlink(7), and as strace prints them: a port is a
number in host order, an address is its text.
"""

import socket
import struct
from typing import NamedTuple

from ptrace_net.record.model import Data, Struct, Value, number_of
from ptrace_net.record.names import AF_NETLINK, spell

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10


class Endpoint(NamedTuple):
    """An address without its layout: `host` is the text of an IP address or a path (``@`` for abstract)."""

    family: int
    host: str = ""
    port: int = 0
    flowinfo: int = 0
    scope_id: int = 0

    def __str__(self) -> str:
        if self.family == AF_INET6:
            return f"[{self.host}]:{self.port}"
        return (
            f"{self.host}:{self.port}" if self.family in (AF_INET, AF_NETLINK) else self.host or "unspecified"
        )

    @property
    def wildcard(self) -> bool:
        """Whether the host part is 0.0.0.0 or ::."""
        return self.host in ("0.0.0.0", "::", "")


def endpoint_of(value: Value | None) -> Endpoint | None:
    """The address in a decoded sockaddr, or None where it is not one or not complete."""
    if not isinstance(value, Struct):
        return None
    family = number_of(value.get("sa_family"))
    if family in _INTERNET:
        host, *others = (value.get(name) for name in _INTERNET[family])
        numbers = (number_of(other) or 0 for other in others)
        return Endpoint(family, _text(host), *numbers) if _is_address(family, _text(host)) else None
    if family == AF_UNIX:
        return Endpoint(AF_UNIX, _text(value.get("sun_path")))
    if family == AF_NETLINK:
        return Endpoint(
            AF_NETLINK, "", number_of(value.get("nl_pid")) or 0, number_of(value.get("nl_groups")) or 0
        )
    return None if family is None else Endpoint(family)


_INTERNET = {
    AF_INET: ("sin_addr", "sin_port"),
    AF_INET6: ("sin6_addr", "sin6_port", "sin6_flowinfo", "sin6_scope_id"),
}


def _is_address(family: int, text: str) -> bool:
    """Whether a log's text is an address; logs that were typed off or are damaged have others."""
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):  # not an address; a NUL or what is not Unicode in it
        return False
    return True


def _text(value: Value | None) -> str:
    return value.data.decode("utf-8", "surrogateescape") if isinstance(value, Data) else ""


def struct_of(endpoint: Endpoint) -> Struct:
    """The decoded sockaddr of `endpoint`."""
    family = spell("domain", endpoint.family)
    host = _data(endpoint.host)
    if endpoint.family == AF_INET:
        return Struct((("sa_family", family), ("sin_port", endpoint.port), ("sin_addr", host)))
    if endpoint.family == AF_INET6:
        return Struct(
            (
                ("sa_family", family),
                ("sin6_port", endpoint.port),
                ("sin6_flowinfo", endpoint.flowinfo),
                ("sin6_addr", host),
                ("sin6_scope_id", endpoint.scope_id),
            )
        )
    if endpoint.family == AF_UNIX:
        return Struct((("sa_family", family), ("sun_path", host)))
    if endpoint.family == AF_NETLINK:
        return Struct((("sa_family", family), ("nl_pid", endpoint.port), ("nl_groups", endpoint.flowinfo)))
    return Struct((("sa_family", family),))


def _data(text: str) -> Data:
    raw = text.encode("utf-8", "surrogateescape")
    return Data(raw, len(raw))


def pack(endpoint: Endpoint) -> bytes:
    """The sockaddr's bytes as they lie in memory on this machine.

    Raises `OSError` for a host that is not an address, which those of `endpoint_of` are.
    """
    if endpoint.family == AF_INET:
        host = socket.inet_pton(socket.AF_INET, endpoint.host)
        return struct.pack("=H", AF_INET) + struct.pack("!H", endpoint.port & 0xFFFF) + host + bytes(8)
    if endpoint.family == AF_INET6:
        host = socket.inet_pton(socket.AF_INET6, endpoint.host)
        head = struct.pack("=H", AF_INET6) + struct.pack(
            "!HI", endpoint.port & 0xFFFF, endpoint.flowinfo & 0xFFFFFFFF
        )
        return head + host + struct.pack("=I", endpoint.scope_id & 0xFFFFFFFF)
    if endpoint.family == AF_UNIX:
        path = endpoint.host.encode("utf-8", "surrogateescape")
        return struct.pack("=H", AF_UNIX) + (
            b"\0" + path[1:] if path.startswith(b"@") else path + b"\0" * bool(path)
        )
    if endpoint.family == AF_NETLINK:
        return struct.pack("=HHII", AF_NETLINK, 0, endpoint.port & 0xFFFFFFFF, endpoint.flowinfo & 0xFFFFFFFF)
    return struct.pack("=H", endpoint.family & 0xFFFF) + bytes(14)


def unpack(raw: bytes) -> Endpoint | None:
    """The address in the bytes of a sockaddr, or None where they are too few."""
    if len(raw) < 2:
        return None
    family = struct.unpack("=H", raw[:2])[0]
    if family == AF_INET and len(raw) >= 8:
        return Endpoint(AF_INET, socket.inet_ntop(socket.AF_INET, raw[4:8]), struct.unpack("!H", raw[2:4])[0])
    if family == AF_INET6 and len(raw) >= 24:
        port, flow = struct.unpack("!HI", raw[2:8])
        scope = struct.unpack("=I", raw[24:28])[0] if len(raw) >= 28 else 0
        return Endpoint(AF_INET6, socket.inet_ntop(socket.AF_INET6, raw[8:24]), port, flow, scope)
    if family == AF_UNIX:
        path = raw[2:]
        path = b"@" + path[1:] if path[:1] == b"\0" and len(path) > 1 else path.split(b"\0")[0]
        return Endpoint(AF_UNIX, path.decode("utf-8", "surrogateescape"))
    if family == AF_NETLINK and len(raw) >= 12:
        pid, groups = struct.unpack("=II", raw[4:12])
        return Endpoint(AF_NETLINK, "", pid, groups)
    return Endpoint(family)
