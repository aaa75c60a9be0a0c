"""Every cell of the TCP state table, against a table written down independently from RFC 9293.

Each connection is brought into its state by segments and calls; then the cell is run.
"""

import errno
import runpy
import warnings
from pathlib import Path

import pytest
from stack_net import Peer, flags_of, make_host

from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp import diagram, states, transition
from ptrace_net.stack.tcp.segment import ACK, FIN, RST, SYN
from ptrace_net.stack.tcp.socket import SHUT_WR, TcpSocket
from ptrace_net.stack.tcp.states import TABLE, Action, Event, State
from ptrace_net.stack.tcp.tcb import Tcb

#: the next state of every cell: one line for each state, one column for each event in the order of ``Event``;
#: "." stays, "!" is an errno to the caller
SHORT = {
    "CL": State.CLOSED,
    "LI": State.LISTEN,
    "SS": State.SYN_SENT,
    "SR": State.SYN_RECEIVED,
    "ES": State.ESTABLISHED,
    "F1": State.FIN_WAIT_1,
    "F2": State.FIN_WAIT_2,
    "TW": State.TIME_WAIT,
    "CW": State.CLOSE_WAIT,
    "LA": State.LAST_ACK,
    "CG": State.CLOSING,
}
EXPECTED = """
CL  LI SS !  .  .  .  .  .  .  .  .  .  .
LI  .  !  CL CL CL .  .  .  .  .  .  .  .
SS  !  !  CL CL CL SR ES .  .  .  CL CL .
SR  !  !  F1 F1 CL .  ES ES CW .  CL CL .
ES  !  !  F1 F1 CL .  .  .  CW .  CL CL .
F1  !  !  .  .  CL .  .  .  CG F2 CL CL .
F2  !  !  .  .  CL .  .  .  TW .  CL CL CL
CW  !  !  LA LA CL .  .  .  .  .  CL CL .
CG  !  !  .  .  CL .  .  .  .  TW CL CL .
LA  !  !  .  .  CL .  .  .  .  CL CL CL .
TW  !  !  .  .  CL CL .  .  .  .  CL CL CL
"""
CELLS = [
    (SHORT[words[0]], event, cell)
    for words in (line.split() for line in EXPECTED.strip().splitlines())
    for event, cell in zip(Event, words[1:], strict=True)
]
#: what a segment of that kind is answered with, where it is answered at once
ANSWERS = {
    (State.SYN_SENT, Event.RCV_SYN): "SA", (State.SYN_SENT, Event.RCV_SYN_ACK): "A",
    (State.ESTABLISHED, Event.RCV_FIN): "A", (State.FIN_WAIT_1, Event.RCV_FIN): "A",
    (State.FIN_WAIT_2, Event.RCV_FIN): "A", (State.TIME_WAIT, Event.RCV_FIN): "A",
}  # fmt: skip


def in_state(state: State) -> tuple[Peer, TcpSocket, Tcb]:
    """A connection that reached ``state`` by segments and calls."""
    peer = Peer(make_host(0))
    if state is State.SYN_SENT:
        handle = peer.connecting()
        return peer, handle, handle.tcb
    if state is State.SYN_RECEIVED:
        handle = peer.connecting()
        peer.send(SYN, 0, 0)
        return peer, handle, handle.tcb
    handle = peer.open()
    tcb = handle.tcb
    if state in (State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING, State.TIME_WAIT):
        handle.shutdown(SHUT_WR, peer.now)
        assert flags_of(peer.poll()) == "FA"
    if state in (State.FIN_WAIT_2, State.TIME_WAIT):
        peer.send(ACK, 1, 2)
    if state in (State.CLOSE_WAIT, State.LAST_ACK, State.CLOSING):
        peer.send(ACK | FIN, 1, 1)
    if state is State.TIME_WAIT:
        peer.send(ACK | FIN, 1, 2)
    if state is State.LAST_ACK:
        handle.shutdown(SHUT_WR, peer.now)
        assert flags_of(peer.poll()) == "FA"
    if state is State.CLOSED:
        peer.send(RST, 1, 0)
    assert tcb.state is state
    peer.sent.clear()
    return peer, handle, tcb


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(State)
    assert all(set(row) == set(Event) for row in TABLE.values())
    assert len(CELLS) == len(State) * len(Event)


