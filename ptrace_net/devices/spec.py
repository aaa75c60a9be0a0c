"""What the command line says of devices, as values: `--device`, `--capture`, `--frames`, `--impair`.

    eth0=tap:tap0,mtu=9000,address=10.9.0.2/24,gateway=10.9.0.1
    eth0=hub:lab    eth0=stream:/tmp/passt.sock,dhcp    eth0=none
    eth0=FILE or FILE (every device), for a capture or a line for each frame
    eth0:delay=20ms,loss=1%

Parsers raise ValueError with a message that says what would be right.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ..stack.addresses import IP, MAC, parse_ip, parse_mac
from . import impairment
from .impairment import Impairment

BACKENDS = ("tap", "hub", "stream", "none")
MIN_MTU, MAX_MTU = 68, 65520
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,15}\Z")
_DEVICE_FORM = "NAME=tap:INTERFACE, NAME=hub:HUB, NAME=stream:PATH or NAME=stream:HOST:PORT, NAME=none"


class Prefix(NamedTuple):
    """An address with the length of its subnet."""

    address: IP
    length: int


class DeviceSpec(NamedTuple):
    """``addresses`` and ``gateways`` are what was asked for; None leaves the choice to the backend."""

    name: str
    backend: str
    target: str = ""
    mac: MAC | None = None
    mtu: int | None = None
    addresses: tuple[Prefix, ...] | None = None
    gateways: tuple[IP, ...] | None = None
    dhcp: bool = False
    offload: bool = True


class CaptureSpec(NamedTuple):
    """Where frames are written, as pcapng or as text; ``device`` is empty for all of them."""

    device: str
    path: str


class ImpairSpec(NamedTuple):
    device: str
    impairment: Impairment


def device(text: str) -> DeviceSpec:
    """``NAME=BACKEND[:TARGET][,OPTION…]``."""
    name, equals, rest = text.partition("=")
    backend, *options = rest.split(",")
    kind, _colon, target = backend.partition(":")
    if not equals or kind not in BACKENDS or bool(target) == (kind == "none"):
        raise ValueError(f"{text}: a device is {_DEVICE_FORM}")
    if name == "lo":
        raise ValueError(f"{text}: lo is always there; --capture lo=FILE and --impair lo:… put packets on it")
    if not _NAME.match(name):
        raise ValueError(f"{text}: a name of up to 15 letters and digits is wanted before the equals sign")
    if kind == "hub" and not _NAME.match(target):
        raise ValueError(f"{text}: a hub is called by up to 15 letters and digits")
    return _with_options(DeviceSpec(name, kind, target), text, options)


def _with_options(spec: DeviceSpec, text: str, options: list[str]) -> DeviceSpec:
    for option in options:
        word, equals, value = option.partition("=")
        setter = _OPTIONS.get(word)
        if setter is None or bool(equals) == (word == "dhcp"):
            raise ValueError(f"{text}: {option}: options are {_OPTION_FORM}")
        try:
            spec = setter(spec, value)
        except ValueError as error:
            raise ValueError(f"{text}: {option}: {error}") from None
    return spec


def _prefix(text: str) -> Prefix:
    """``10.0.0.1/24``; without a length the address stands alone."""
    address, slash, length = text.partition("/")
    ip = parse_ip(address)
    bits = int(length) if slash else len(ip) * 8
    if not 0 <= bits <= len(ip) * 8:
        raise ValueError(f"a prefix length of 0 to {len(ip) * 8} is wanted")
    return Prefix(ip, bits)


def _mac(text: str) -> MAC:
    mac = parse_mac(text)
    if mac[0] & 1 or not any(mac):
        raise ValueError("not the address of a single station")
    return mac


def _mtu(text: str) -> int:
    mtu = int(text) if text.isascii() and text.isdigit() else 0
    if not MIN_MTU <= mtu <= MAX_MTU:
        raise ValueError(f"a number from {MIN_MTU} to {MAX_MTU} is wanted")
    return mtu


def _offload(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("on or off is wanted")
    return text == "on"


_OPTION_FORM = "address=IP/LENGTH, gateway=IP, mac=, mtu=, dhcp, offload=off"
_OPTIONS: dict[str, Callable[[DeviceSpec, str], DeviceSpec]] = {
    "address": lambda spec, text: spec._replace(addresses=(*(spec.addresses or ()), _prefix(text))),
    "gateway": lambda spec, text: spec._replace(gateways=(*(spec.gateways or ()), parse_ip(text))),
    "mac": lambda spec, text: spec._replace(mac=_mac(text)),
    "mtu": lambda spec, text: spec._replace(mtu=_mtu(text)),
    "dhcp": lambda spec, _text: spec._replace(dhcp=True),
    "offload": lambda spec, text: spec._replace(offload=_offload(text)),
}


def capture(text: str) -> CaptureSpec:
    """``[DEV=]FILE``; a file name with an equals sign needs a slash before it."""
    name, equals, path = text.partition("=")
    if not equals or not _NAME.match(name):
        name, path = "", text
    if not path:
        raise ValueError(f"{text}: a file is wanted: [DEV=]FILE")
    return CaptureSpec(name, path)


def impair(text: str) -> ImpairSpec:
    """``DEV:delay=20ms,loss=1%``."""
    name, colon, rest = text.partition(":")
    if not colon or not _NAME.match(name) or not rest:
        raise ValueError(f"{text}: a device and what it does is wanted: DEV:delay=20ms,loss=1%")
    try:
        return ImpairSpec(name, impairment.parse(rest))
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from None
