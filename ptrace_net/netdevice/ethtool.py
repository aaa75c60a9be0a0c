"""SIOCETHTOOL: what ethtool(8) asks of an 82540EM (linux/ethtool.h, drivers/net/ethernet/intel/e1000).

Driver, link settings, counters, ring sizes, permanent address. What would change the device is
EOPNOTSUPP.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ptrace_net.network.refused import Refused

if TYPE_CHECKING:
    from ptrace_net.netdevice.memory import Request
    from ptrace_net.network.values import Counters, Link

GSET, GDRVINFO, GWOL, GMSGLVL, GLINK, GEEPROM, GRINGPARAM = 0x01, 0x03, 0x05, 0x07, 0x0A, 0x0B, 0x10
GPAUSEPARAM, GSTRINGS, GSTATS, GPERMADDR, GSSET_INFO, GLINKSETTINGS, GCOALESCE = (
    0x12, 0x1B, 0x1D, 0x20, 0x37, 0x4C, 0x0E,
)  # fmt: skip
ETH_SS_TEST, ETH_SS_STATS = 0, 1
_NAME = 32  # ETH_GSTRING_LEN
#: SUPPORTED_10baseT_Half...1000baseT_Full, Autoneg, TP: what the driver says of copper
_MODES = 0x2F | 0x40 | 0x80
_HALF, _FULL, _TP, _UNKNOWN_SPEED, _UNKNOWN_DUPLEX = 0, 1, 0, 0xFFFFFFFF, 0xFF
_MDI_X_AUTO = 3
_STATISTICS: tuple[tuple[str, str], ...] = (
    ("rx_packets", "rx_packets"), ("tx_packets", "tx_packets"), ("rx_bytes", "rx_bytes"),
    ("tx_bytes", "tx_bytes"), ("rx_errors", "rx_errors"), ("tx_dropped", "tx_dropped"),
    ("rx_dropped", "rx_dropped"),
)  # fmt: skip
_LOOPBACK = ("loopback", "1.0", "", "", "")  # what lo says: driver, version, firmware, bus, expansion ROM


def perform(request: Request) -> None:
    """The command is the first word behind ifr_data."""
    name, union = request.ifreq()
    address = request.pointer(union)
    command = struct.unpack("=I", request.memory.read(address, 4))[0]
    interface = request.network.by_name(name)
    if interface is None:
        raise Refused(errno.ENODEV)
    link = request.network.link(interface)
    handler = _COMMANDS.get(command)
    if handler is None or (link.identity is None and command not in (GLINK, GDRVINFO)):
        raise Refused(errno.EOPNOTSUPP)
    handler(request, address, link)


def _driver(request: Request, address: int, link: Link) -> None:
    """struct ethtool_drvinfo."""
    told = link.identity
    fields = (told.driver, told.version, told.firmware, told.bus_info, "") if told else _LOOPBACK
    data = b"".join(text.encode().ljust(32, b"\0") for text in fields)
    counts = (len(_STATISTICS), 0, 0, 0) if told else (0, 0, 0, 0)
    data = struct.pack("=I", GDRVINFO) + data + bytes(12) + struct.pack("=5I", 0, *counts)
    request.memory.write(address, data)


def _settings(request: Request, address: int, link: Link) -> None:
    """struct ethtool_link_settings: asked once for the width of its masks, then for the masks."""
    asked = struct.unpack_from("=b", request.memory.read(address + 16, 1))[0]
    words, (speed, duplex) = 1, _pace(link)
    head = struct.pack(
        "=IIBBBBBBbBBBBB", GLINKSETTINGS, speed, duplex, _TP, 0, int(_auto(link)), 0, _MDI_X_AUTO,
        words if asked == words else -words, 0, 0, 0, 0, 0,
    ).ljust(48, b"\0")
    masks = struct.pack("=III", _MODES, _MODES, 0) if asked == words else b""
    request.memory.write(address, head + masks)


def _pace(link: Link) -> tuple[int, int]:
    if link.identity is None or not link.flags & 0x10000:
        return _UNKNOWN_SPEED, _UNKNOWN_DUPLEX
    return link.identity.speed, _FULL if link.identity.full_duplex else _HALF


def _auto(link: Link) -> bool:
    return link.identity is not None and link.identity.autoneg


def _old_settings(request: Request, address: int, link: Link) -> None:
    """struct ethtool_cmd, which came before."""
    speed, duplex = _pace(link)
    request.memory.write(address, struct.pack(
        "=IIIHBBBBBBIIHBBI8x", GSET, _MODES, _MODES, speed & 0xFFFF, duplex, _TP, 0, 0, int(_auto(link)),
        0, 0, 0, speed >> 16, 0, _MDI_X_AUTO, 0,
    ))  # fmt: skip


def _is_up(request: Request, address: int, link: Link) -> None:
    """struct ethtool_value."""
    request.memory.write(address, struct.pack("=II", GLINK, int(bool(link.flags & 0x40))))


def _messages(request: Request, address: int, link: Link) -> None:
    """NETIF_MSG_DRV | PROBE | LINK: the driver's default."""
    request.memory.write(address, struct.pack("=II", GMSGLVL, 0x7))


