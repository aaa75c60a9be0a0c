"""Congestion control: the interface, and NewReno (RFC 5681, RFC 6582, RFC 3465).  cubic.py has CUBIC.

All in bytes.  Which segments are lost is recovery.py's business; here a loss event, a timeout and
acknowledged bytes move ``cwnd`` and ``ssthresh``.
"""


INITIAL_WINDOW = 10
INFINITE_SSTHRESH = 0x7FFFFFFF
MIN_WINDOW = 2


class NewReno:
    """Slow start and additive increase, multiplicative decrease by half."""

    __slots__ = ("_credit", "cwnd", "mss", "ssthresh")
    name = "reno"
    beta = 0.5

    def __init__(self, mss: int) -> None:
        self.mss = mss
        self.cwnd = INITIAL_WINDOW * mss
        self.ssthresh = INFINITE_SSTHRESH
        self._credit = 0

    @property
    def in_slow_start(self) -> bool:
        return self.cwnd < self.ssthresh

    def on_ack(self, acked: int, now: float, srtt: float) -> None:
        """``acked`` new bytes while the window was in use."""
        if self.in_slow_start:
            grown = min(self.cwnd + acked, max(self.ssthresh, self.cwnd))
            acked -= grown - self.cwnd
            self.cwnd = grown
        if acked:
            self.avoid(acked, now, srtt)

    def avoid(self, acked: int, now: float, srtt: float) -> None:
        """Congestion avoidance: one segment per window's worth of acknowledged bytes."""
        self._credit += acked
        if self._credit >= self.cwnd:
            self._credit -= self.cwnd
            self.cwnd += self.mss

    def on_loss(self, flight: int, now: float) -> None:
        """Fast retransmit begins."""
        self.ssthresh = max(int(min(flight, self.cwnd) * self.beta), MIN_WINDOW * self.mss)
        self.cwnd = self.ssthresh
        self._credit = 0

    def on_timeout(self, flight: int, now: float) -> None:
        """The retransmission timer ran out: one segment, and slow start to half of what was in flight."""
        self.on_loss(flight, now)
        self.cwnd = self.mss

    def on_idle(self) -> None:
        """Nothing was sent for longer than a timeout: restart from the initial window (RFC 5681, 4.1)."""
        self.cwnd = min(self.cwnd, INITIAL_WINDOW * self.mss)

    def set_mss(self, mss: int) -> None:
        """The path MTU changed: keep the number of segments."""
        self.cwnd = max(self.cwnd * mss // self.mss, MIN_WINDOW * mss)
        self.mss = mss


