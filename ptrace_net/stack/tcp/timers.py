"""A connection's timers: one point in time for each, infinity where it is off."""

from enum import IntEnum

OFF = float("inf")


class Timer(IntEnum):
    RETRANSMIT = 0
    DELAYED_ACK = 1
    PERSIST = 2
    KEEPALIVE = 3
    CORK = 4
    PROBE = 5
    LINGER = 6  #: 2MSL in TIME_WAIT, tcp_fin_timeout in FIN_WAIT_2


class Timers:
    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = [OFF] * len(Timer)

    def set(self, timer: Timer, when: float) -> None:
        self.at[timer] = when

    def stop(self, timer: Timer) -> None:
        self.at[timer] = OFF

    def running(self, timer: Timer) -> bool:
        return self.at[timer] != OFF

    def clear(self) -> None:
        self.at = [OFF] * len(Timer)

    def due(self, now: float) -> list[Timer]:
        """The timers that have run out; they are stopped."""
        late = [timer for timer in Timer if self.at[timer] <= now]
        for timer in late:
            self.at[timer] = OFF
        return late

    @property
    def earliest(self) -> float:
        return min(self.at)
