"""The TCP state machine as a table: (state, event) -> next state and actions (RFC 9293, 3.3.2 and 3.10).

Every cell is there.  transition.py looks a cell up and performs its actions; what makes a segment an event
(acceptable sequence and acknowledgment, RFC 5961 checks) is arrival.py.  A listener is its own object, which
spawns connections in SYN_RECEIVED, so the LISTEN row is about the listener.  docs/stack.md draws its diagram
from here.
"""

from enum import Enum
from typing import NamedTuple


class State(Enum):
    """With the numbers of linux/tcp_states.h, as tcpi_state has them."""

    __hash__ = object.__hash__  # Enum's own is a Python function, and each cell is looked up by it

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECEIVED = 3
    FIN_WAIT_1 = 4
    FIN_WAIT_2 = 5
    TIME_WAIT = 6
    CLOSED = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11


class Event(Enum):
    """User calls, acceptable segments, timers."""

    __hash__ = object.__hash__

    LISTEN = "listen"
    CONNECT = "connect"
    SHUTDOWN = "shutdown"
    CLOSE = "close"
    ABORT = "abort"
    RCV_SYN = "SYN"
    RCV_SYN_ACK = "SYN,ACK"
    RCV_ACK = "ACK of SYN"
    RCV_FIN = "FIN"
    RCV_ACK_OF_FIN = "ACK of FIN"
    RCV_RST = "RST"
    GIVE_UP = "no answer"
    EXPIRE = "timeout"


class Action(Enum):
    """What a cell asks for; transition.py has one function for each."""

    __hash__ = object.__hash__

    SEND_SYN = "SYN"
    SEND_SYN_ACK = "SYN,ACK"
    SEND_ACK = "ACK"
    SEND_FIN = "FIN"  #: after what is still in the buffer
    SEND_RST = "RST"
    CHALLENGE = "challenge ACK"
    SPAWN = "new connection"
    REOPEN = "to the listener"
    CONNECTED = "connected"
    END_OF_STREAM = "end of stream"
    FAIL = "error"
    LINGER = "start timer"
    RELEASE = "release"
    REFUSE = "errno"  #: the user call is answered with ``Cell.errno``


class Cell(NamedTuple):
    next: State
    actions: tuple[Action, ...] = ()
    errno: str = ""


_S, _E, _A = State, Event, Action
Row = dict[Event, Cell]


def _to(state: State, *actions: Action) -> Cell:
    return Cell(state, actions)


def _no(state: State, errno: str) -> Cell:
    return Cell(state, (_A.REFUSE,), errno)


_ABORTED = _to(_S.CLOSED, _A.SEND_RST, _A.RELEASE)
_VANISHED = _to(_S.CLOSED, _A.RELEASE)
_FAILED = _to(_S.CLOSED, _A.FAIL, _A.RELEASE)
_HALF_OPEN = (_A.SEND_ACK, _A.END_OF_STREAM)


def _connected(state: State, **cells: Cell) -> Row:
    """What the states of a synchronized connection share, with ``cells`` on top."""
    stay = Cell(state)
    common = {
        _E.LISTEN: _no(state, "EINVAL"), _E.CONNECT: _no(state, "EISCONN"), _E.SHUTDOWN: stay, _E.CLOSE: stay,
        _E.ABORT: _ABORTED, _E.RCV_SYN: _to(state, _A.CHALLENGE), _E.RCV_SYN_ACK: _to(state, _A.CHALLENGE),
        _E.RCV_ACK: stay, _E.RCV_FIN: stay, _E.RCV_ACK_OF_FIN: stay, _E.RCV_RST: _FAILED,
        _E.GIVE_UP: _FAILED, _E.EXPIRE: stay,
    }
    return common | {Event[name]: cell for name, cell in cells.items()}


