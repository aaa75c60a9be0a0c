"""A stream socket to QEMU (``-netdev stream``, ``-netdev socket``) or passt: frames behind their lengths.

The framing has no place for offload, so frames are plain; passt takes them up to 64 KB, QEMU up to the
guest's MTU.  When the other side goes away the device drops everything and says why in ``error``.
"""

import errno
import socket
from dataclasses import dataclass, field

from ..stack import offload
from ..stack.addresses import MAC
from ..stack.frame import NO_OFFLOAD, Frame, Offload
from . import framing
from .device import DeviceCounters
from .watch import Watch

BACKLOG = 4 << 20
_READ_SIZE = 1 << 18
_READS = 8


@dataclass(slots=True, eq=False)
class StreamDevice:
    """``connection`` becomes the device's; it is made non-blocking."""

    connection: socket.socket
    mac: MAC
    name: str = "eth0"
    mtu: int = 1500
    offload: Offload = NO_OFFLOAD
    counters: DeviceCounters = field(default_factory=DeviceCounters)
    error: OSError | framing.FramingError | None = None
    _decoder: framing.StreamDecoder = field(default_factory=framing.StreamDecoder)
    _backlog: bytearray = field(default_factory=bytearray)
    _watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        self.connection.setblocking(False)
        self._watch.add(self.connection.fileno())

    def send(self, frame: Frame, now: float) -> bool:
        if self.error is not None or len(self._backlog) > BACKLOG:
            self.counters.tx_dropped += 1
            return False
        for piece in offload.to_wire(frame):
            self._backlog += framing.encode(piece.data)
            self.counters.sent(piece)
        self._flush()
        return True

    def _flush(self) -> None:
        """Write what the socket takes; the rest waits for EPOLLOUT."""
        try:
            while self._backlog:
                del self._backlog[: self.connection.send(self._backlog)]
        except BlockingIOError:
            self._watch.want_output(self.connection.fileno(), True)
        except OSError as error:
            self._fail(error)
        else:
            self._watch.want_output(self.connection.fileno(), False)

    def _fail(self, error: OSError | framing.FramingError) -> None:
        self.error = error
        self._backlog.clear()
        self._watch.remove(self.connection.fileno())

    def receive(self, now: float) -> list[Frame]:
        frames: list[Frame] = []
        if self.error is None and self._backlog:
            self._flush()
        for _ in range(_READS):
            if self.error is not None or not self._read(frames):
                break
        return frames

    def _read(self, frames: list[Frame]) -> bool:
        """Take one piece of the stream; False where there is no more."""
        try:
            data = self.connection.recv(_READ_SIZE)
            found = self._decoder.feed(data)
        except BlockingIOError:
            return False
        except (OSError, framing.FramingError) as error:
            self._fail(error)
            return False
        if not data:
            self._fail(ConnectionResetError(errno.ECONNRESET, "the other side has closed the stream"))
            return False
        for body in found:
            frames.append(Frame(body))
            self.counters.received(frames[-1])
        return True

    def deadline(self) -> float | None:
        return None

    def fileno(self) -> int | None:
        return self._watch.fd

    def close(self) -> None:
        self._watch.close()
        self.connection.close()


def connect_stream(path: str, mac: MAC, name: str = "eth0", mtu: int = 1500) -> StreamDevice:
    """Connect to a UNIX socket, on which passt or QEMU's ``-netdev stream,server=on`` listens."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return StreamDevice(connection, mac, name, mtu)
