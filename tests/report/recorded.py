"""A small program for the tests of recordings; the first word says what it does."""

import array
import fcntl
import os
import signal
import socket
import sys

UNIX, STREAM = socket.AF_UNIX, socket.SOCK_STREAM


def payload() -> None:
    """A message of 200 bytes, by send and by write."""
    left, right = socket.socketpair()
    left.send(bytes(range(200)))
    right.recv(1000)
    os.write(left.fileno(), b"w" * 200)
    os.read(right.fileno(), 1000)


def exchange() -> None:
    """Both ends of a TCP connection: by send and recv, by write and read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    client.send(b"sent")
    server.recv(100)
    os.write(server.fileno(), b"written")
    os.read(client.fileno(), 100)


def lineage() -> None:
    """One socket under many numbers: dup, dup2, fcntl, fork, SCM_RIGHTS; and closed in three ways."""
    one = socket.create_server(("127.0.0.1", 0))
    numbers = [os.dup(one.fileno()), os.dup2(one.fileno(), 50), fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 60)]
    left, right = socket.socketpair()
    left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno()]))])
    right.recvmsg(1, socket.CMSG_LEN(4))
    child = os.fork()
    if not child:
        one.getsockname()
        os._exit(7)
    os.waitpid(child, 0)
    os.close(numbers[0])
    os.closerange(numbers[1], numbers[2] + 1)
    os.execv("/bin/true", ["true"])


def numbers() -> None:
    """Send the numbers from 0 on until killed; the first is told on standard output."""
    left, right = socket.socketpair()
    print(os.getpid(), flush=True)
    for number in range(10**9):
        left.send(b"%d" % number)
        right.recv(20)


def names(count: str) -> None:
    """getsockname, `count` times."""
    with socket.socket() as one:
        for _ in range(int(count)):
            one.getsockname()


def killed() -> None:
    """Killed while it waits for what never comes."""
    left, right = socket.socketpair()
    if not (child := os.fork()):
        right.recv(1)
    left.send(b"")
    with open(f"/proc/{child}/wchan") as waiting:
        while "unix_stream" not in waiting.read():
            waiting.seek(0)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


globals()[sys.argv[1]](*sys.argv[2:])
