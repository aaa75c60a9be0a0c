"""The calls on TCP handles, and what they tell."""

import errno

import pytest
from stack_net import IP4, Lab, flags_of, make_host, pump
from tcp_peer import peer_with

from ptrace_net.stack.addresses import ANY4, ANY6, parse_ip
from ptrace_net.stack.frame import FULL_OFFLOAD
from ptrace_net.stack.result import AGAIN, BROKEN_PIPE, IN_PROGRESS, IN_USE, INVALID, NOT_CONNECTED, Fail
from ptrace_net.stack.tcp import wakeups
from ptrace_net.stack.tcp.segment import ACK, RST, SYN
from ptrace_net.stack.tcp.socket import SHUT_RD, SHUT_RDWR, TcpSocket
from ptrace_net.stack.tcp.states import State


def test_calls_on_handles() -> None:
    host = make_host(0)
    handle = host.tcp_socket()
    assert handle.recv(1) == NOT_CONNECTED
    assert handle.send(b"x") == BROKEN_PIPE
    assert handle.accept() == INVALID
    assert handle.shutdown(SHUT_RDWR, 1.0) == NOT_CONNECTED
    assert handle.events() == wakeups.POLLOUT | wakeups.POLLHUP
    assert handle.local() is handle.remote() is handle.info(1.0) is handle.take_error() is None
    assert (handle.readable_bytes(), handle.unsent_bytes()) == (0, 0)
    assert handle.bind(parse_ip("9.9.9.9"), 1) == Fail(errno.EADDRNOTAVAIL)
    assert handle.listen(-5) is None
    assert handle.listen(10**9) is None
    assert handle.local()[0] == ANY4
    assert handle.listener.backlog == 4096
    assert handle.connect(IP4[1], 1, 1.0) == Fail(errno.EISCONN)
    assert handle.bind(IP4[0], 5) == INVALID
    assert handle.events() == 0
    assert handle.shutdown(SHUT_RD, 1.0) is None
    assert (handle.state, handle.local()) == (State.CLOSED, None)
    handle.close(1.0)
    named = host.tcp_socket()
    assert named.bind(IP4[0], 80) is None
    assert named.listen(1) is None
    named.shutdown(SHUT_RD, 1.0)
    assert named.local() == (IP4[0], 80)
    assert named.listen(1) is None


def test_calls_while_connecting_and_connected() -> None:
    peer = peer_with()
    handle = peer.connecting()
    assert handle.send(b"x") == AGAIN
    assert handle.recv(1) == AGAIN
    assert handle.events() == 0
    assert handle.remote() is None
    assert handle.connect(IP4[1], 1, 1.0) == Fail(errno.EALREADY)
    assert handle.listen(1) == INVALID
    peer.send(SYN | ACK, 0, 1)
    assert handle.connect(IP4[1], 1, 1.0) == Fail(errno.EISCONN)
    assert handle.remote() == (IP4[1], peer.peer_port)
    assert handle.local() == (IP4[0], peer.local_port)
    assert handle.events() == wakeups.POLLOUT
    handle.shutdown(SHUT_RDWR, peer.now)
    peer.poll()
    assert handle.events() & (wakeups.POLLHUP | wakeups.POLLIN | wakeups.POLLRDHUP)


def test_a_handle_may_be_used_again_after_a_failure() -> None:
    peer = peer_with()
    handle = peer.connecting()
    peer.send(RST | ACK, 0, 1)
    assert handle.connect(peer.src, peer.peer_port, peer.now) == IN_PROGRESS
    (syn,) = peer.poll()
    peer.their_isn = syn.seq
    peer.send(RST | ACK, 0, 1)
    assert handle.listen(1) is None


def test_bind_and_listen_conflicts() -> None:
    host = make_host(0)
    one, two = host.tcp_socket(), host.tcp_socket()
    one.reuseaddr = two.reuseaddr = True
    assert one.bind(ANY4, 80) is None
    assert two.bind(IP4[0], 80) is None
    assert one.listen(1) is None
    assert two.listen(1) == IN_USE
    three = host.tcp_socket()
    assert three.bind(IP4[0], 80) == IN_USE
    one.close(0.0)
    assert two.listen(1) is None


