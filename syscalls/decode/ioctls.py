"""What the ioctls of sockets exchange: numbers, struct ifreq by request, struct ifconf; netdevice(7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.abi.constants.if_ import IFF
from ptrace_net.abi.constants.if_arp import ARPHRD
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.sockaddr import sockaddr
from ptrace_net.syscalls.decode.values import Array, Change, Name, Pointer, Struct, Symbol, Value

if TYPE_CHECKING:
    from ptrace_net.syscalls.decode.view import View

_NUMBER_IN = {0x5421, 0x5452, 0x8901, 0x8902}  # FIONBIO, FIOASYNC, FIOSETOWN, SIOCSPGRP
_NUMBER_OUT = {0x541B, 0x5411, 0x8903, 0x8904, 0x8905, 0x894B}
SIOCGIFNAME, SIOCGIFCONF = 0x8910, 0x8912
# request -> the member of ifreq's union, and whether the program gives it
_MEMBERS = {
    0x8913: "flags", 0x8914: "flags", 0x8915: "addr", 0x8916: "addr", 0x8917: "dstaddr", 0x8918: "dstaddr",
    0x8919: "broadaddr", 0x891A: "broadaddr", 0x891B: "netmask", 0x891C: "netmask", 0x891D: "metric",
    0x891E: "metric", 0x8921: "mtu", 0x8922: "mtu", 0x8924: "hwaddr", 0x8927: "hwaddr", 0x8933: "ifindex",
    0x8942: "qlen", 0x8943: "qlen",
}  # fmt: skip
_SETTERS = {0x8914, 0x8916, 0x8918, 0x891A, 0x891C, 0x891E, 0x8922, 0x8924, 0x8943}
_NAME = 16
_MOST_INTERFACES = 64


def before(view: View, request: int, address: int) -> Value | None:
    """What the program gives; None where the answer is known at exit only."""
    if not address:
        return Pointer(0)
    if request in _NUMBER_IN:
        return view.integers(address, 1)
    if request in _SETTERS:
        return _ifreq(view, request, address)
    known = request in _NUMBER_OUT or request in _MEMBERS or request in (SIOCGIFNAME, SIOCGIFCONF)
    return None if known else Pointer(address)


def after(view: View, request: int, address: int, room: int | None, failed: bool) -> Value:
    """What the kernel left; ``room`` is ifc_len before the call."""
    if request in _NUMBER_OUT:
        return Pointer(address) if failed else view.integers(address, 1)
    if request == SIOCGIFCONF:
        return _ifconf(view, address, room, failed)
    if request == SIOCGIFNAME:
        return _ifname(view, address, failed)
    return _ifreq(view, request, address, name_only=failed)


def _interface(data: bytes) -> tuple[str, Value]:
    return ("ifr_name", Name(data[:_NAME].split(b"\0")[0]))


def _ifreq(view: View, request: int, address: int, *, name_only: bool = False) -> Value:
    data = view.read(address, _NAME + 16)
    if data is None:
        return Pointer(address)
    if name_only:
        return Struct((_interface(data),))
    member = _MEMBERS[request]
    return Struct((_interface(data), (f"ifr_{member}", _member(view, member, data[_NAME:]))))


def _member(view: View, member: str, data: bytes) -> Value:
    order = view.arch.byteorder
    if member == "flags":
        return scalars.flags(IFF, int.from_bytes(data[:2], order))
    if member == "hwaddr":
        kind = scalars.named(ARPHRD, int.from_bytes(data[:2], order), "ARPHRD_")
        text = data[2:8].hex(":")
        return Struct((("sa_family", kind), ("sa_data", Symbol(text, int.from_bytes(data[2:8], "big")))))
    if member in ("addr", "dstaddr", "broadaddr", "netmask"):
        return sockaddr(data, view.arch)
    return int.from_bytes(data[:4], order, signed=True)


def _ifname(view: View, address: int, failed: bool) -> Value:
    data = view.read(address, _NAME + 4)
    if data is None:
        return Pointer(address)
    index = ("ifr_ifindex", int.from_bytes(data[_NAME:], view.arch.byteorder, signed=True))
    return Struct((index,)) if failed else Struct((index, _interface(data)))


def _counted(length: int, size: int) -> Value:
    """A length that is so many structs, with strace's comment."""
    if length % size:
        return length
    return Symbol(f"{length} /* {length // size} * sizeof(struct ifreq) */", length)


def _ifconf(view: View, address: int, room: int | None, failed: bool) -> Value:
    length, word = view.integer(address), view.arch.word
    buffer = view.integer(address + word, word, signed=False)
    if length is None or buffer is None or failed:
        return Pointer(address)
    size = 40 if word == 8 else 32
    shown = _counted(length, size)
    if room is not None and room != length and buffer:
        shown = Change(_counted(room, size), shown)
    if not buffer:
        return Struct((("ifc_len", shown), ("ifc_buf", Pointer(0))))
    items = []
    for at in range(buffer, buffer + min(length, _MOST_INTERFACES * size), size):
        data = view.read(at, _NAME + 16)
        if data is None:
            break
        items.append(Struct((_interface(data), ("ifr_addr", sockaddr(data[_NAME:], view.arch)))))
    return Struct((("ifc_len", shown), ("ifc_buf", Array(tuple(items)))))
