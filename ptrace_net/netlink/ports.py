"""Port ids and multicast groups: who is who on a netlink protocol; netlink(7), net/netlink/af_netlink.c.

A socket gets its port id at bind(2), or with its first message: the process id where it is free, else a large
number. ``Ports`` knows all sockets of the run, delivers to one, and copies to the members of a group.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field

from ptrace_net.network.refused import Refused

NLGRPSZ = 32
_FIRST_RANDOM = 0xFFFFF000  # netlink_autobind() counts down from -4097


@dataclass(slots=True, eq=False)
class Port:
    """A netlink socket. ``deliver`` queues a datagram from a port id and group for the program; False where
    there is no room (the program gets ENOBUFS).
    """

    protocol: int
    deliver: Callable[[bytes, int, int], bool]
    process: int = 0
    portid: int = 0
    bound: bool = False
    groups: set[int] = field(default_factory=set)
    peer: tuple[int, int] = (0, 0)  #: of connect(2): port id and group mask
    strict: bool = False  #: NETLINK_GET_STRICT_CHK
    ext_ack: bool = False
    cap_ack: bool = False
    pktinfo: bool = False
    broadcast_error: bool = False
    no_enobufs: bool = False
    listen_all_nsid: bool = False
    inode: int = 0
    uid: int = 0
    dropped: int = 0

    @property
    def mask(self) -> int:
        """The groups 1 to 32 as nl_groups has them."""
        return sum(1 << group - 1 for group in self.groups if group <= NLGRPSZ)


@dataclass(slots=True, eq=False)
class Ports:
    """All netlink sockets of a run. ``highest`` is the last group of each protocol that is known."""

    highest: dict[int, int] = field(default_factory=dict)
    _ports: dict[tuple[int, int], Port] = field(default_factory=dict)
    _members: set[Port] = field(default_factory=set)

    def all(self) -> list[Port]:
        return list({*self._ports.values(), *self._members})

    def bind(self, port: Port, portid: int, groups: int) -> None:
        """bind(2): take ``portid``, 0 for one of the kernel's choice, and the groups of a mask.

        EINVAL where the socket has another port id, EADDRINUSE where somebody has that one.
        """
        if port.bound:
            if portid != port.portid:
                raise Refused(errno.EINVAL)
        elif portid:
            self._insert(port, portid)
        else:
            self.autobind(port)
        known = (1 << min(self.highest.get(port.protocol, NLGRPSZ), NLGRPSZ)) - 1
        kept = {group for group in port.groups if group > NLGRPSZ}
        port.groups = kept | {bit + 1 for bit in range(NLGRPSZ) if groups & known & 1 << bit}
        self._note(port)

    def autobind(self, port: Port) -> None:
        if port.bound:
            return
        candidate = port.process or _FIRST_RANDOM
        while (port.protocol, candidate) in self._ports:
            candidate = candidate - 1 if candidate > 0x80000000 else _FIRST_RANDOM
        self._insert(port, candidate)

    def _insert(self, port: Port, portid: int) -> None:
        if (port.protocol, portid) in self._ports:
            raise Refused(errno.EADDRINUSE)
        self._ports[port.protocol, portid] = port
        port.portid, port.bound = portid, True

    def join(self, port: Port, group: int) -> None:
        """NETLINK_ADD_MEMBERSHIP. EINVAL for a group that the protocol does not have."""
        if not 0 < group <= self.highest.get(port.protocol, NLGRPSZ):
            raise Refused(errno.EINVAL)
        port.groups.add(group)
        self._note(port)

    def leave(self, port: Port, group: int) -> None:
        if not 0 < group <= self.highest.get(port.protocol, NLGRPSZ):
            raise Refused(errno.EINVAL)
        port.groups.discard(group)
        self._note(port)

    def close(self, port: Port) -> None:
        """The socket is gone."""
        if port.bound and self._ports.get((port.protocol, port.portid)) is port:
            del self._ports[port.protocol, port.portid]
        self._members.discard(port)

    def find(self, protocol: int, portid: int) -> Port | None:
        return self._ports.get((protocol, portid))

    def listened(self, protocol: int, group: int) -> bool:
        return any(port.protocol == protocol and group in port.groups for port in self._members)

    def multicast(self, protocol: int, group: int, data: bytes, *, sender: int = 0, skip: int = 0) -> int:
        """Copy a datagram to the members of a group but the port id ``skip``; how many took it."""
        taken = 0
        for port in list(self._members):
            if port.protocol != protocol or group not in port.groups or (skip and port.portid == skip):
                continue
            if port.deliver(data, sender, group):
                taken += 1
            else:
                port.dropped += 1
        return taken

    def _note(self, port: Port) -> None:
        if port.groups:
            self._members.add(port)
        else:
            self._members.discard(port)