def test_the_same_four_tuple_twice_and_no_port_left() -> None:
    lab = Lab.pair()
    client, _server = lab.connect()
    twin = lab.hosts[0].tcp_socket()
    twin.reuseaddr = True
    client.binding.reuseaddr = True
    assert twin.bind(*client.local()) is None
    assert twin.connect(IP4[1], 80, lab.now) == Fail(errno.EADDRNOTAVAIL)
    lab.hosts[0].ports.low = lab.hosts[0].ports.high = client.local()[1]
    assert lab.hosts[0].tcp_socket().connect(IP4[1], 80, lab.now) == Fail(errno.EADDRNOTAVAIL)
    assert lab.hosts[0].tcp_socket().bind(ANY4, 0) == IN_USE
    assert lab.hosts[0].tcp_socket().listen(1) == IN_USE
    assert lab.hosts[0].tcp_socket().connect(parse_ip("8.8.8.8"), 80, lab.now) == Fail(errno.ENETUNREACH)


def test_listeners_are_chosen_by_address_device_and_family() -> None:
    lab = Lab.pair()
    host = lab.hosts[1]
    dual = host.tcp_socket(6)
    dual.dual = True
    assert dual.bind(ANY6, 80) is None
    assert dual.listen(5) is None
    elsewhere = host.tcp_socket(4)
    elsewhere.interface, elsewhere.reuseport = "lo", True
    dual.binding.reuseport = True
    assert elsewhere.bind(ANY4, 80) is None
    assert elsewhere.listen(5) is None
    client = lab.hosts[0].tcp_socket()
    client.connect(IP4[1], 80, lab.now)
    lab.settle()
    assert isinstance(dual.accept(), TcpSocket)
    assert elsewhere.accept() == AGAIN
    dual.dual = dual.listener.dual = False
    refused = lab.hosts[0].tcp_socket()
    refused.connect(IP4[1], 80, lab.now)
    lab.settle()
    assert refused.take_error() == Fail(errno.ECONNREFUSED)


def test_abort_and_linger_zero_reset() -> None:
    for action in ("abort", "linger"):
        peer = peer_with()
        handle = peer.open()
        if action == "abort":
            handle.abort(peer.now)
        else:
            handle.linger = 0
            handle.close(peer.now)
        assert flags_of(peer.poll()) == "RA"


def test_a_socket_can_connect_to_itself_by_loopback() -> None:
    lab = Lab.pair()
    handle = lab.hosts[0].tcp_socket()
    assert handle.bind(parse_ip("127.0.0.1"), 5000) is None
    handle.connect(parse_ip("127.0.0.1"), 5000, lab.now)
    lab.settle()
    assert handle.state is State.ESTABLISHED
    handle.send(b"to myself")
    lab.settle()
    assert handle.recv(100) == b"to myself"


@pytest.mark.parametrize("version", [4, 6])
def test_offload_crosses_in_one_piece(version: int) -> None:
    lab = Lab.pair(offload=FULL_OFFLOAD)
    client, server = lab.connect(version)
    data = bytes(range(256)) * 4096
    assert pump(lab, client, server, data) == data
    largest = max(len(frame.data) for _number, frame in lab.log)
    assert largest > 60_000
    assert all(frame.partial for _number, frame in lab.log if len(frame.data) > 200)


def test_tcp_info_is_that_of_the_connection() -> None:
    lab = Lab.pair()
    client, server = lab.connect()
    data = bytes(200_000)
    assert pump(lab, client, server, data) == data
    info = client.info(lab.now)
    assert info.tcpi_state == State.FIN_WAIT_2.value
    assert info.tcpi_bytes_acked >= len(data)
    assert info.tcpi_options == 7
    assert info.tcpi_bytes_sent == len(data)
    assert info.tcpi_snd_mss == 1448
    theirs = server.info(lab.now)
    assert theirs.tcpi_bytes_received == len(data)
    assert theirs.tcpi_segs_in >= theirs.tcpi_data_segs_in > 100
    fresh = peer_with().connecting()
    assert fresh.info(100.0).tcpi_options == 0
    assert fresh.info(100.0).tcpi_min_rtt == 0xFFFFFFFF


def test_max_seg_and_reno_are_the_users_choice() -> None:
    peer = peer_with()
    listener = peer.listen()
    listener.opts.max_seg = 600
    listener.opts.congestion = "reno"
    (syn_ack,) = peer.send(SYN, 0, 0, opts=peer.syn_options())
    peer.their_isn = syn_ack.seq
    peer.send(ACK, 1, 1)
    handle = listener.accept()
    handle.send(bytes(1800))
    assert [len(r.payload) for r in peer.poll()] == [600, 600, 600]
    assert handle.tcb.congestion.name == "reno"
