"""Names that mean something on one interface alone, with sin6_scope_id and without it."""

import ctypes
import errno
import socket
from collections.abc import Callable

V6, IPV6 = socket.AF_INET6, socket.IPPROTO_IPV6
LO, ETH0, ABSENT = 1, 2, 77
LINK, PLAIN = "fe80::5054:98ff:fe76:5433", "fec0::5054:98ff:fe76:5433"
SCOPES = (0, LO, ETH0, ABSENT)
SO_BINDTODEVICE = 25


def told(call: Callable, *arguments: object) -> object:
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def new(kind: int, **options: object) -> socket.socket:
    sock = socket.socket(V6, kind)
    sock.settimeout(10)
    if "multicast" in options and kind == socket.SOCK_DGRAM:
        sock.setsockopt(IPV6, socket.IPV6_MULTICAST_IF, options["multicast"])
    if "device" in options:
        sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, options["device"])
    return sock


def far() -> None:
    """Where nobody answers: which of it may be tried."""
    for options in ({}, {"multicast": LO}, {"multicast": ETH0}, {"device": b"eth0"}, {"device": b"lo"}):
        for address in ("ff01::1", "ff02::7", "ff05::7", "fe80::77"):
            for scope in SCOPES:
                name = address, 7, 0, scope
                sends, connects = new(socket.SOCK_DGRAM, **options), new(socket.SOCK_DGRAM, **options)
                print(options, address, scope, told(sends.sendto, b"x", name), told(connects.connect, name),
                      told(connects.getpeername), connects.getsockname()[0::3])  # fmt: skip
                if address.startswith("ff") or (scope != ETH0 and (scope or "device" not in options)):
                    print("  stream:", told(new(socket.SOCK_STREAM, **options).connect, name))


def near() -> None:
    """Our own link-local address."""
    receiver = new(socket.SOCK_DGRAM)
    receiver.bind(("::", 0))
    port = receiver.getsockname()[1]
    for address in (LINK, PLAIN, "::1"):
        for scope in SCOPES:
            name = address, port, 0, scope
            sends, connects = new(socket.SOCK_DGRAM), new(socket.SOCK_DGRAM)
            sent = told(sends.sendto, b"x", name)
            print(address, scope, sent, receiver.recvfrom(9)[1][0::2] if sent == 1 else "", end=" ")
            print(told(connects.connect, name), shown(connects))
            if sent == 1:
                sends.sendto(b"x", name)
                asked = receiver.recvfrom(9)[1]
                print("  answer", told(receiver.sendto, b"answer", asked), end=" ")
                print(shown(receiver, sends.recvfrom(9)[1]))


def shown(sock: socket.socket, *names: tuple) -> list[object]:
    """Names without ports."""
    for call in () if names else (sock.getsockname, sock.getpeername):
        names += (told(call),)
    return [name if isinstance(name, str) else (name[0], *name[2:]) for name in names]


def bound() -> None:
    for address in (LINK, PLAIN, "::1", "ff02::7", "ff05::7", "fe80::77"):
        for scope in SCOPES:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                sock = new(kind)
                print(address, scope, told(sock.bind, (address, 0, 0, scope)), shown(sock)[0])


def again() -> None:
    """A name with an interface binds the socket to it, until it is dissolved."""
    for first, second in ((LO, ETH0), (ETH0, LO), (ETH0, 0), (0, ETH0)):
        for make in ("bind", "connect"):
            sock = new(socket.SOCK_DGRAM)
            name = LINK, 0 if make == "bind" else 7, 0, first
            print(make, first, told(getattr(sock, make), name), end=" ")
            print(device(sock), second, told(sock.connect, ("ff02::7", 7, 0, second)), device(sock))
            dissolve = ctypes.CDLL(None).connect(sock.fileno(), bytes(16), 16)
            print("  dissolved", dissolve, device(sock), told(sock.connect, ("ff02::7", 7, 0, second)))


def device(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, 16)


def streams() -> None:
    listener = new(socket.SOCK_STREAM)
    listener.bind(("::", 0))
    listener.listen()
    for address in (LINK, PLAIN, "::1"):
        for scope in (0, LO, ETH0):
            client = new(socket.SOCK_STREAM)
            said = told(client.connect, (address, listener.getsockname()[1], 0, scope))
            print(address, scope, said, shown(client))
            if said is None:
                server, name = listener.accept()
                print("  accepted", shown(server, name), shown(server))


if __name__ == "__main__":
    for case in (far, near, bound, again, streams):
        print("--", case.__name__)
        case()
