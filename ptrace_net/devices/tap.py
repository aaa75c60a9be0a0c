"""A TAP device (Documentation/networking/tuntap.rst), with virtio-net headers: 64 KB cross in one piece.

The interface must exist and belong to us, or we need CAP_NET_ADMIN; errors are the OSError of open(2) and
ioctl(2).
"""

import errno
import fcntl
import os
import struct
from dataclasses import dataclass, field

from ..stack.addresses import MAC
from ..stack.frame import FULL_OFFLOAD, NO_OFFLOAD, Frame, Malformed, Offload
from . import virtio
from .device import DeviceCounters

TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4
#: the queue is full, the interface is down, or the kernel refuses this frame
_ONE_FRAME = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.EIO, errno.EINVAL})
_BATCH = 64
_MAX_READ = 65536 + 64


@dataclass(slots=True, eq=False)
class TapDevice:
    """``fd`` is non-blocking and attached to interface ``tap``; ``name`` is what our side calls it.

    When the interface goes away the device drops everything and says why in ``error``.
    """

    fd: int
    tap: str
    mac: MAC
    name: str = "eth0"
    mtu: int = 1500
    offload: Offload = FULL_OFFLOAD
    counters: DeviceCounters = field(default_factory=DeviceCounters)
    error: OSError | None = None

    def send(self, frame: Frame, now: float) -> bool:
        try:
            os.writev(self.fd, (virtio.pack(frame), frame.data))
        except OSError as error:
            if error.errno not in _ONE_FRAME:
                self.error = error
            self.counters.tx_dropped += 1
            return False
        self.counters.sent(frame)
        return True

    def receive(self, now: float) -> list[Frame]:
        frames: list[Frame] = []
        for _ in range(_BATCH):
            try:
                frame = virtio.unpack(os.read(self.fd, _MAX_READ))
            except BlockingIOError:
                break
            except OSError as error:
                self.error = error
                break
            except Malformed:
                self.counters.rx_dropped += 1
                continue
            self.counters.received(frame)
            frames.append(frame)
        return frames

    def deadline(self) -> float | None:
        return None

    def fileno(self) -> int | None:
        return self.fd if self.error is None else None

    def close(self) -> None:
        os.close(self.fd)


def open_tap(tap: str, mac: MAC, name: str = "eth0", mtu: int = 1500, segmentation: bool = True) -> TapDevice:
    """Attach to ``tap``; ``segmentation`` False: every frame plain, with complete checksums."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", tap.encode(), flags))
        fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", virtio.HEADER_LENGTH))
        fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 if segmentation else 0)
    except OSError:
        os.close(fd)
        raise
    return TapDevice(fd, tap, mac, name, mtu, FULL_OFFLOAD if segmentation else NO_OFFLOAD)