@pytest.mark.parametrize(("state", "event", "expected"), CELLS)
def test_every_cell(state: State, event: Event, expected: str) -> None:
    cell = TABLE[state][event]
    assert cell.next is SHORT.get(expected, state)
    assert (Action.REFUSE in cell.actions) == (expected == "!") == bool(cell.errno)
    if state is State.LISTEN:
        return
    peer, _handle, tcb = in_state(state)
    if state is State.CLOSED and event in (Event.LISTEN, Event.CONNECT):
        return  # a handle's business: test_calls_on_handles
    transition.step(tcb, event, peer.now, errno.ETIMEDOUT)
    assert tcb.state is cell.next
    released = peer.host.tcp.key(tcb.ends) not in peer.host.tcp.connections
    assert released is (tcb.state is State.CLOSED)
    if Action.FAIL in cell.actions:
        assert tcb.error == errno.ETIMEDOUT
    peer.poll()


CONNECTED = [s for s in State if s not in (State.CLOSED, State.LISTEN, State.SYN_SENT, State.SYN_RECEIVED)]


@pytest.mark.parametrize("state", CONNECTED)
def test_a_reset_on_the_wire(state: State) -> None:
    peer, handle, tcb = in_state(state)
    assert peer.send(RST, tcb.rcv.nxt - peer.isn, 0) == []
    assert tcb.state is State.CLOSED
    expected = {State.CLOSE_WAIT: errno.EPIPE, State.LAST_ACK: 0, State.CLOSING: 0, State.TIME_WAIT: 0}
    assert tcb.error == expected.get(state, errno.ECONNRESET)
    failed = handle.take_error()
    assert failed == (Fail(tcb.error or failed.errno) if failed else None)
    assert handle.take_error() is None


@pytest.mark.parametrize("state", CONNECTED)
@pytest.mark.parametrize(("flags", "offset"), [(RST, 100), (SYN, 0), (SYN | ACK, 5)])
def test_blind_attacks_are_challenged(state: State, flags: int, offset: int) -> None:
    """RFC 5961: a reset or SYN inside the window that is not exact changes nothing."""
    peer, _handle, tcb = in_state(state)
    if state is State.TIME_WAIT and flags == SYN:
        peer.isn -= 50  # an old one
    replies = peer.send(flags, tcb.rcv.nxt - peer.isn + offset if state is not State.TIME_WAIT else offset, 1)
    assert flags_of(replies) == "A"
    assert tcb.state is state


FINISHING = [State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING, State.LAST_ACK, State.TIME_WAIT]
WIRE_EVENTS = [Event.RCV_SYN, Event.RCV_SYN_ACK, Event.RCV_ACK, Event.RCV_FIN, Event.RCV_ACK_OF_FIN]
ON_THE_WIRE = [
    (state, event)
    for state in (State.SYN_SENT, State.SYN_RECEIVED, *CONNECTED)
    for event in WIRE_EVENTS
    if event is not Event.RCV_ACK_OF_FIN or state in FINISHING  # there is a FIN to acknowledge
]


@pytest.mark.parametrize(("state", "event"), ON_THE_WIRE)
def test_segments_on_the_wire(state: State, event: Event) -> None:
    """The event made by a real segment leads where the table says."""
    peer, _handle, tcb = in_state(state)
    seq = tcb.rcv.nxt - peer.isn if tcb.rcv.nxt else 0
    ack = tcb.snd.nxt - tcb.snd.iss
    if event is Event.RCV_ACK and tcb.snd.fin_at is not None and tcb.snd.una <= tcb.snd.fin_at:
        ack -= 1  # of what came before our FIN
    if event is Event.RCV_FIN:
        ack = tcb.snd.una - tcb.snd.iss + (state is State.SYN_RECEIVED)
        if tcb.rcv.fin_at is not None:
            seq -= 1  # their FIN again
    flags = {
        Event.RCV_SYN: SYN, Event.RCV_SYN_ACK: SYN | ACK, Event.RCV_ACK: ACK, Event.RCV_FIN: FIN | ACK,
        Event.RCV_ACK_OF_FIN: ACK,
    }[event]  # fmt: skip
    if event in (Event.RCV_SYN, Event.RCV_SYN_ACK):
        seq = -1 if state is State.TIME_WAIT else 0 if state in (State.SYN_SENT, State.SYN_RECEIVED) else seq
    replies = peer.send(flags, seq, ack)
    expected = TABLE[state][event].next
    if (state, event) == (State.TIME_WAIT, Event.RCV_SYN):
        expected = State.TIME_WAIT  # this SYN was an old one
    if (state, event) == (State.SYN_SENT, Event.RCV_FIN):
        expected = State.SYN_SENT
    assert tcb.state is expected
    if (state, event) in ANSWERS:
        assert flags_of(replies) == ANSWERS[state, event]


