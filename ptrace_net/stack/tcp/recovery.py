"""Loss recovery: which bytes are lost, which were sent again, how much is in flight.

One picture serves fast retransmit with SACK (RFC 6675), without it (NewReno, RFC 6582), and the timeout:
what is not SACKed below ``lost_edge`` is lost, and of that, what lies below ``rexmit_edge`` was sent again.
A retransmission is itself lost when data that was sent after it has been SACKed; it goes to ``again``.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from .sack import DUP_THRESHOLD, Scoreboard


class Phase(Enum):
    """With the numbers of TCP_CA_Open, TCP_CA_Recovery and TCP_CA_Loss, as tcpi_ca_state has them."""

    OPEN = 0
    RECOVERY = 3
    LOSS = 4


class Retransmission(NamedTuple):
    start: int
    end: int
    nxt: int  #: the highest position sent at that time


@dataclass(slots=True)
class Recovery:
    """``sack`` says whether the peer reports ranges; positions are stream positions."""

    mss: int
    sack: bool = False
    board: Scoreboard = field(default_factory=Scoreboard)
    phase: Phase = Phase.OPEN
    point: int = 0
    lost_edge: int = 0
    rexmit_edge: int = 0
    dupacks: int = 0
    probe_end: int = 0  #: where the last tail loss probe ended; what it overtook by two round trips is lost
    again: deque[tuple[int, int]] = field(default_factory=deque)
    _sent: deque[Retransmission] = field(default_factory=deque)

    def on_ack(self, una: int, nxt: int, advanced: bool, duplicate: bool) -> bool:
        """An acceptable ACK after its SACK blocks were added; True where a loss episode begins."""
        if advanced:
            self._advance(una)
        elif duplicate:
            self.dupacks += 1
        self._find_losses(una, nxt, advanced)
        if self.phase is Phase.OPEN and self.lost_edge > una:
            self.phase, self.point, self.rexmit_edge = Phase.RECOVERY, nxt, una
            return True
        return False

    def _advance(self, una: int) -> None:
        self.board.advance(una)
        self.dupacks = 0
        if self.phase is not Phase.OPEN and una >= self.point:
            self.phase = Phase.OPEN
            self.lost_edge = 0
            self.again.clear()
            self._sent.clear()

    def _find_losses(self, una: int, nxt: int, advanced: bool) -> None:
        if self.sack:
            self.lost_edge = max(self.lost_edge, self.board.lost_edge(self.mss))
            if una < self.probe_end <= self.board.highest:
                self.lost_edge = max(self.lost_edge, self.board.ranges[-1][0])
            self._find_lost_retransmissions(una)
        elif advanced and self.phase is Phase.RECOVERY:
            # a partial acknowledgment: the next segment is lost as well (RFC 6582, 3.2)
            self.lost_edge, self.rexmit_edge = min(una + self.mss, nxt), una
        if self.dupacks >= DUP_THRESHOLD and self.phase is Phase.OPEN:
            self.lost_edge = max(self.lost_edge, min(una + self.mss, nxt))

    def _find_lost_retransmissions(self, una: int) -> None:
        proof = self.board.highest - DUP_THRESHOLD * self.mss
        while self._sent and self._sent[0].nxt <= proof:
            start, end, _nxt = self._sent.popleft()
            hole = self.board.hole(max(start, una), end)
            if hole:
                self.again.append(hole)

    def on_timeout(self, una: int, nxt: int) -> None:
        """Everything outstanding counts as lost."""
        self.phase, self.point, self.dupacks = Phase.LOSS, nxt, 0
        self.lost_edge, self.rexmit_edge = nxt, una
        self.again.clear()
        self._sent.clear()

    def next_lost(self, una: int, limit: int) -> tuple[int, int] | None:
        """What to send again next, at most ``limit`` bytes of it."""
        while self.again:
            hole = self.board.hole(max(self.again[0][0], una), self.again[0][1])
            if hole:
                return hole[0], min(hole[1], hole[0] + limit)
            self.again.popleft()
        hole = self.board.hole(max(una, self.rexmit_edge), self.lost_edge)
        return hole and (hole[0], min(hole[1], hole[0] + limit))

    def resent(self, start: int, end: int, nxt: int) -> None:
        """``next_lost`` was sent up to ``end``."""
        if self.again:
            _old, stop = self.again.popleft()
            if end < stop:
                self.again.appendleft((end, stop))
        else:
            self.rexmit_edge = end
        self._sent.append(Retransmission(start, end, nxt))

    def pipe(self, una: int, nxt: int) -> int:
        """Bytes that are believed to be in the network (RFC 6675, SetPipe)."""
        flight = nxt - una
        if self.sack:
            flight -= self.board.sacked
        elif self.dupacks:
            flight -= min(self.dupacks * self.mss, flight)
        if self.lost_edge > una:
            start = max(una, self.rexmit_edge)
            if start < self.lost_edge:
                flight -= self.lost_edge - start - self.board.covered(start, self.lost_edge)
            flight -= sum(end - start for start, end in self.again)
        return max(0, flight)
