"""Connections that break without an answer: what read(2), write(2) and SO_ERROR say, as natively."""

import os
import signal
import subprocess
import sys

import pytest
from support.runner import PTRACE_NET, Runner
from wire_rig import KERNEL, OURS, Rig, said

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
HOLDER = """
import socket
listener, held = socket.create_server(("0.0.0.0", 91), backlog=50), []
print("listening", flush=True)
while True:
    held.append(listener.accept())
"""
CLIENT = """
import errno, os, select, signal, socket, struct, sys, threading
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
def error_of(s):
    return errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
def connected():
    s = socket.create_connection((sys.argv[1], 91))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 700)
    return s
def broken(s):
    p = select.poll()
    p.register(s, select.POLLIN)
    return [bool(events & (select.POLLERR | select.POLLHUP)) for _, events in p.poll(20000)]
def read(s):
    return outcome(s.recv, 10), outcome(s.recv, 10), error_of(s)
def in_time(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 20, 0))
    return outcome(os.read, s.fileno(), 10)
def polled(s):
    return broken(s), outcome(s.recv, 10), error_of(s), outcome(s.recv, 10)
def by_edge(s):
    s.setblocking(False)
    epoll = select.epoll()
    epoll.register(s, select.EPOLLIN | select.EPOLLET)
    return len(epoll.poll()), outcome(os.read, s.fileno(), 10), outcome(os.read, s.fileno(), 10)
def asked(s):
    return broken(s), error_of(s), error_of(s), outcome(s.recv, 10)
def written(s):
    return broken(s), outcome(s.send, b"x"), outcome(s.recv, 10), error_of(s)
def received(s):
    return outcome(s.recvmsg, 10, 100)
def blocked(s):
    return outcome(s.sendall, bytes(50_000_000)), outcome(s.recv, 10)
def in_a_thread(s):
    told = []
    thread = threading.Thread(target=lambda: told.append(outcome(s.recv, 10)))
    thread.start()
    thread.join()
    return told
def in_a_child(s):
    end, start = os.pipe()
    if not os.fork():
        os.write(start, str(outcome(s.recv, 10)).encode())
        os._exit(0)
    return os.read(end, 100)
ways = [read, in_time, polled, by_edge, asked, written, received, blocked, in_a_thread, in_a_child]
sockets = [connected() for _ in ways]
print("connected", flush=True)
sys.stdin.readline()
for s in sockets:
    s.send(b"lost")
for way, s in zip(ways, sockets):
    print(way.__name__, way(s), flush=True)
s = socket.socket()
print("after that", outcome(s.connect, ("127.0.0.1", 9)))
"""


def told(client: subprocess.Popen[bytes]) -> list[str]:
    """What the client says once nobody answers any more."""
    assert client.stdin is not None
    client.stdin.write(b"now\n")
    client.stdin.flush()
    assert client.stdout is not None
    text = client.stdout.read().decode()
    assert client.wait(20) == 0, text
    return text.splitlines()


def natively(wire: Rig, pipes: dict[str, int]) -> list[str]:
    """Linux talks to a run whose supervisor is stopped."""
    with wire.net().program(sys.executable, "-c", HOLDER, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"listening\n"
        with wire.kernel.program(sys.executable, "-c", CLIENT, OURS[4], **pipes) as client:
            assert client.stdout.readline() == b"connected\n"
            os.kill(holder.pid, signal.SIGSTOP)
            try:
                return told(client)
            finally:
                os.kill(holder.pid, signal.SIGCONT)


def wired(wire: Rig, run: Runner, program: str) -> list[str]:
    """The TAP of a run goes down under its client."""
    with wire.kernel.program(sys.executable, "-c", HOLDER, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"listening\n"
        with run.program(sys.executable, "-c", program, KERNEL[4], **PIPES) as client:
            assert client.stdout.readline() == b"connected\n"
            said(wire.kernel.run("ip", "link", "set", "tap0", "down"))
            return told(client)


@pytest.mark.parametrize("engine", ["auto", "ptrace"])
def test_a_peer_that_is_silent(wire: Rig, engine: str) -> None:
    """ETIMEDOUT, told once, by whichever call comes first; no SIGPIPE, and the rest goes on."""
    expected = natively(wire, PIPES)
    assert sum("ETIMEDOUT" in line for line in expected) == 10
    assert wired(wire, wire.net("--engine", engine), CLIENT) == expected


@pytest.mark.parametrize("way", ["notify", "name", "join"])
def test_a_peer_that_is_silent_where_ptrace_is_left_to_debuggers(wire: Rig, way: str) -> None:
    """What docs/limitations.md says of it: read(2) has AF_UNIX's ECONNRESET, SO_ERROR knows better."""
    name = f"silent-{os.getpid()}-{os.urandom(3).hex()}"
    program = CLIENT.replace("SIG_DFL", "SIG_IGN")
    if way == "notify":
        lines = wired(wire, wire.net("--engine", "notify"), program)
    elif way == "name":
        lines = wired(wire, wire.net("--name", name), program)
    else:
        keep = ("sh", "-c", "echo up; exec sleep 100")
        with wire.net("--name", name).program(*keep, stdout=subprocess.PIPE) as held:
            assert held.stdout is not None
            assert held.stdout.readline() == b"up\n"
            lines = wired(wire, Runner("join", (*PTRACE_NET, "--join", name, "--"), wire.enter), program)
    assert lines == [
        "read ('ECONNRESET', b'', 'ETIMEDOUT')",
        "in_time ECONNRESET",
        "polled ([True], 'ECONNRESET', 'ETIMEDOUT', b'')",
        "by_edge (1, 'ECONNRESET', b'')",
        "asked ([True], 'ETIMEDOUT', 0, b'')",
        "written ([True], 'EPIPE', 'ECONNRESET', 'ETIMEDOUT')",
        "received ECONNRESET",
        "blocked ('EPIPE', 'ECONNRESET')",
        "in_a_thread ['ECONNRESET']",
        "in_a_child b'ECONNRESET'",
        "after that ECONNREFUSED",
    ]