def test_a_new_connection_may_follow_time_wait() -> None:
    peer, _handle, tcb = in_state(State.TIME_WAIT)
    listener = peer.listen()
    (reply,) = peer.send(SYN, 500_000, 0)
    assert flags_of([reply]) == "SA"
    assert tcb.state is State.CLOSED
    assert listener.listener.handshakes


def test_a_reset_may_not_hit_time_waits_successor() -> None:
    peer, _handle, tcb = in_state(State.TIME_WAIT)
    assert flags_of(peer.send(SYN, 500_000, 0)) == "RA"
    assert tcb.state is State.CLOSED


def test_simultaneous_open() -> None:
    peer, handle, tcb = in_state(State.SYN_SENT)
    assert flags_of(peer.send(SYN, 0, 0)) == "SA"
    assert tcb.state is State.SYN_RECEIVED
    assert flags_of(peer.send(SYN | ACK, 0, 1)) == "A"
    assert tcb.state is State.ESTABLISHED
    assert handle.send(b"data") == 4


def test_simultaneous_close() -> None:
    peer, handle, tcb = in_state(State.FIN_WAIT_1)
    assert flags_of(peer.send(FIN | ACK, 1, 1)) == "A"
    assert tcb.state is State.CLOSING
    peer.send(ACK, 2, 2)
    assert tcb.state is State.TIME_WAIT
    handle.close(peer.now)
    peer.poll(59.0)
    assert tcb.state is State.TIME_WAIT
    peer.poll(1.1)
    assert tcb.state is State.CLOSED


def test_fin_and_its_acknowledgment_in_one_segment() -> None:
    peer, _handle, tcb = in_state(State.FIN_WAIT_1)
    assert flags_of(peer.send(FIN | ACK, 1, 2)) == "A"
    assert tcb.state is State.TIME_WAIT


def test_time_wait_starts_again_with_every_fin() -> None:
    peer, _handle, tcb = in_state(State.TIME_WAIT)
    peer.poll(50.0)
    assert flags_of(peer.send(FIN | ACK, 1, 2)) == "A"
    peer.poll(50.0)
    assert tcb.state is State.TIME_WAIT
    peer.poll(11.0)
    assert tcb.state is State.CLOSED


def test_fin_wait_2_of_a_closed_socket_ends_by_time() -> None:
    peer, handle, tcb = in_state(State.FIN_WAIT_2)
    peer.poll(1000.0)
    assert tcb.state is State.FIN_WAIT_2
    handle.close(peer.now)
    peer.poll(59.0)
    assert tcb.state is State.FIN_WAIT_2
    peer.poll(2.0)
    assert tcb.state is State.CLOSED


def test_data_for_a_closed_socket_is_reset() -> None:
    peer, handle, tcb = in_state(State.ESTABLISHED)
    handle.close(peer.now)
    assert flags_of(peer.poll()) == "FA"
    assert flags_of(peer.send(ACK, 1, 2, b"too late")) == "R"
    assert tcb.state is State.CLOSED


def test_closing_with_unread_data_resets() -> None:
    peer, handle, tcb = in_state(State.ESTABLISHED)
    peer.send(ACK, 1, 1, b"unread")
    handle.close(peer.now)
    assert "R" in flags_of(peer.poll())
    assert tcb.state is State.CLOSED


def test_no_listener_no_connection_is_a_reset() -> None:
    peer = Peer(make_host(0))
    (reply,) = peer.send(SYN, 0, 0, b"")
    assert (flags_of([reply]), reply.seq, reply.ack) == ("RA", 0, peer.isn + 1)
    (reply,) = peer.send(ACK, 7, 9)
    assert (flags_of([reply]), reply.seq) == ("R", 9)
    assert peer.send(RST, 7, 0) == []


def test_the_listener_answers_what_is_no_syn() -> None:
    peer = Peer(make_host(0))
    peer.listen()
    assert flags_of(peer.send(ACK, 5, 5)) == "R"
    assert flags_of(peer.send(SYN | ACK, 5, 5)) == "R"
    assert flags_of(peer.send(FIN, 5, 0)) == "RA"
    assert peer.send(RST, 5, 0) == []


def test_the_sets_of_states() -> None:
    assert set(State) > states.SENDING
    assert State.SYN_SENT not in states.SYNCHRONIZED
    assert State.TIME_WAIT in states.SYNCHRONIZED


def test_the_documentation_has_the_diagram_and_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[2] / "docs" / "stack.md"
    text = page.read_text()
    assert diagram.mermaid() in text
    assert diagram.markdown() in text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it is imported already
        runpy.run_module("ptrace_net.stack.tcp.diagram", run_name="__main__")
    assert capsys.readouterr().out == f"{diagram.mermaid()}\n\n{diagram.markdown()}\n"
