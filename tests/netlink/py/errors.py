"""A datagram that nobody wants: what poll, epoll, receives and the error queue tell its sender.

``errors.py PORT``: a port of UDP where nobody is. Blank lines are between the cases.
"""

import os
import select
import socket
import sys
import threading

PORT = int(sys.argv[1])
RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}
HERE = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
MSG_ERRQUEUE = 0x2000


def events(sock: socket.socket, wait: int, mask: int = select.POLLIN) -> list[int]:
    poll = select.poll()
    poll.register(sock, mask)
    return [event for _, event in poll.poll(wait)]


def told(call, *arguments: object) -> object:
    try:
        return call(*arguments)
    except OSError as error:
        return os.strerror(error.errno)


def send(sock: socket.socket, how: str) -> None:
    sock.send(b"data") if how == "send" else sock.sendmsg([b"data"])


def queued(sock: socket.socket) -> object:
    data, control, flags, name = sock.recvmsg(100, 200, MSG_ERRQUEUE)
    return data, [(level, kind, value.hex()) for level, kind, value in control], flags, name[:2]


def polled(family: int, recverr: bool, how: str) -> None:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(*RECVERR[family], recverr)
    sock.connect((HERE[family], PORT))
    send(sock, how)
    print(family, recverr, how, events(sock, 5000), end=" ")
    if recverr:
        print(told(queued, sock), told(queued, sock), end=" ")
    print(told(sock.recvmsg, 100, 100, socket.MSG_DONTWAIT), events(sock, 0, select.POLLOUT))
    print(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    send(sock, how)
    print(events(sock, 5000), sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), events(sock, 0))


def unconnected(recverr: bool) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(*RECVERR[socket.AF_INET], recverr)
    sock.sendto(b"data", ("127.0.0.1", PORT))
    print("unconnected", recverr, events(sock, 5000 if recverr else 200), end=" ")
    print(told(queued, sock), told(sock.recvmsg, 100, 100, socket.MSG_DONTWAIT))


def sleeping() -> None:
    """A receive and an epoll_wait that sleep already are woken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", PORT))
    found: list[object] = []
    receiver = threading.Thread(target=lambda: found.append(told(sock.recvmsg, 100)))
    receiver.start()
    watched = select.epoll()
    watched.register(sock, select.EPOLLIN | select.EPOLLET)
    while not found:  # until one comes when the receiver sleeps, or before: it is told all the same
        told(sock.send, b"data")
        receiver.join(0.05)
    print("sleeping", found)
    while not (seen := watched.poll(0.2)):
        told(sock.send, b"data")
    print([event & select.EPOLLERR for _, event in seen])


def data_is_kept() -> None:
    """What is there to be received is received after the error."""
    sock, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    sock.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.1", 0))
    other.sendto(b"first", sock.getsockname())
    sock.setsockopt(*RECVERR[socket.AF_INET], 1)
    sock.sendto(b"data", ("127.0.0.1", PORT))
    print("kept", events(sock, 5000), end=" ")
    other.sendto(b"second", sock.getsockname())
    print(told(sock.recvfrom, 100), *(sock.recvfrom(100)[0] for _ in range(2)), events(sock, 0))


for each in (socket.AF_INET, socket.AF_INET6):
    for asked in (False, True):
        for way in ("send", "sendmsg"):
            polled(each, asked, way)
unconnected(False)
unconnected(True)
sleeping()
data_is_kept()
