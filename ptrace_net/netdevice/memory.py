"""What the ioctls need of the program: its memory, and how wide its words are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from ptrace_net.abi.if_ import ifreq

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.network.network import Network

IFNAMSIZ = 16


class Memory(Protocol):
    """The program's; both raise ``seam.Errno(EFAULT)``."""

    def read(self, address: int, size: int) -> bytes: ...
    def write(self, address: int, data: bytes) -> None: ...


class Request(NamedTuple):
    """One ioctl: ``address`` is its argument, ``family`` that of the socket, ``now`` the time."""

    network: Network
    memory: Memory
    arch: Arch
    number: int
    address: int
    family: int
    now: float

    def ifreq(self) -> tuple[str, bytes]:
        """(name, union) of the struct ifreq at the address."""
        data = self.memory.read(self.address, ifreq.size(self.arch))
        return name_of(data[: IFNAMSIZ - 1]), data[IFNAMSIZ:]

    def answer(self, union: bytes) -> None:
        """Fill the union of the struct ifreq, as far as ``union`` goes; the rest stays."""
        self.memory.write(self.address + IFNAMSIZ, union)

    def pointer(self, data: bytes) -> int:
        """The pointer that ``data`` begins with."""
        return int.from_bytes(data[: self.arch.word], "little")


def name_of(data: bytes) -> str:
    return data.split(b"\0")[0].decode("utf-8", "surrogateescape")
