"""What dev_ioctl() knows (net/core/dev_ioctl.c): flags, MTU, addresses of the hardware, indices. Every
socket has it.
"""

from __future__ import annotations

import errno
import struct

from ptrace_net.netdevice.memory import IFNAMSIZ, Request
from ptrace_net.network import linking
from ptrace_net.network.refused import Refused
from ptrace_net.stack.interface import Interface

ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772


def _found(request: Request, name: str) -> Interface:
    """The interface of a name; an alias (eth0:1) is its interface."""
    interface = request.network.by_name(name.partition(":")[0])
    if interface is None:
        raise Refused(errno.ENODEV)
    return interface


def get_name(request: Request) -> None:
    """SIOCGIFNAME."""
    _, union = request.ifreq()
    interface = request.network.by_index(struct.unpack_from("=i", union)[0])
    if interface is None:
        raise Refused(errno.ENODEV)
    request.memory.write(request.address, interface.name.encode().ljust(IFNAMSIZ, b"\0"))


def get_flags(request: Request) -> None:
    name, _ = request.ifreq()
    flags = request.network.link(_found(request, name)).flags
    request.answer(struct.pack("=H", flags & 0xFFFF))


def set_flags(request: Request) -> None:
    name, union = request.ifreq()
    flags = struct.unpack_from("=H", union)[0]
    linking.set_flags(request.network, _found(request, name), flags, 0xFFFFFFFF, request.now)


def get_metric(request: Request) -> None:
    name, _ = request.ifreq()
    _found(request, name)
    request.answer(bytes(4))


def get_mtu(request: Request) -> None:
    name, _ = request.ifreq()
    request.answer(struct.pack("=i", _found(request, name).mtu))


def set_mtu(request: Request) -> None:
    name, union = request.ifreq()
    linking.set_mtu(request.network, _found(request, name), struct.unpack_from("=i", union)[0])


def get_hardware(request: Request) -> None:
    name, _ = request.ifreq()
    interface = _found(request, name)
    kind = ARPHRD_LOOPBACK if interface.loopback else ARPHRD_ETHER
    request.answer(struct.pack("=H6s", kind, interface.mac))


def set_hardware(request: Request) -> None:
    name, union = request.ifreq()
    interface = _found(request, name)
    kind, mac = struct.unpack_from("=H6s", union)
    if kind != (ARPHRD_LOOPBACK if interface.loopback else ARPHRD_ETHER):
        raise Refused(errno.EINVAL)
    linking.set_mac(request.network, interface, mac)


def get_index(request: Request) -> None:
    name, _ = request.ifreq()
    request.answer(struct.pack("=i", _found(request, name).index))


def get_queue(request: Request) -> None:
    name, _ = request.ifreq()
    request.answer(struct.pack("=i", request.network.facts_of(_found(request, name)).queue))


def set_queue(request: Request) -> None:
    name, union = request.ifreq()
    length = struct.unpack_from("=i", union)[0]
    if length < 0:
        raise Refused(errno.EINVAL)
    request.network.facts_of(_found(request, name)).queue = length


def get_map(request: Request) -> None:
    """A device without memory or ports of its own."""
    name, _ = request.ifreq()
    _found(request, name)
    request.answer(bytes(24 if request.arch.word == 8 else 13))  # compat_dev_ifmap writes field by field


def no_slave(request: Request) -> None:
    """SIOCGIFSLAVE: nothing ever had one; the kernel does not know it of 32-bit programs."""
    if request.arch.word == 4:
        raise Refused(errno.ENOTTY)
    name, _ = request.ifreq()
    _found(request, name)
    raise Refused(errno.EINVAL)


def unsupported(request: Request) -> None:
    """What a driver could do, and this one does not."""
    name, _ = request.ifreq()
    _found(request, name)
    raise Refused(errno.EOPNOTSUPP)


def no_bridges(request: Request) -> None:
    """SIOCGIFBR, SIOCSIFBR: no module makes bridges."""
    raise Refused(errno.EOPNOTSUPP)


def no_flags(request: Request) -> None:
    """SIOCGIFPFLAGS: private flags, which no driver has."""
    raise Refused(errno.EINVAL)


def no_rename(request: Request) -> None:
    """SIOCSIFNAME: links keep their names here."""
    unsupported(request)


def list_interfaces(request: Request) -> None:
    """SIOCGIFCONF: a struct ifreq for each IPv4 address (dev_ifconf, inet_gifconf)."""
    word = request.arch.word
    head = request.memory.read(request.address, 2 * word)
    room, buffer = struct.unpack_from("=i", head)[0], request.pointer(head[word:])
    size = 40 if word == 8 else 32
    entries = []
    for value in request.network.addresses4():
        label = value.label.encode()[: IFNAMSIZ - 1].ljust(IFNAMSIZ, b"\0")
        entries.append((label + struct.pack("=HH4s", 2, 0, value.local)).ljust(size, b"\0"))
    if buffer:
        entries = entries[: max(room, 0) // size]
        request.memory.write(buffer, b"".join(entries))
    request.memory.write(request.address, struct.pack("=i", size * len(entries)))
