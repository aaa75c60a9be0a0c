"""Packet sockets of several kinds on lo while ping(8) runs: names, lengths, options, errors."""

import ctypes
import socket
import struct
import subprocess

SO_ATTACH_FILTER, SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA = 26, 263, 6, 8
ETH_P_ALL, ETH_P_IP, ETH_P_ARP = 3, 0x800, 0x806


def attached(sock: socket.socket, *program: tuple[int, int, int, int]) -> None:
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    room = ctypes.create_string_buffer(code)
    value = struct.pack("@HP", len(program), ctypes.addressof(room))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, value)


def packet(kind: int, protocol: int) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, kind, socket.htons(protocol))
    sock.bind(("lo", protocol))
    sock.settimeout(5)
    return sock


def taken(sock: socket.socket, count: int) -> list:
    return [(name, len(data), data[:1].hex()) for data, name in (sock.recvfrom(2048) for _ in range(count))]


everything, addresses = packet(socket.SOCK_RAW, ETH_P_ALL), packet(socket.SOCK_DGRAM, ETH_P_ALL)
incoming, nothing = packet(socket.SOCK_RAW, ETH_P_IP), packet(socket.SOCK_RAW, ETH_P_ARP)
replies, short = packet(socket.SOCK_RAW, ETH_P_ALL), packet(socket.SOCK_RAW, ETH_P_ALL)
# Echo replies: byte 34 of the frame is 0. And all frames, 20 bytes of each.
attached(replies, (0x30, 0, 0, 34), (0x15, 0, 1, 0), (0x6, 0, 0, 0xFFFF), (0x6, 0, 0, 0))
attached(short, (0x6, 0, 0, 20))
addresses.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
print(everything.getsockname(), addresses.getsockname(), everything.type, incoming.getsockname())
subprocess.run(["ping", "-n", "-c1", "127.0.0.1"], stdout=subprocess.DEVNULL, check=True)
print(taken(everything, 4))
print(taken(incoming, 2))
print(taken(replies, 2))
print(taken(short, 1))
data, control, flags, name = addresses.recvmsg(2048, 256)
print(name, len(data), flags, [(level, kind, payload[4:12].hex()) for level, kind, payload in control])
print(struct.unpack("=II", incoming.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)))
print(struct.unpack("=II", incoming.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)))
nothing.setblocking(False)
for attempt in (
    lambda: nothing.recv(10),
    lambda: everything.connect(("lo", 0)),
    lambda: everything.bind(("nobody", 0)),
    lambda: everything.sendto(b"short", ("lo", 0)),
    lambda: everything.sendto(bytes(70000), ("lo", ETH_P_IP)),
    lambda: everything.listen(),
    lambda: everything.getpeername(),
    lambda: everything.setsockopt(SOL_PACKET, 99, 1),
    lambda: socket.socket(socket.AF_PACKET, socket.SOCK_STREAM, 0),
):
    try:
        print(attempt())
    except OSError as error:
        print(error.errno)
frame = bytes(12) + b"\x88\xb5" + b"hello"
listener = packet(socket.SOCK_DGRAM, 0x88B5)
print(everything.send(frame), listener.recvfrom(100))
print(addresses.sendto(b"again", ("lo", 0x88B5, 0, 0, bytes(6))), listener.recvfrom(100))