TABLE: dict[State, Row] = {
    _S.CLOSED: {
        _E.LISTEN: _to(_S.LISTEN),
        _E.CONNECT: _to(_S.SYN_SENT, _A.SEND_SYN),
        _E.SHUTDOWN: _no(_S.CLOSED, "ENOTCONN"),
        _E.CLOSE: _VANISHED,
        _E.ABORT: _VANISHED,
        **{event: _to(_S.CLOSED, _A.SEND_RST) for event in (_E.RCV_SYN, _E.RCV_SYN_ACK, _E.RCV_ACK)},
        **{event: _to(_S.CLOSED, _A.SEND_RST) for event in (_E.RCV_FIN, _E.RCV_ACK_OF_FIN)},
        **{event: Cell(_S.CLOSED) for event in (_E.RCV_RST, _E.GIVE_UP, _E.EXPIRE)},
    },
    _S.LISTEN: {
        _E.LISTEN: Cell(_S.LISTEN),
        _E.CONNECT: _no(_S.LISTEN, "EISCONN"),
        _E.SHUTDOWN: _VANISHED,
        _E.CLOSE: _VANISHED,
        _E.ABORT: _VANISHED,
        _E.RCV_SYN: _to(_S.LISTEN, _A.SPAWN),
        **{event: _to(_S.LISTEN, _A.SEND_RST) for event in (_E.RCV_SYN_ACK, _E.RCV_ACK)},
        **{event: _to(_S.LISTEN, _A.SEND_RST) for event in (_E.RCV_FIN, _E.RCV_ACK_OF_FIN)},
        **{event: Cell(_S.LISTEN) for event in (_E.RCV_RST, _E.GIVE_UP, _E.EXPIRE)},
    },
    _S.SYN_SENT: _connected(
        _S.SYN_SENT,
        CONNECT=_no(_S.SYN_SENT, "EALREADY"),
        SHUTDOWN=_VANISHED,
        CLOSE=_VANISHED,
        ABORT=_VANISHED,
        RCV_SYN=_to(_S.SYN_RECEIVED, _A.SEND_SYN_ACK),
        RCV_SYN_ACK=_to(_S.ESTABLISHED, _A.SEND_ACK, _A.CONNECTED),
    ),
    _S.SYN_RECEIVED: _connected(
        _S.SYN_RECEIVED,
        CONNECT=_no(_S.SYN_RECEIVED, "EALREADY"),
        SHUTDOWN=_to(_S.FIN_WAIT_1, _A.SEND_FIN),
        CLOSE=_to(_S.FIN_WAIT_1, _A.SEND_FIN),
        RCV_SYN_ACK=_to(_S.ESTABLISHED, _A.SEND_ACK, _A.CONNECTED),
        RCV_ACK=_to(_S.ESTABLISHED, _A.CONNECTED),
        RCV_FIN=_to(_S.CLOSE_WAIT, _A.CONNECTED, *_HALF_OPEN),
    ),
    _S.ESTABLISHED: _connected(
        _S.ESTABLISHED,
        SHUTDOWN=_to(_S.FIN_WAIT_1, _A.SEND_FIN),
        CLOSE=_to(_S.FIN_WAIT_1, _A.SEND_FIN),
        RCV_FIN=_to(_S.CLOSE_WAIT, *_HALF_OPEN),
    ),
    _S.FIN_WAIT_1: _connected(
        _S.FIN_WAIT_1,
        RCV_FIN=_to(_S.CLOSING, *_HALF_OPEN),
        RCV_ACK_OF_FIN=_to(_S.FIN_WAIT_2, _A.LINGER),
    ),
    _S.FIN_WAIT_2: _connected(
        _S.FIN_WAIT_2,
        CLOSE=_to(_S.FIN_WAIT_2, _A.LINGER),
        RCV_FIN=_to(_S.TIME_WAIT, *_HALF_OPEN, _A.LINGER),
        EXPIRE=_VANISHED,
    ),
    _S.CLOSE_WAIT: _connected(
        _S.CLOSE_WAIT,
        SHUTDOWN=_to(_S.LAST_ACK, _A.SEND_FIN),
        CLOSE=_to(_S.LAST_ACK, _A.SEND_FIN),
    ),
    _S.CLOSING: _connected(
        _S.CLOSING,
        RCV_ACK_OF_FIN=_to(_S.TIME_WAIT, _A.LINGER),
        RCV_RST=_VANISHED,
    ),
    _S.LAST_ACK: _connected(
        _S.LAST_ACK,
        RCV_ACK_OF_FIN=_VANISHED,
        RCV_RST=_VANISHED,
    ),
    _S.TIME_WAIT: _connected(
        _S.TIME_WAIT,
        ABORT=_VANISHED,
        RCV_SYN=_to(_S.CLOSED, _A.RELEASE, _A.REOPEN),
        RCV_FIN=_to(_S.TIME_WAIT, _A.SEND_ACK, _A.LINGER),
        RCV_RST=_VANISHED,
        GIVE_UP=_VANISHED,
        EXPIRE=_VANISHED,
    ),
}

#: states in which the user may still write, in which data may still come, and in which segments are resent
SENDING = frozenset({_S.SYN_SENT, _S.SYN_RECEIVED, _S.ESTABLISHED, _S.CLOSE_WAIT})
RECEIVING = frozenset({_S.SYN_RECEIVED, _S.ESTABLISHED, _S.FIN_WAIT_1, _S.FIN_WAIT_2})
TRANSMITTING = frozenset({_S.ESTABLISHED, _S.CLOSE_WAIT, _S.FIN_WAIT_1, _S.CLOSING, _S.LAST_ACK})
SYNCHRONIZED = frozenset(_S) - {_S.CLOSED, _S.LISTEN, _S.SYN_SENT}
