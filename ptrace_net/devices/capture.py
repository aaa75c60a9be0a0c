"""The capture wrapper: every frame that passes a device, as pcapng, to a file or live to a pipe.

Checksums that the device was to finish are finished in the copy, so that a reader does not call them bad.
Several wrappers may share one ``CaptureFile``: each device is an interface in it.
"""

from collections.abc import Callable

from ..stack import offload
from ..stack.addresses import ZERO_MAC
from ..stack.frame import Frame
from . import pcapng
from .device import Device, Wrapper


class CaptureFile:
    """``write`` takes a block whole or raises OSError: the capture then ends, the traffic does not.

    BlockingIOError means that a reader is slow: the frame is missing from the capture, and counted.
    ``epoch`` is the time of day in seconds at ``now`` 0.0. The ``now`` that a frame comes with is when the
    loop's turn began; ``clock``, where there is one, says when the frame passes, which may be much later.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        epoch: float,
        application: str = "ptrace-net",
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._write = write
        self._epoch = epoch
        self._clock = clock
        self._interfaces: list[list[int]] = []  # seen, dropped
        self._missing: list[int] = []  # since the last frame that the reader took
        self.error: OSError | None = None
        self._put(pcapng.section_header(application))

    def _put(self, block: bytes) -> bool:
        """Whether the block is in the file."""
        if self.error is None:
            try:
                self._write(block)
            except BlockingIOError:
                return False
            except OSError as error:
                self.error = error
        return self.error is None

    def time(self, now: float) -> float:
        """When something passes in the turn that began at ``now``."""
        return now if self._clock is None else self._clock()

    def _stamp(self, now: float) -> int:
        return round((self._epoch + now) * 1_000_000) * 1000

    def add(self, device: Device, description: str = "") -> int:
        """Describe another interface; its number."""
        self._put(pcapng.interface_description(device.name, device.mac, description))
        self._interfaces.append([0, 0])
        self._missing.append(0)
        return len(self._interfaces) - 1

    def packet(
        self, interface: int, frame: Frame, now: float, direction: int, comment: str, dropped: int
    ) -> None:
        """One frame; ``dropped`` were lost at this interface since the frame before."""
        counts = self._interfaces[interface]
        counts[0] += 1
        counts[1] += dropped
        missing, self._missing[interface] = self._missing[interface], 0
        data, lost = offload.complete(frame).data, dropped + missing
        block = pcapng.enhanced_packet(interface, self._stamp(now), data, direction, comment, lost)
        if not self._put(block):
            self._missing[interface] = lost + 1
            counts[1] += 1

    def finish(self, now: float) -> None:
        """Write how much each interface saw and dropped."""
        for interface, (seen, dropped) in enumerate(self._interfaces):
            self._put(pcapng.interface_statistics(interface, self._stamp(now), seen, dropped))


class Capture(Wrapper):
    """``comment`` is asked for each frame: the name and pid of the process, where the caller knows them.

    What passes a loopback is noted when it comes back, and so once, as libpcap does it.
    """

    def __init__(
        self, inner: Device, file: CaptureFile, comment: Callable[[Frame, int], str] | None = None
    ) -> None:
        super().__init__(inner)
        self._file = file
        self._interface = file.add(inner)
        self._comment = comment
        self._dropped = 0
        self._outbound = inner.mac != ZERO_MAC

    def send(self, frame: Frame, now: float) -> bool:
        passing = self._file.time(now)  # before whoever gets it can answer
        taken = super().send(frame, now)
        if not taken:
            self._dropped += 1
        elif self._outbound:
            self._note(frame, passing, pcapng.OUTBOUND)
        return taken

    def receive(self, now: float) -> list[Frame]:
        frames = super().receive(now)
        passing = self._file.time(now)
        for frame in frames:
            self._note(frame, passing, pcapng.INBOUND)
        return frames

    def _note(self, frame: Frame, now: float, direction: int) -> None:
        comment = self._comment(frame, direction) if self._comment else ""
        dropped, self._dropped = self._dropped, 0
        self._file.packet(self._interface, frame, now, direction, comment, dropped)
