"""Messages and attributes as bytes: the compact side of ``ptrace_net.abi.netlink``, whose layouts it packs
with.

Reading checks what lib/nlattr.c checks, with its errnos and texts: a ``Policy`` says for each attribute
what its payload must be.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from ptrace_net.abi.netlink.header import nlattr, nlmsghdr
from ptrace_net.network.refused import Refused

NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_ECHO = 0x1, 0x2, 0x4, 0x8
NLM_F_DUMP_FILTERED, NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x20, 0x100, 0x200
NLM_F_DUMP, NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x300, 0x100, 0x200, 0x400, 0x800
NLMSG_ERROR, NLMSG_DONE, NLMSG_MIN_TYPE = 2, 3, 16
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF

# How strict a reader is (enum netlink_validation of net/netlink.h).
TRAILING, MAXTYPE, UNSPEC, STRICT_ATTRS, NESTED = 1, 2, 4, 8, 16
LIBERAL, DEPRECATED_STRICT, STRICT = 0, TRAILING | MAXTYPE, 31

_HEAD, _ATTRIBUTE = nlmsghdr.fast(), nlattr.fast()
HEADER, ATTRIBUTE = _HEAD.size, _ATTRIBUTE.size


class Head(NamedTuple):
    """struct nlmsghdr."""

    length: int
    type: int
    flags: int
    seq: int
    pid: int


class Rule(NamedTuple):
    """What an attribute's payload must be: struct nla_policy."""

    kind: str
    length: int = 0
    inner: Mapping[int, Rule] | None = None


Policy: TypeAlias = Mapping[int, Rule]
U8, U16, U32, U64, S32 = Rule("u8"), Rule("u16"), Rule("u32"), Rule("u64"), Rule("s32")
FLAG, NEST = Rule("flag"), Rule("nested")
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "s32": 4}


def string(length: int) -> Rule:
    return Rule("string", length)


def binary(length: int = 0) -> Rule:
    """At most ``length`` bytes, 0: any number."""
    return Rule("binary", length)


def at_least(length: int) -> Rule:
    """What the kernel has as a type of its own: at least ``length`` bytes."""
    return Rule("least", length)


class Attributes(dict[int, bytes]):
    """The attributes of a message by number: of several with one number the last, as the kernel takes them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[int, int] = {}

    def u32(self, number: int, default: int = 0) -> int:
        data = self.get(number)
        return default if data is None else int.from_bytes(data[:4], "little")

    def text(self, number: int) -> str:
        """A name, as ``nla_strscpy`` takes it: up to the first NUL."""
        return self.get(number, b"").split(b"\0")[0].decode("utf-8", "surrogateescape")

    def refuse(self, number: int, code: int, text: str) -> Refused:
        """The error that blames an attribute."""
        return Refused(code, text, self.places.get(number, 0))


def head_of(data: bytes, offset: int = 0) -> Head:
    return Head(*_HEAD.unpack(data, offset))


def split(data: bytes) -> Iterator[bytes]:
    """The messages of a datagram; a length that cannot be ends it (netlink_rcv_skb)."""
    offset = 0
    while len(data) - offset >= HEADER:
        length = _HEAD.unpack(data, offset)[0]
        if length < HEADER or length > len(data) - offset:
            return
        yield data[offset : offset + length]
        offset += (length + 3) & -4


def parse(message: bytes, body: int, most: int, policy: Policy, mode: int = LIBERAL) -> Attributes:
    """The attributes after a header of ``body`` bytes; ``most`` is the highest number that is known.

    Raises Refused: EINVAL or ERANGE with the texts of lib/nlattr.c.
    """
    if len(message) < HEADER + body:
        raise Refused(errno.EINVAL, "Invalid header length")
    start = HEADER + ((body + 3) & -4)
    return parse_attributes(message, start, len(message), most, policy, mode)


def parse_attributes(
    data: bytes, offset: int, end: int, most: int, policy: Policy, mode: int = LIBERAL
) -> Attributes:
    found = Attributes()
    while end - offset >= ATTRIBUTE:
        length, kind = _ATTRIBUTE.unpack(data, offset)
        if length < ATTRIBUTE or length > end - offset:
            break
        number = kind & NLA_TYPE_MASK
        if 0 < number <= most:
            payload = data[offset + ATTRIBUTE : offset + length]
            _validate(policy.get(number), kind, payload, offset, data, mode)
            found[number], found.places[number] = payload, offset
        elif mode & MAXTYPE:
            raise Refused(errno.EINVAL, "Unknown attribute type", offset)
        offset += (length + 3) & -4
    if end > offset and mode & TRAILING:
        raise Refused(errno.EINVAL, "bytes leftover after parsing attributes")
    return found


def _validate(rule: Rule | None, kind: int, payload: bytes, offset: int, data: bytes, mode: int) -> None:
    if rule is None:
        if mode & UNSPEC:
            raise Refused(errno.EINVAL, "Unsupported attribute", offset)
        return
    size = _SIZES.get(rule.kind, 0)
    if size and len(payload) != size and mode & STRICT_ATTRS:
        raise Refused(errno.EINVAL, "invalid attribute length", offset)
    if mode & NESTED and (rule.kind == "nested") != bool(kind & NLA_F_NESTED):
        raise Refused(
            errno.EINVAL,
            "NLA_F_NESTED is missing" if rule.kind == "nested" else "NLA_F_NESTED not expected",
            offset,
        )
    if not _fits(rule, payload, size):
        code = errno.EINVAL if rule.kind == "nul" and b"\0" not in payload else errno.ERANGE
        raise Refused(code, "Attribute failed policy validation", offset)
    if rule.inner is not None and payload:
        end = offset + ATTRIBUTE + len(payload)
        parse_attributes(data, offset + ATTRIBUTE, end, max(rule.inner, default=0), rule.inner, mode)


def _fits(rule: Rule, payload: bytes, size: int) -> bool:
    length = len(payload)
    if rule.kind == "flag":
        return length == 0
    if rule.kind in ("string", "nul"):
        text = length - (payload[-1:] == b"\0")
        terminated = rule.kind == "string" or b"\0" in payload[: rule.length + 1]
        return length >= 1 and terminated and (not rule.length or text <= rule.length)
    if rule.kind == "binary":
        return not rule.length or length <= rule.length
    if rule.kind == "nested":
        return length == 0 or length >= ATTRIBUTE
    if rule.kind == "exact":
        return length == rule.length
    return length >= (size or rule.length)


# -- writing ------------------------------------------------------------------------------------------------


def message(kind: int, flags: int, seq: int, pid: int, payload: bytes) -> bytes:
    """One message with its header and the padding after it."""
    return _HEAD.pack(HEADER + len(payload), kind, flags, seq, pid) + payload + bytes(-len(payload) & 3)


def attribute(number: int, payload: bytes) -> bytes:
    """One attribute with the padding after it."""
    return _ATTRIBUTE.pack(ATTRIBUTE + len(payload), number) + payload + bytes(-len(payload) & 3)


def u8(number: int, value: int) -> bytes:
    return attribute(number, struct.pack("=B", value))


def u16(number: int, value: int) -> bytes:
    return attribute(number, struct.pack("=H", value & 0xFFFF))


def u32(number: int, value: int) -> bytes:
    return attribute(number, struct.pack("=I", value & 0xFFFFFFFF))


def text(number: int, value: str) -> bytes:
    return attribute(number, value.encode("utf-8", "surrogateescape") + b"\0")


def nest(number: int, parts: Iterable[bytes]) -> bytes:
    """A nested attribute without NLA_F_NESTED, as the older parts of the kernel write them."""
    return attribute(number, b"".join(parts))
