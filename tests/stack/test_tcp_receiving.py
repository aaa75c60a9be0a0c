"""Receiving TCP on the wire: order, windows, delayed ACKs, SACK and D-SACK, PAWS; one segment at a time."""


from stack_net import flags_of
from tcp_peer import peer_with

from ptrace_net.stack.addresses import parse_ip
from ptrace_net.stack.result import AGAIN
from ptrace_net.stack.tcp import options
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import ACK, FIN, PSH, RST, SYN
from ptrace_net.stack.tcp.socket import SHUT_RD
from ptrace_net.stack.tcp.states import State


def test_data_out_of_order_is_sacked_and_put_in_order() -> None:
    peer = peer_with()
    handle = peer.open(peer.syn_options(sack=True))
    (dup,) = peer.send(ACK, 6, 1, b"world")
    assert dup.ack - peer.their_isn != 0
    assert [(a - peer.isn, b - peer.isn) for a, b in dup.options.sack] == [(6, 11)]
    (dup,) = peer.send(ACK, 20, 1, b"later")
    assert [(a - peer.isn, b - peer.isn) for a, b in dup.options.sack] == [(20, 25), (6, 11)]
    assert handle.recv(100) == AGAIN
    (ack,) = peer.send(ACK, 1, 1, b"hello")
    assert ack.ack == peer.isn + 11
    assert handle.recv(100) == b"helloworld"
    assert handle.readable_bytes() == 0


def test_overlaps_and_duplicates_change_nothing() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK, 1, 1, b"hello")
    (again,) = peer.send(ACK, 1, 1, b"HELLO")
    assert again.ack == peer.isn + 6
    peer.send(ACK, 3, 1, b"LLO world")
    assert handle.recv(100, peek=True) == b"hello world"
    assert handle.recv(5) == b"hello"
    assert handle.recv(100) == b" world"


def test_a_fin_out_of_order_waits_for_its_data() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK | FIN, 6, 1, b"world")
    assert handle.state is State.ESTABLISHED
    (ack,) = peer.send(ACK, 1, 1, b"hello")
    assert ack.ack == peer.isn + 12
    assert (handle.recv(100), handle.recv(100)) == (b"helloworld", b"")
    assert handle.state is State.CLOSE_WAIT


def test_a_bare_fin_ahead_of_data_is_acknowledged_at_once() -> None:
    peer = peer_with()
    peer.open()
    assert flags_of(peer.send(ACK | FIN, 6, 1)) == "A"


def test_acknowledgments_are_delayed_after_the_start() -> None:
    peer = peer_with(TcpConfig(quick_acks=2))
    peer.open()
    assert flags_of(peer.send(ACK, 1, 1, b"a")) == "A"
    assert flags_of(peer.send(ACK, 2, 1, b"b")) == "A"
    assert peer.send(ACK, 3, 1, b"c") == []
    assert peer.send(ACK, 4, 1, b"d") == []
    assert flags_of(peer.poll(0.041)) == "A"
    assert flags_of(peer.send(ACK, 5, 1, bytes(2920))) == "A"


def test_the_window_closes_and_opens_again() -> None:
    peer = peer_with(TcpConfig(rcvbuf=4000, window_scaling=False))
    handle = peer.open()
    (ack,) = peer.send(ACK, 1, 1, bytes(4000))
    assert ack.window == 0
    (ack,) = peer.send(ACK, 4001, 1, b"beyond")
    assert (ack.ack - peer.isn, ack.window) == (4001, 0)
    assert len(handle.recv(10)) == 10
    assert peer.poll() == []
    assert len(handle.recv(4000)) == 3990
    (update,) = peer.poll()
    assert update.window == 4000


def test_what_reaches_beyond_the_window_is_cut() -> None:
    peer = peer_with(TcpConfig(rcvbuf=1000, window_scaling=False))
    handle = peer.open()
    peer.send(ACK, 1, 1, bytes(600) + b"x" * 900)
    assert len(handle.recv(5000)) == 1000
    peer.send(ACK, 2400, 1, bytes(5))
    assert handle.recv(10) == AGAIN


def test_paws_drops_what_is_older_than_the_last_timestamp() -> None:
    peer = peer_with(ts=5000)
    peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0, opts=peer.syn_options())
    peer.their_isn = syn_ack.seq
    peer.send(ACK, 1, 1, opts=options.pack_timestamps(5001, syn_ack.options.ts_val))
    (tcb,) = peer.host.tcp.connections.values()
    assert flags_of(peer.send(ACK, 1, 1, b"old", opts=options.pack_timestamps(4000, 0))) == "A"
    assert tcb.rcv.nxt == peer.isn + 1
    peer.send(RST, 1, 0, opts=options.pack_timestamps(4000, 0))
    assert tcb.state is State.CLOSED


def test_shutdown_for_reading_discards() -> None:
    peer = peer_with()
    handle = peer.open()
    assert handle.shutdown(SHUT_RD, peer.now) is None
    assert handle.recv(10) == b""
    peer.send(ACK, 6, 1, b"world")
    (ack,) = peer.send(ACK, 1, 1, b"hello")
    assert ack.ack == peer.isn + 11
    assert handle.recv(10) == b""


def test_a_segment_without_ack_is_dropped() -> None:
    peer = peer_with()
    handle = peer.open()
    assert peer.send(PSH, 1, 0, b"data") == []
    assert handle.recv(10) == AGAIN


def test_segments_to_a_broadcast_address_are_ignored() -> None:
    peer = peer_with()
    peer.listen()
    peer.dst = parse_ip("10.0.0.255")
    assert peer.send(SYN, 0, 0) == []


def test_buffer_sizes_change_while_connected() -> None:
    handle = peer_with().open()
    handle.set_rcvbuf(5000)
    handle.set_sndbuf(6000)
    assert (handle.tcb.rcv.buffer.limit, handle.tcb.snd.buffer.limit) == (5000, 6000)


def test_data_exactly_beyond_the_window_is_acknowledged_and_dropped() -> None:
    peer = peer_with(TcpConfig(rcvbuf=1000, window_scaling=False))
    handle = peer.open()
    assert flags_of(peer.send(ACK, 1001, 1, b"beyond")) == "A"
    assert handle.recv(10) == AGAIN


def test_after_the_peers_fin_old_data_is_acknowledged_and_new_dropped() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK | FIN, 1, 1, b"last")
    assert peer.send(ACK, 6, 1, b"more") == []
    assert flags_of(peer.send(ACK, 1, 1, b"last")) == "A"
    assert flags_of(peer.send(ACK, 1, 1, b"last and more")) == "A"
    assert (handle.recv(10), handle.recv(10)) == (b"last", b"")


def test_what_arrives_again_is_reported() -> None:
    peer = peer_with()
    peer.open(peer.syn_options(sack=True))
    peer.send(ACK, 1, 1, b"hello")
    (again,) = peer.send(ACK, 1, 1, b"hello")
    assert [(a - peer.isn, b - peer.isn) for a, b in again.options.sack] == [(1, 6)]
    (partly,) = peer.send(ACK, 3, 1, b"llo world")
    assert [(a - peer.isn, b - peer.isn) for a, b in partly.options.sack] == [(3, 6)]
    (ahead,) = peer.send(ACK, 20, 1, b"later")
    assert [(a - peer.isn, b - peer.isn) for a, b in ahead.options.sack] == [(20, 25)]
