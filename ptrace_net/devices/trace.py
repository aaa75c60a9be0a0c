"""The trace wrapper: a line for every frame, to whoever wants to read along."""

from collections.abc import Callable

from ..stack.addresses import ZERO_MAC
from ..stack.frame import Frame
from .describe import describe
from .device import Device, Wrapper
from .sink import Sink


class TraceFile:
    """Lines for a file or a FIFO: what a slow reader misses is said, one that is gone ends the trace only."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._missing = 0
        self.error: OSError | None = None

    def write(self, line: str) -> None:
        if self.error is not None:
            return
        missing = f"... {self._missing} frames are missing here\n" if self._missing else ""
        try:
            self._sink.write(f"{missing}{line}\n".encode())
            self._missing = 0
        except BlockingIOError:
            self._missing += 1
        except OSError as error:
            self.error = error

    def finish(self) -> None:
        self._sink.close()


class Trace(Wrapper):
    """``write`` takes one line without its end; times are seconds since the first frame.

    What passes a loopback is noted when it comes back, and so once.
    """

    def __init__(self, inner: Device, write: Callable[[str], object]) -> None:
        super().__init__(inner)
        self._write = write
        self._start: float | None = None
        self._outbound = inner.mac != ZERO_MAC

    def _line(self, arrow: str, frame: Frame, now: float, note: str = "") -> None:
        self._start = now if self._start is None else self._start
        self._write(f"{now - self._start:10.6f} {self.name} {arrow} {describe(frame)}{note}")

    def send(self, frame: Frame, now: float) -> bool:
        taken = super().send(frame, now)
        if self._outbound or not taken:
            self._line("->", frame, now, "" if taken else " (dropped)")
        return taken

    def receive(self, now: float) -> list[Frame]:
        frames = super().receive(now)
        for frame in frames:
            self._line("<-", frame, now)
        return frames
