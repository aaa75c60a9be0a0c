"""Where a capture or a trace goes: a file, or a FIFO with Wireshark at its other end.

A FIFO is never waited for: what its reader does not take at once is kept up to a limit, beyond which blocks
are refused whole, so that the stream of blocks stays intact.
"""

import errno
import os
import select
import stat
from dataclasses import dataclass, field

LIMIT = 8 << 20
PATIENCE = 1000  # milliseconds
_MODE = 0o666


@dataclass(slots=True, eq=False)
class Sink:
    """``write`` takes a whole block; BlockingIOError: the reader is too slow, BrokenPipeError: it is gone."""

    fd: int
    _waiting: bytearray = field(default_factory=bytearray)

    def write(self, block: bytes) -> None:
        if self._waiting:
            self.flush()
            if len(self._waiting) + len(block) > LIMIT:
                raise BlockingIOError(errno.EAGAIN, "the reader of the capture is slow")
            self._waiting += block
            return
        written = self._write(block)
        if written < len(block):
            self._waiting += block[written:]

    def flush(self) -> None:
        """Hand over what waits, as far as it goes."""
        del self._waiting[: self._write(self._waiting)]

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """What still waits is offered for a moment to a reader that is there."""
        output = select.poll()
        output.register(self.fd, select.POLLOUT)
        try:
            while self._waiting and output.poll(PATIENCE):
                self.flush()
        except OSError:
            self._waiting.clear()
        finally:
            os.close(self.fd)


def open_sink(path: str) -> Sink:
    """Create a file, or open a FIFO that somebody reads: OSError of open(2), ENXIO where nobody does."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    try:
        fifo = stat.S_ISFIFO(os.stat(path).st_mode)
    except FileNotFoundError:
        fifo = False
    return Sink(os.open(path, flags | (os.O_NONBLOCK if fifo else os.O_TRUNC), _MODE))
