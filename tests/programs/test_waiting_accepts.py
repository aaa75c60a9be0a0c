"""Threads that sleep in accept(2): each connection wakes one, a signal or the end of listening the others."""

import socket
import subprocess
import sys

import pytest
from support.deadline import read_line
from support.ports import free_port
from support.runner import Runner
from support.session import Session

SCRIPT = """
import os, signal, socket, threading, time
listener = socket.create_server(("127.0.0.1", 0))
address = listener.getsockname()
said, lock = [], threading.Lock()

def serve():
    while True:
        try:
            taken, peer = listener.accept()
        except OSError as error:
            with lock:
                said.append(error.errno)
            return
        taken.sendall(str(peer[1]).encode())
        taken.close()

threads = [threading.Thread(target=serve) for _ in range(4)]
for thread in threads:
    thread.start()
right = 0
for turn in range(60):
    clients = [socket.create_connection(address) for _ in range(1 + turn % 6)]
    right += all(client.recv(10).decode() == str(client.getsockname()[1]) for client in clients)
    for client in clients:
        client.close()
print("answered:", right)

child = os.fork()
if child == 0:  # the same listener, in another process
    taken, peer = listener.accept()
    taken.sendall(b"child")
    os._exit(0)
answers = set()
while b"child" not in answers:
    with socket.create_connection(address) as client:
        answers.add(client.recv(10)[:5])
print("a child too:", os.waitpid(child, 0)[1])

child = os.fork()
if child == 0:  # killed in its sleep: it takes no connection with it
    listener.accept()
time.sleep(0.2)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
for _ in range(8):
    with socket.create_connection(address) as client:
        right += client.recv(10).decode() == str(client.getsockname()[1])
print("after a death:", right)

class Alarm(Exception):
    pass
def ring(*_):
    raise Alarm
signal.signal(signal.SIGALRM, ring)
alone = socket.create_server(("127.0.0.1", 0))
try:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    alone.accept()
except Alarm:
    print("a signal")
with socket.create_connection(alone.getsockname()), alone.accept()[0]:
    print("and the next connection")
alone.settimeout(0.1)
try:
    alone.accept()
except TimeoutError:
    print("nobody came")

listener.shutdown(socket.SHUT_RD)
for thread in threads:
    thread.join()
print("ended with", said)
"""

TOLD = """answered: 60
a child too: 0
after a death: 68
a signal
and the next connection
nobody came
ended with [22, 22, 22, 22]
"""


def test_each_connection_wakes_one(session: Session) -> None:
    assert session.output(sys.executable, "-c", SCRIPT, seconds=40) == TOLD


# An address that lies in no memory: the connection is closed, and the caller told EFAULT.
NOWHERE = """
import ctypes, select, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("up", flush=True)
select.select([listener], [], [], 10)
libc = ctypes.CDLL(None, use_errno=True)
print(libc.accept(listener.fileno(), ctypes.c_void_p(8), ctypes.c_void_p(16)), ctypes.get_errno(), flush=True)
sys.stdin.read()
"""


@pytest.mark.not_for("host-no6", reason="its server is in a namespace of its own")
def test_a_visitor_that_cannot_be_told_of_is_turned_away(runner: Runner) -> None:
    """A client outside the run, through a published port where there is one; its server goes on."""
    port, pipes = free_port(), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with runner.program(sys.executable, "-c", NOWHERE, str(port), **pipes) as run:
        assert read_line(run.stdout) == b"up\n"
        with socket.create_connection(("127.0.0.1", port), 10) as visitor:
            assert read_line(run.stdout) == b"-1 14\n"
            assert visitor.recv(1) == b""
        run.stdin.close()
        assert run.wait(10) == 0


# It sleeps until a connection comes, is woken where the supervisor runs, and stays free to move.
EVENT_LOOP = """
import os, select, socket
listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
own, before = os.getpid(), os.sched_getaffinity(0)
server = os.fork()
if server == 0:
    sleep = select.epoll()
    sleep.register(listener, select.EPOLLIN)
    for number in range(200):
        while True:
            sleep.poll()
            try:
                taken, peer = listener.accept()
                break
            except BlockingIOError:
                pass
        taken.sendall(b"%d" % peer[1])
        taken.close()
    os._exit(os.sched_getaffinity(0) != before)
right = 0
for number in range(200):
    with socket.create_connection(listener.getsockname()) as client:
        right += int(client.recv(10)) == client.getsockname()[1]
print(right, os.waitpid(server, 0)[1], os.sched_getaffinity(0) == before)
"""


def test_an_event_loop_may_run_where_it_could(session: Session) -> None:
    assert session.output(sys.executable, "-c", EVENT_LOOP, seconds=40) == "200 0 True\n"


# Who has waited for the death of a process that slept in accept or recvfrom finds its ports free.
KILLED = """
import errno, os, signal, socket
seen = set()
for turn in range(100):
    stream, datagram = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
    datagram.bind(("127.0.0.1", 0))
    names, children, (ready, told) = [stream.getsockname(), datagram.getsockname()], [], os.pipe()
    for sleep in (stream.accept, lambda: datagram.recvfrom(9)):
        children.append(os.fork())
        if children[-1] == 0:
            os.write(told, b"x")
            sleep()
            os._exit(0)
    stream.close(), datagram.close(), os.read(ready, 1), os.read(ready, 1), os.sched_yield()
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    with socket.socket() as client, socket.socket(type=socket.SOCK_DGRAM) as again:
        seen.add(errno.errorcode.get(client.connect_ex(names[0])))
        again.bind(names[1])
    with socket.socket() as again:
        again.bind(names[0])
    os.close(ready), os.close(told)
print(seen)
"""


def test_a_listener_goes_with_whoever_slept_on_it(session: Session) -> None:
    assert session.output(sys.executable, "-c", KILLED, seconds=60) == "{'ECONNREFUSED'}\n"
