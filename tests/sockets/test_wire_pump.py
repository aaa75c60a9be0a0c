"""A program's socket and a connection of the stack: bytes, windows, and every way to end."""

import errno
import os
import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from wire_net import IPS, Net, connection, pumped

from ptrace_net.devices.impair import Impair
from ptrace_net.devices.impairment import Impairment
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.socket import SHUT_WR, TcpSocket
from ptrace_net.stack.tcp.states import State

ALL = select.POLLIN | select.POLLOUT | select.POLLRDHUP


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


def ready(sock: socket.socket) -> int:
    """What poll(2) says, as the program sees it."""
    poll = select.poll()
    poll.register(sock, ALL)
    found = poll.poll(0)
    return found[0][1] if found else 0


def taken(handle: TcpSocket) -> bytes:
    """What has arrived at a bare handle."""
    data = b""
    while not isinstance(piece := handle.recv(1 << 20), Fail) and piece:
        data += piece
    return data


def put(net: Net, handle: TcpSocket, data: bytes) -> int:
    sent = handle.send(data)
    net.serve()
    return 0 if isinstance(sent, Fail) else sent


def received(net: Net, sock: socket.socket, size: int) -> bytes:
    """``size`` bytes at the program, or what came until the end of file."""
    data = bytearray()

    def more() -> bool:
        try:
            piece = sock.recv(1 << 20)
        except BlockingIOError:
            return False
        data.extend(piece)
        return not piece or len(data) >= size

    net.run(more)
    return bytes(data)


def test_bytes_both_ways(net: Net) -> None:
    program, server, _, _ = connection(net)
    program.send(b"question")
    got = bytearray()
    net.run(lambda: got.extend(taken(server)) or bytes(got) == b"question")
    put(net, server, b"answer")
    assert received(net, program, 6) == b"answer"
    assert ready(program) == select.POLLOUT


def test_urgent_data_stays_in_the_stream(net: Net) -> None:
    program, server, _, _ = connection(net)
    program.send(b"before")
    program.send(b"!", socket.MSG_OOB)
    program.send(b"after")
    got = bytearray()
    net.run(lambda: got.extend(taken(server)) or len(got) == 12)
    assert bytes(got) == b"before!after"


def test_much_data_both_ways_at_once(net: Net) -> None:
    program, server, _, _ = connection(net)
    out, back = os.urandom(3_000_000), os.urandom(3_000_000)
    program.setblocking(True)
    got: list[bytes] = []

    def work() -> None:
        writer = threading.Thread(target=program.sendall, args=(out,))
        writer.start()
        data = b""
        while len(data) < len(back):
            data += program.recv(1 << 16)
        got.append(data)
        writer.join()

    worker = threading.Thread(target=work)
    worker.start()
    arrived, sent = bytearray(), 0

    def both() -> bool:
        nonlocal sent
        arrived.extend(taken(server))
        sent += put(net, server, back[sent:])
        return len(arrived) == len(out) and sent == len(back) and not worker.is_alive()

    net.run(both)
    worker.join()
    assert (bytes(arrived), got[0]) == (out, back)


def test_a_reader_that_waits_closes_the_window(net: Net) -> None:
    program, server, _, _ = connection(net)
    sent = 0
    for _ in range(200):
        sent += put(net, server, bytes(1 << 16))
        net.idle(0.002)
    assert sent < 6 << 20  # not 12 MB: send buffer, receive buffer and the socket's are full
    assert server.tcb.snd.wnd < 1 << 17
    assert len(received(net, program, sent)) == sent


def test_a_writer_that_is_not_read_waits(net: Net) -> None:
    program, _server, _, _ = connection(net)
    sent = 0
    for _ in range(300):
        try:
            sent += program.send(bytes(1 << 16))
        except BlockingIOError:
            net.idle(0.002)
    assert 1 << 20 < sent < 6 << 20
    assert not ready(program) & select.POLLOUT


