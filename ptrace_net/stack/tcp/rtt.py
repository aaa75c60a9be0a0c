"""The retransmission timeout (RFC 6298), with the limits of Linux: 200 ms to 120 s.

Samples are seconds, from segments that were sent once (Karn) or from echoed timestamps.
"""

from dataclasses import dataclass

INITIAL_RTO = 1.0
MIN_RTO = 0.2
MAX_RTO = 120.0
_GRANULARITY = 0.001


@dataclass(slots=True)
class RttEstimator:
    min_rto: float = MIN_RTO
    srtt: float | None = None
    rttvar: float = 0.0
    rto: float = INITIAL_RTO
    latest: float = 0.0
    minimum: float = float("inf")
    backoff: int = 0

    def sample(self, rtt: float) -> None:
        """A measured round trip; ends the backoff."""
        self.latest = rtt = max(rtt, 0.0)
        self.minimum = min(self.minimum, rtt)
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) / 4
            self.srtt += (rtt - self.srtt) / 8
        self.backoff = 0
        self.rto = min(self.srtt + max(self.min_rto, _GRANULARITY, 4 * self.rttvar), MAX_RTO)

    def back_off(self) -> None:
        """The timer ran out: twice as long next time."""
        self.backoff += 1

    def progress(self) -> None:
        """New data was acknowledged, if only by a retransmission: back to the estimate."""
        self.backoff = 0

    @property
    def timeout(self) -> float:
        """Seconds from now to the next retransmission."""
        return min(self.rto * 2.0 ** min(self.backoff, 16), MAX_RTO)
