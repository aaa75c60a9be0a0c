"""DHCPv4 messages and options (RFC 2131, RFC 2132)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from .addresses import ANY4, IP, MAC
from .frame import Malformed

SERVER_PORT, CLIENT_PORT = 67, 68
BOOTREQUEST, BOOTREPLY = 1, 2
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)
SUBNET_MASK, ROUTER, DNS_SERVER, HOST_NAME, INTERFACE_MTU = 1, 3, 6, 12, 26
REQUESTED_ADDRESS, LEASE_TIME, OVERLOAD, MESSAGE_TYPE, SERVER_ID, PARAMETER_LIST = 50, 51, 52, 53, 54, 55
MAX_SIZE, RENEWAL_TIME, REBINDING_TIME, CLIENT_ID = 57, 58, 59, 61
_PAD, _END = 0, 255
_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_COOKIE = b"\x63\x82\x53\x63"
_BROADCAST_FLAG = 0x8000


@dataclass(frozen=True, slots=True)
class DhcpMessage:
    """Addresses are ``ciaddr``, ``yiaddr``, ``siaddr`` of RFC 2131, 2; options by code."""

    op: int
    xid: int
    chaddr: MAC
    secs: int = 0
    ciaddr: IP = ANY4
    yiaddr: IP = ANY4
    siaddr: IP = ANY4
    broadcast: bool = False
    options: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def type(self) -> int:
        """The message type option, 0 where it is absent (plain BOOTP)."""
        kind = self.options.get(MESSAGE_TYPE, b"")
        return kind[0] if len(kind) == 1 else 0

    def address(self, option: int) -> IP | None:
        """The first address of an option."""
        value = self.options.get(option, b"")
        return value[:4] if len(value) >= 4 else None

    def seconds(self, option: int) -> int | None:
        value = self.options.get(option, b"")
        return int.from_bytes(value, "big") if len(value) == 4 else None

    def pack(self) -> bytes:
        """The message, padded to the 300 bytes that BOOTP relays expect."""
        flags = _BROADCAST_FLAG if self.broadcast else 0
        fixed = _FIXED.pack(
            self.op, 1, 6, 0, self.xid, self.secs, flags, self.ciaddr, self.yiaddr, self.siaddr, ANY4,
            self.chaddr, b"", b"",
        )
        options = b"".join(bytes((code, len(value))) + value for code, value in self.options.items())
        return (fixed + _COOKIE + options + bytes((_END,))).ljust(300, b"\0")


def parse(data: memoryview) -> DhcpMessage:
    """Malformed where the fixed part, the cookie or an option does not fit."""
    if len(data) < _FIXED.size + 4 or data[_FIXED.size : _FIXED.size + 4] != _COOKIE:
        raise Malformed("not DHCP")
    op, htype, hlen, _hops, xid, secs, flags, ciaddr, yiaddr, siaddr, _gi, chaddr, sname, file = (
        _FIXED.unpack_from(data)
    )
    if (htype, hlen) != (1, 6):
        raise Malformed("DHCP hardware type")
    options = parse_options(bytes(data[_FIXED.size + 4 :]))
    overload = options.get(OVERLOAD, b"\0")[:1]
    if overload and overload[0] & 1:
        options = parse_options(file, options)
    if overload and overload[0] & 2:
        options = parse_options(sname, options)
    return DhcpMessage(
        op, xid, chaddr[:6], secs, ciaddr, yiaddr, siaddr, bool(flags & _BROADCAST_FLAG), options
    )


def parse_options(data: bytes, known: dict[int, bytes] | None = None) -> dict[int, bytes]:
    """Options up to END; a repeated one continues the earlier (RFC 3396)."""
    options = dict(known or {})
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise Malformed("DHCP option length")
        end = at + 2 + data[at + 1]
        options[data[at]] = options.get(data[at], b"") + data[at + 2 : end]
        at = end
    return options