def test_half_close_by_the_program(net: Net) -> None:
    program, server, asked, pump = connection(net)
    program.send(b"last")
    program.shutdown(socket.SHUT_WR)
    net.run(lambda: server.state is State.CLOSE_WAIT)
    assert taken(server) == b"last"
    put(net, server, b"still")
    assert received(net, program, 5) == b"still"
    assert pump.fd >= 0
    server.close(time.monotonic())
    net.serve()
    assert received(net, program, 1) == b""
    net.run(lambda: pump.handle.state is State.TIME_WAIT)
    assert ready(program) & select.POLLHUP
    assert not asked.is_finished
    program.close()
    net.run(lambda: asked.is_finished)
    assert asked.told == [("finished", 0)]


def test_half_close_by_the_peer(net: Net) -> None:
    program, server, asked, pump = connection(net)
    put(net, server, b"last")
    server.shutdown(SHUT_WR, time.monotonic())
    net.serve()
    assert received(net, program, 5) == b"last"
    assert ready(program) & (select.POLLIN | select.POLLRDHUP | select.POLLHUP) == 0x2001
    program.send(b"still")
    net.run(lambda: taken(server) == b"still")
    program.close()
    net.run(lambda: asked.is_finished)
    assert pump.handle.state is State.CLOSED
    net.run(lambda: server.state is State.TIME_WAIT)


def test_what_was_written_before_close_arrives(net: Net) -> None:
    program, server, asked, _ = connection(net)
    data = os.urandom(4_000_000)
    program.setblocking(True)
    threading.Thread(target=lambda: (program.sendall(data), program.close())).start()
    got = bytearray()
    net.run(lambda: got.extend(taken(server)) or server.state is State.CLOSE_WAIT)
    assert bytes(got + taken(server)) == data
    server.close(time.monotonic())
    net.run(lambda: asked.is_finished)


def test_closing_with_unread_data_resets(net: Net) -> None:
    program, server, asked, _ = connection(net)
    put(net, server, b"unread")
    net.run(lambda: ready(program) & select.POLLIN)
    program.close()
    net.run(lambda: asked.is_finished)
    net.run(lambda: server.state is State.CLOSED)
    assert server.take_error() == Fail(errno.ECONNRESET)


def test_data_for_a_closed_socket_resets(net: Net) -> None:
    program, server, asked, pump = connection(net)
    program.close()
    net.run(lambda: asked.is_finished)
    assert pump.fd == -1
    put(net, server, b"for nobody")
    net.run(lambda: server.state is State.CLOSED)
    assert server.take_error() == Fail(errno.EPIPE)  # in CLOSE_WAIT


def test_a_reset_is_shown(net: Net) -> None:
    program, server, asked, _ = connection(net)
    put(net, server, b"before")
    net.run(lambda: ready(program) & select.POLLIN)
    server.abort(time.monotonic())
    net.serve()
    net.run(lambda: asked.is_finished)
    assert asked.told == [("failed", errno.ECONNRESET), ("finished", 0)]
    assert ready(program) & ~select.POLLOUT == (
        select.POLLIN | select.POLLERR | select.POLLHUP | select.POLLRDHUP
    )
    assert program.recv(100) == b"before"
    with pytest.raises(ConnectionResetError):
        program.recv(100)
    with pytest.raises(BrokenPipeError):
        program.send(b"x")


def test_a_reset_waits_for_the_data_before_it(net: Net) -> None:
    program, server, asked, _ = connection(net)
    sent = 0
    for _ in range(10):
        sent += put(net, server, bytes(1 << 16))
        net.idle(0.01)
    net.run(lambda: not server.unsent_bytes())
    server.abort(time.monotonic())
    net.serve()
    net.idle()
    assert not asked.is_finished
    total = 0
    while total < sent:
        total += len(received(net, program, 1))
    assert total == sent
    with pytest.raises(ConnectionResetError):
        received(net, program, 1)


def test_a_reset_when_the_program_is_not_found(net: Net) -> None:
    program, server, asked, _ = connection(net)
    asked.hidden = True
    server.abort(time.monotonic())
    net.serve()
    net.run(lambda: asked.is_finished)
    assert program.recv(100) == b""


def test_a_reset_after_the_end_of_the_stream(net: Net) -> None:
    program, server, asked, _ = connection(net)
    server.shutdown(SHUT_WR, time.monotonic())
    net.serve()
    assert received(net, program, 1) == b""
    server.abort(time.monotonic())
    net.serve()
    net.run(lambda: asked.is_finished)
    assert ("failed", errno.EPIPE) in asked.told
    with pytest.raises(BrokenPipeError):
        program.send(b"x")


