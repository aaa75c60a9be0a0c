"""The trace wrapper: a line for every frame, to whoever wants to read along."""

from collections.abc import Callable

from ..stack.frame import Frame
from .describe import describe
from .device import Device, Wrapper


class Trace(Wrapper):
    """``write`` takes one line without its end; times are seconds since the first frame."""

    def __init__(self, inner: Device, write: Callable[[str], object]) -> None:
        super().__init__(inner)
        self._write = write
        self._start: float | None = None

    def _line(self, arrow: str, frame: Frame, now: float, note: str = "") -> None:
        self._start = now if self._start is None else self._start
        self._write(f"{now - self._start:10.6f} {self.name} {arrow} {describe(frame)}{note}")

    def send(self, frame: Frame, now: float) -> bool:
        taken = super().send(frame, now)
        self._line("->", frame, now, "" if taken else " (dropped)")
        return taken

    def receive(self, now: float) -> list[Frame]:
        frames = super().receive(now)
        for frame in frames:
            self._line("<-", frame, now)
        return frames
