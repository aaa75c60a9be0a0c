"""SOL_SOCKET of netlink and packet sockets, filters and names: what they say, and what can be set."""

import ctypes
import errno
import socket
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
ETH_P_ALL, NETLINK_ROUTE, NETLINK_GENERIC = 3, 0, 16
SO_PASSCRED, SO_PEERCRED, SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_PEERNAME, SO_PASSSEC = 16, 17, 26, 27, 28, 34
SO_PEEK_OFF, SO_PEERGROUPS, SO_PASSPIDFD, SO_PEERPIDFD, SO_PASSRIGHTS = 42, 59, 76, 77, 83
OPTIONS = (
    socket.SO_TYPE, SO_PASSCRED, SO_PEERCRED, SO_DETACH_FILTER, SO_PEERNAME, SO_PASSSEC, socket.SO_PROTOCOL,
    socket.SO_DOMAIN, SO_PEEK_OFF, SO_PEERGROUPS, SO_PASSPIDFD, SO_PEERPIDFD, SO_PASSRIGHTS,
)  # fmt: skip
SIZES = ((20, 6), (20, 8), (20, 9), (20, 0), (12, 6), (12, 0), (18, 6), (19, 6), (28, 9))
RETURN_ALL = struct.pack("=HBBI", 6, 0, 0, 0xFFFF)
PASS_IPV4 = struct.pack("=HBBI", 0x28, 0, 0, 12) + struct.pack("=HBBI", 0x15, 0, 1, 0x0800) + RETURN_ALL * 2


def get(sock: socket.socket, option: int, size: int) -> str:
    room, length = ctypes.create_string_buffer(64), ctypes.c_int(size)
    if LIBC.getsockopt(sock.fileno(), socket.SOL_SOCKET, option, room, ctypes.byref(length)):
        return errno.errorcode[ctypes.get_errno()]
    return f"{length.value} {room.raw[:32].hex()}"


def put(sock: socket.socket, option: int, value: bytes) -> str:
    if LIBC.setsockopt(sock.fileno(), socket.SOL_SOCKET, option, value, len(value)):
        return errno.errorcode[ctypes.get_errno()]
    return "0"


def look(name: str, *kind: int) -> None:
    for option in OPTIONS:
        with socket.socket(*kind) as sock:
            print(name, option, [get(sock, option, size) for size in (-1, 0, 1, 4, 12, 64)])
            print(name, option, "set", put(sock, option, b"\1\0"), put(sock, option, b"\0\0\0\0"))


def filters() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        for program in (RETURN_ALL, PASS_IPV4, PASS_IPV4[:8]):  # the last one does not return
            held = ctypes.create_string_buffer(program, len(program))
            fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
            print("attach", put(sock, SO_ATTACH_FILTER, fprog))
            print("filter", [get(sock, SO_ATTACH_FILTER, size) for size in (0, 1, 4, 64)])
        print("detach", put(sock, SO_DETACH_FILTER, bytes(4)), put(sock, SO_DETACH_FILTER, bytes(4)))
        print("none", [get(sock, SO_ATTACH_FILTER, size) for size in (0, 64)])


def names() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        print("not bound", sock.getsockname())
        for link in ("lo", "eth0"):
            sock.bind((link, ETH_P_ALL))
            print(link, sock.getsockname())


def addresses() -> None:
    """Which sockaddr_ll bind(2) and sendto(2) take: families, lengths, and lengths of what is in them."""
    index = socket.if_nametoindex("lo")
    for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
        for family in (socket.AF_PACKET, socket.AF_UNSPEC, socket.AF_INET):
            for size, halen, link in ((size, halen, link) for size, halen in SIZES for link in (index, 999)):
                name = struct.pack("=HHiHBB", family, socket.htons(0x88B5), link, 0, 0, halen) + bytes(20)
                with socket.socket(socket.AF_PACKET, kind, 0) as sock:
                    sent = LIBC.sendto(sock.fileno(), bytes(60), 60, 0, name, size)
                    sent = errno.errorcode[ctypes.get_errno()] if sent < 0 else sent
                    bound = LIBC.bind(sock.fileno(), name, size)
                    bound = errno.errorcode[ctypes.get_errno()] if bound else bound
                print(kind, family, size, halen, link == index, "send", sent, "bind", bound)


look("route", socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
look("generic", socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_GENERIC)
look("packet", socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
look("cooked", socket.AF_PACKET, socket.SOCK_DGRAM, 0)
filters()
names()
addresses()
