"""Asks NETLINK_SOCK_DIAG for one local socket at a time, by inode, as strace(1) does for each descriptor."""

import os
import socket
import struct

NETLINK_SOCK_DIAG, BY_FAMILY, REQUEST, NLMSG_ERROR = 4, 20, 1, 2
UDIAG_SHOW_NAME, NO_COOKIE = 1, b"\xff" * 8

diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
diag.settimeout(10)
local = socket.socket(socket.AF_UNIX)
local.bind(b"")  # a socket that was never bound is in no table
others = {"tcp": socket.socket(), "udp6": socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), "netlink": diag}
turns = [("local", local), *others.items(), ("local", local), *others.items(), *others.items()]

for turn, (name, sock) in enumerate(turns):
    inode = os.fstat(sock.fileno()).st_ino
    body = struct.pack("=BBHIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, inode, UDIAG_SHOW_NAME) + NO_COOKIE
    diag.send(struct.pack("=IHHII", 16 + len(body), BY_FAMILY, REQUEST, turn, 0) + body)
    data = diag.recv(4096)
    _, kind, _, sequence, _ = struct.unpack_from("=IHHII", data)
    number, found = struct.unpack_from("=ii", data, 16)
    said = f"error {number}" if kind == NLMSG_ERROR else f"found {found == inode}"
    print(name, sequence == turn, said)