def _wake(request: Request, address: int, link: Link) -> None:
    """struct ethtool_wolinfo: QEMU's card wakes nobody."""
    request.memory.write(address, struct.pack("=III6s2x", GWOL, 0, 0, b""))


def _rings(request: Request, address: int, link: Link) -> None:
    request.memory.write(address, struct.pack("=9I", GRINGPARAM, 4096, 0, 0, 4096, 256, 0, 0, 256))


def _pause(request: Request, address: int, link: Link) -> None:
    request.memory.write(address, struct.pack("=4I", GPAUSEPARAM, 1, 0, 0))


def _permanent(request: Request, address: int, link: Link) -> None:
    """struct ethtool_perm_addr."""
    room = struct.unpack_from("=I", request.memory.read(address + 4, 4))[0]
    mac = link.identity.mac if link.identity else bytes(6)
    if room < len(mac):
        raise Refused(errno.EINVAL)
    request.memory.write(address, struct.pack("=II", GPERMADDR, len(mac)) + mac)


def _sets(request: Request, address: int, link: Link) -> None:
    """struct ethtool_sset_info: how many strings the sets asked for have."""
    mask = struct.unpack_from("=Q", request.memory.read(address + 8, 8))[0]
    sizes = {ETH_SS_STATS: len(_STATISTICS)}
    found = [sizes[bit] for bit in sizes if mask & 1 << bit]
    kept = sum(1 << bit for bit in sizes if mask & 1 << bit)
    data = struct.pack("=IIQ", GSSET_INFO, 0, kept)
    request.memory.write(address, data + b"".join(struct.pack("=I", each) for each in found))


def _strings(request: Request, address: int, link: Link) -> None:
    kind = struct.unpack_from("=I", request.memory.read(address + 4, 4))[0]
    if kind != ETH_SS_STATS:
        raise Refused(errno.EOPNOTSUPP)
    names = b"".join(name.encode().ljust(_NAME, b"\0") for name, _ in _STATISTICS)
    request.memory.write(address, struct.pack("=III", GSTRINGS, kind, len(_STATISTICS)) + names)


def _statistics(request: Request, address: int, link: Link) -> None:
    counters: Counters = request.network.counters(link.index)
    values = [getattr(counters, attribute) for _, attribute in _STATISTICS]
    request.memory.write(address, struct.pack(f"=II{len(values)}Q", GSTATS, len(values), *values))


_COMMANDS: Mapping[int, Callable[[Request, int, Link], None]] = {
    GDRVINFO: _driver, GLINKSETTINGS: _settings, GSET: _old_settings, GLINK: _is_up, GMSGLVL: _messages,
    GWOL: _wake, GRINGPARAM: _rings, GPAUSEPARAM: _pause, GPERMADDR: _permanent, GSSET_INFO: _sets,
    GSTRINGS: _strings, GSTATS: _statistics,
}  # fmt: skip
