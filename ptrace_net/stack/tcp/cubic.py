"""CUBIC (RFC 9438): the window is a cubic function of the time since the last reduction.

Windows are in segments inside the formulas, as in the RFC, and in bytes outside.
"""

from .congestion import NewReno

C = 0.4


class Cubic(NewReno):
    """Grows towards the window of the last loss, rests there, then probes beyond."""

    __slots__ = ("_epoch", "_estimate", "_k", "_w_max", "_w_start")
    name = "cubic"
    beta = 0.7

    def __init__(self, mss: int) -> None:
        super().__init__(mss)
        self._epoch: float | None = None
        self._w_max = 0.0
        self._w_start = 0.0
        self._k = 0.0
        self._estimate = 0.0

    def avoid(self, acked: int, now: float, srtt: float) -> None:
        segments = self.cwnd / self.mss
        if self._epoch is None:
            self._epoch = now
            self._begin_epoch(segments)
        target = C * (now - self._epoch + srtt - self._k) ** 3 + self._w_max
        target = min(max(target, segments), 1.5 * segments)
        grown = segments + (target - segments) / segments * (acked / self.mss)
        self.cwnd = int(max(grown, self._reno_estimate(acked, segments), segments) * self.mss)

    def _begin_epoch(self, segments: float) -> None:
        self._w_start = self._estimate = segments
        self._w_max = max(self._w_max, segments)
        self._k = ((self._w_max - segments) / C) ** (1 / 3)

    def _reno_estimate(self, acked: int, segments: float) -> float:
        """What NewReno would have by now (4.3): CUBIC is never slower than that."""
        alpha = 1.0 if self._estimate >= self._w_max else 3 * (1 - self.beta) / (1 + self.beta)
        self._estimate += alpha * (acked / self.mss) / segments
        return self._estimate

    def on_loss(self, flight: int, now: float) -> None:
        segments = self.cwnd / self.mss
        # fast convergence (4.7): a flow that lost below its last maximum makes room for new ones
        self._w_max = segments * (1 + self.beta) / 2 if segments < self._w_max else segments
        self._epoch = None
        super().on_loss(flight, now)


ALGORITHMS: dict[str, type[NewReno]] = {"reno": NewReno, "cubic": Cubic}
