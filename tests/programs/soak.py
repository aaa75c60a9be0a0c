"""soak.py SECONDS SEED: connects, kills, forks and half-closes at random; prints how many of what it did."""

import contextlib
import os
import random
import signal
import socket
import sys
import time
from collections import Counter

chance = random.Random(int(sys.argv[2]))
FAMILIES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def listener(kind: int) -> socket.socket:
    family, address = chance.choice(FAMILIES)
    server = socket.socket(family, kind)
    server.bind((address, 0))
    if kind == socket.SOCK_STREAM:
        server.listen(chance.randrange(1, 64))
    return server


def client_of(server: socket.socket) -> socket.socket:
    client = socket.socket(server.family, server.type & 0xF)
    client.settimeout(5)
    client.connect(server.getsockname())
    return client


def half_close() -> None:
    with listener(socket.SOCK_STREAM) as server, client_of(server) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"x" * chance.randrange(1, 50_000))
            client.shutdown(socket.SHUT_WR)
            while accepted.recv(65536):
                pass
            accepted.sendall(b"bye")
            assert client.recv(3) == b"bye"


def reset() -> None:
    with listener(socket.SOCK_STREAM) as server:
        client = client_of(server)
        accepted, _ = server.accept()
        accepted.sendall(b"unread")
        client.close()
        accepted.close()


def unaccepted() -> None:
    with listener(socket.SOCK_STREAM) as server:
        for _ in range(chance.randrange(1, 4)):
            client_of(server).close()


def datagrams() -> None:
    with listener(socket.SOCK_DGRAM) as server, client_of(server) as client:
        for _ in range(chance.randrange(1, 20)):
            client.send(b"y")
        server.recvfrom(10)


def killed() -> None:
    """A child that is killed in the middle of whatever it does."""
    pid = os.fork()
    if pid == 0:
        while True:
            chance.choice(QUIET)()
    time.sleep(chance.random() / 50)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def inherited() -> None:
    """A child answers on a listener that its parent has closed."""
    server = listener(socket.SOCK_STREAM)
    name, family = server.getsockname(), server.family
    pid = os.fork()
    if pid == 0:
        accepted, _ = server.accept()
        accepted.sendall(b"child")
        os._exit(0)
    server.close()
    with socket.socket(family) as client:
        client.connect(name)
        assert client.recv(5) == b"child"
    os.waitpid(pid, 0)


def refused() -> None:
    with listener(socket.SOCK_STREAM) as server:
        name = server.getsockname()
    with socket.socket(server.family) as client, contextlib.suppress(ConnectionRefusedError):
        client.connect(name)


QUIET = (half_close, reset, unaccepted, datagrams, refused)
done: Counter[str] = Counter()
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    act = chance.choice((*QUIET, killed, inherited))
    act()
    done[act.__name__] += 1
print(sum(done.values()), len(done))
