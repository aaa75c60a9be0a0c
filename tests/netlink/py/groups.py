"""Who hears what is sent to a group: IP_MULTICAST_ALL, memberships by interface, source filters,
IP_MULTICAST_IF and IP_MULTICAST_LOOP, and their IPv6 twins.
"""

import errno
import itertools
import select
import socket
import struct
import sys
from collections.abc import Callable

IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
V4, V6 = socket.AF_INET, socket.AF_INET6
IP_PKTINFO, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP = 8, 49, 29, 42, 45
JOIN_SOURCE, BLOCK_SOURCE = 46, 43
LO, ETH0 = 1, 2
OURS4, OURS6, LINK6 = "10.0.2.15", "fec0::5054:98ff:fe76:5433", "fe80::5054:98ff:fe76:5433"
GROUPS = {V4: ("239.7.7.7", "239.7.7.8", "224.0.0.1"), V6: ("ff05::7:7", "ff02::7:8", "ff02::1")}


def told(call: Callable, *arguments: object) -> object:
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def storage(address: str) -> bytes:
    if ":" in address:
        return struct.pack("=H6x16s104x", V6, socket.inet_pton(V6, address))
    return struct.pack("=H2x4s120x", V4, socket.inet_aton(address))


def member(sock: socket.socket, group: str, interface: int, option: int = MCAST_JOIN_GROUP,
           source: str = "") -> object:  # fmt: skip
    level = IPV6 if ":" in group else IP
    value = struct.pack("=i4x", interface) + storage(group) + (storage(source) if source else b"")
    return told(sock.setsockopt, level, option, value)


class Hall:
    """Sockets on one port, and what each has heard."""

    def __init__(self, *names: str) -> None:
        self.port = 0
        self.sockets: dict[str, socket.socket] = {}
        for name in names:
            self.add(name, V6 if name.startswith("six") else V4)

    def add(self, name: str, family: int, address: str = "", scope: int = 0) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, self.port, 0, scope) if family == V6 else (address, self.port))
        self.port = sock.getsockname()[1]
        self.sockets[name] = sock
        return sock

    def __getitem__(self, name: str) -> socket.socket:
        return self.sockets[name]

    def heard(self) -> str:
        return ", ".join(f"{name} {said}" for name, sock in self.sockets.items() if (said := received(sock)))

    def say(self, what: str, sender: socket.socket, *groups: str) -> None:
        """A datagram to each group, told apart by its number."""
        six = sender.family == V6
        sent = [
            told(sender.sendto, b"%d" % i, (group, self.port, 0, 0) if six else (group, self.port))
            for i, group in enumerate(groups)
        ]
        print(f"{what}: sent {sent}, heard: {self.heard()}")


