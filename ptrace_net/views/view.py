"""What a rendering is made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ptrace_net.network.network import Network
    from ptrace_net.network.sockets import SocketList


class View(NamedTuple):
    """A moment of a run: its network, its sockets, and the kernel's own table of local sockets."""

    network: Network
    sockets: SocketList
    now: float
    kernel: Callable[[str], str]  #: the text of a file of the kernel's own /proc/net, "" where there is none

    def name(self, index: int) -> str:
        """The name of a link."""
        interface = self.network.by_index(index)
        return interface.name if interface else ""


def words(address: bytes) -> str:
    """An address as the kernel prints its 32-bit words: in the order of the machine."""
    parts = (address[at : at + 4] for at in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(part, 'little'):08X}" for part in parts)