def test_reading_that_was_shut_down(net: Net) -> None:
    program, server, asked, pump = connection(net)
    program.shutdown(socket.SHUT_RD)
    put(net, server, b"into the void")
    net.idle()
    put(net, server, b"and more")
    net.idle()
    assert not server.unsent_bytes()
    program.send(b"out")
    net.run(lambda: taken(server) == b"out")
    program.shutdown(socket.SHUT_WR)
    net.run(lambda: server.state is State.CLOSE_WAIT)
    net.idle()
    assert pump.fd >= 0
    program.close()
    net.run(lambda: asked.is_finished)


# -- opening ------------------------------------------------------------------------------------------


def opening(net: Net, port: int) -> tuple:
    client = net.lanes[0].host.tcp_socket()
    client.connect(IPS[1], port, time.monotonic())
    program, asked, pump = pumped(net.lanes[0], client)
    before = program.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    pump.begin(program.fileno())
    assert ready(program) == 0
    assert pump.is_opening
    with pytest.raises(BlockingIOError):
        program.send(b"early")
    return program, asked, pump, before


def test_a_connection_in_progress_is_not_writable_until_it_is_there(net: Net) -> None:
    listener = net.lanes[1].host.tcp_socket()
    listener.bind(IPS[1], 80)
    listener.listen(8)
    program, asked, _, before = opening(net, 80)
    net.serve()
    net.run(lambda: ready(program) & select.POLLOUT)
    assert asked.told == [("opened", 0)]
    assert program.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before
    program.send(b"hello")
    server = net.run(lambda: got if isinstance(got := listener.accept(), TcpSocket) else None)
    net.run(lambda: taken(server) == b"hello")


def test_a_refused_connection(net: Net) -> None:
    program, asked, _, _ = opening(net, 81)
    net.serve()
    net.run(lambda: asked.is_finished)
    assert asked.told == [("opened", errno.ECONNREFUSED), ("finished", 0)]
    assert ready(program) & (select.POLLERR | select.POLLHUP | select.POLLIN) == 0x19


def test_a_program_that_gives_up_while_connecting(net: Net) -> None:
    net.lanes[1].host.interfaces["eth0"].remove_address(IPS[1], time.monotonic())
    program, asked, pump, _ = opening(net, 80)
    net.serve()
    program.close()
    net.run(lambda: asked.is_finished)
    assert pump.handle.state is State.CLOSED


def test_a_program_that_is_not_found_keeps_a_small_buffer(net: Net) -> None:
    listener = net.lanes[1].host.tcp_socket()
    listener.bind(IPS[1], 80)
    listener.listen(8)
    program, asked, _, _ = opening(net, 80)
    asked.hidden = True
    net.serve()
    net.run(lambda: ready(program) & select.POLLOUT)
    program.send(b"hello")
    server = net.run(lambda: got if isinstance(got := listener.accept(), TcpSocket) else None)
    net.run(lambda: taken(server) == b"hello")


def test_ended_from_outside(net: Net) -> None:
    program, server, asked, pump = connection(net)
    pump.abort(time.monotonic())
    pump.abort(time.monotonic())
    net.serve()
    assert asked.is_finished
    net.run(lambda: server.state is State.CLOSED)
    program, server, asked, pump = connection(net)
    program.shutdown(socket.SHUT_RDWR)
    net.run(lambda: server.state is State.CLOSE_WAIT)
    assert not asked.is_finished
    pump.close(time.monotonic())
    pump.close(time.monotonic())
    pump.woken(time.monotonic())
    assert asked.is_finished


def test_every_byte_over_a_bad_link() -> None:
    bad = Impairment(delay=0.002, loss=0.03, reorder=0.03, duplicate=0.01, corrupt=0.01, limit=10_000)
    net = Net(lambda device: Impair(device, bad))
    program, server, asked, _ = connection(net)
    data = os.urandom(600_000)
    program.setblocking(True)
    threading.Thread(target=lambda: (program.sendall(data), program.close())).start()
    got = bytearray()
    net.run(lambda: got.extend(taken(server)) or server.state is State.CLOSE_WAIT, 60)
    assert bytes(got + taken(server)) == data
    server.close(time.monotonic())
    net.run(lambda: asked.is_finished)
    net.close()