def received(sock: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            data, source = sock.recvfrom(100, socket.MSG_DONTWAIT)
        except OSError:
            return found
        found.append(f"{data.decode()} of {source[0]}")


def sender(family: int, interface: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == V4:
        sock.setsockopt(IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", interface))
    else:
        sock.setsockopt(IPV6, socket.IPV6_MULTICAST_IF, interface)
    return sock


def everybody(family: int) -> None:
    """IP_MULTICAST_ALL: groups that others are in."""
    print("-- everybody", family)
    first, second, all_hosts = GROUPS[family]
    names = ("one", "two", "own") if family == V4 else ("six one", "six two", "six own")
    hall = Hall(*names)
    one, two, own = (hall[name] for name in names)
    option = (IP, IP_MULTICAST_ALL) if family == V4 else (IPV6, IPV6_MULTICAST_ALL)
    own.setsockopt(*option, 0)
    if family == V4:
        hall.add("dual", V6)
        hall.add("dual, all", V6).setsockopt(IP, IP_MULTICAST_ALL, 1)
    else:
        hall.add("four", V4)
    hall.add("at the group", family, first)
    hall.add("elsewhere", family, OURS4 if family == V4 else OURS6)
    sends = sender(family, ETH0)
    hall.say("nobody is a member", sends, first, second)
    hall.say("all hosts", sends, all_hosts)
    print(member(one, first, ETH0))
    hall.say("one is", sends, first, second)
    print(member(own, second, ETH0))
    hall.say("own is in the second", sends, first, second)
    print(member(one, first, ETH0, MCAST_LEAVE_GROUP))
    hall.say("one is no more", sends, first, second)
    print(member(two, first, LO))
    hall.say("another interface", sends, first, second)
    print(member(two, first, LO, MCAST_LEAVE_GROUP), member(own, second, ETH0, MCAST_LEAVE_GROUP))
    with socket.socket(family) as stream:
        print(member(stream, first, ETH0))
        hall.say("a stream is", sends, first, second)
    hall.say("it is closed", sends, first, second)
    with socket.socket(family, socket.SOCK_DGRAM) as unbound:
        print(member(unbound, second, ETH0))
        hall.say("a socket without a name is", sends, first, second)
    hall.say("it is closed", sends, first, second)


def sources(family: int) -> None:
    """Who lets which source in, and what the host as a whole does."""
    print("-- sources", family)
    first = GROUPS[family][0]
    here, other = (OURS4, "10.0.2.99") if family == V4 else (OURS6, "fec0::99")
    names = ("one", "two", "three") if family == V4 else ("six one", "six two", "six three")
    hall = Hall(*names)
    one, two, three = (hall[name] for name in names)
    sends = sender(family, ETH0)
    print(member(one, first, ETH0, JOIN_SOURCE, other))
    hall.say("one wants another", sends, first)
    print(member(two, first, ETH0, JOIN_SOURCE, here))
    hall.say("two wants us", sends, first)
    print(member(three, first, ETH0), member(three, first, ETH0, BLOCK_SOURCE, here))
    hall.say("three does not", sends, first)
    two.close()
    del hall.sockets[names[1]]
    hall.say("two is closed", sends, first)


def ways(family: int) -> None:
    """By which interface: it is the receiver's, too."""
    print("-- ways", family)
    first = GROUPS[family][0]
    six = "six " if family == V6 else ""
    hall = Hall(f"{six}lo", f"{six}eth0", f"{six}any")
    print(member(hall[f"{six}lo"], first, LO), member(hall[f"{six}eth0"], first, ETH0))
    level = IP if family == V4 else IPV6
    for name, sock in hall.sockets.items():
        sock.setsockopt(level, IP_MULTICAST_ALL if family == V4 else IPV6_MULTICAST_ALL, "any" in name)
    hall.say("by the route", socket.socket(family, socket.SOCK_DGRAM), first)
    hall.say("by lo", sender(family, LO), first)
    hall.say("by eth0", sender(family, ETH0), first)
    for address in ("127.0.0.1", "127.0.0.5", OURS4) if family == V4 else ("::1", OURS6):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.bind((address, 0))
        hall.say(f"bound to {address}", sock, first)
        if family == V4:
            with sender(family, LO if address == OURS4 else ETH0) as sock:
                sock.bind((address, 0))
                hall.say("and by the other", sock, first)
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.setsockopt(IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
                hall.say(f"by {address}", sock, first)
    for interface in (LO, ETH0):
        sock = sender(family, interface)
        option = socket.IP_MULTICAST_LOOP if family == V4 else socket.IPV6_MULTICAST_LOOP
        sock.setsockopt(level, option, 0)
        hall.say(f"not to ourselves, by {interface}", sock, first)


def informed(family: int) -> None:
    """The interface of IP_PKTINFO or IPV6_PKTINFO, there and back."""
    print("-- informed", family)
    first = GROUPS[family][0]
    hall = Hall("one" if family == V4 else "six one")
    one = hall.sockets.popitem()[1]
    print(member(one, first, LO), member(one, first, ETH0))
    one.setsockopt(*((IP, IP_PKTINFO) if family == V4 else (IPV6, socket.IPV6_RECVPKTINFO)), 1)
    for there, index in itertools.product((LO, ETH0), (0, LO, ETH0)):
        with sender(family, there) as sends:
            info = struct.pack("=i8x" if family == V4 else "=16xi", index)
            ancillary = [(IP, IP_PKTINFO, info) if family == V4 else (IPV6, socket.IPV6_PKTINFO, info)]
            print(there, index, told(sends.sendmsg, [b"x"], ancillary, 0, (first, hall.port)), end=" ")
        said = told(one.recvmsg, 100, 100, socket.MSG_DONTWAIT)
        print(said if isinstance(said, str) else (said[1], said[3][0]))


def peers(family: int) -> None:
    """What a socket hears that is connected to a group, or to a peer."""
    print("-- peers", family)
    first = GROUPS[family][0]
    six = "six " if family == V6 else ""
    hall = Hall(f"{six}one", f"{six}two")
    one, two = hall.sockets.values()
    print(member(one, first, ETH0), member(two, first, ETH0))
    sends = sender(family, ETH0)
    sends.bind((OURS4 if family == V4 else OURS6, 0))
    two.connect(sends.getsockname())
    hall.say("one peer", sends, first)
    hall.say("another", sender(family, ETH0), first)
    print(two.getsockname()[0])
    asks = socket.socket(family, socket.SOCK_DGRAM)
    print(told(asks.connect, (first, hall.port)), asks.send(b"asks"))
    print(select.select([one], [], [], 10)[0] == [one], hall.heard())
    answer = told(one.sendto, b"answer", asks.getsockname())
    print(asks.getsockname()[0], answer, received(asks))


if __name__ == "__main__":
    for each in (V4, V6)[: int(sys.argv[1])]:
        for case in (everybody, sources, ways, peers, informed):
            case(each)
