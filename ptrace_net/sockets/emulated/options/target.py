"""What the option table asks of the socket that an option is set or read on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Interface = tuple[str, tuple[bytes, ...]]  # name and addresses, those of 4 or 16 bytes in network order


class Target(Protocol):
    """A live socket, as the program believes it to be."""

    family: int
    kind: int
    protocol: int
    v6only: bool

    @property
    def local_port(self) -> int:
        """The local port in host order; 0 until the socket has one."""

    @property
    def listening(self) -> bool: ...
    @property
    def connected(self) -> bool: ...

    def take_error(self, handle: int = -1) -> int:
        """SO_ERROR: the pending error, which is none from then on."""

    def peer_name(self, handle: int = -1) -> bytes:
        """What getpeername(2) gives; raises ``Errno(ENOTCONN)``."""

    def path_mtu(self) -> int:
        """Of the way to the peer; raises ``Errno(ENOTCONN)``."""

    def tcp_info(self, handle: int = -1) -> bytes:
        """struct tcp_info, as long as this kernel version of it is."""

    def interfaces(self) -> Mapping[int, Interface]:
        """By index."""

    def route(self, address: bytes) -> int:
        """The index of the interface by which packets to ``address`` leave; 0 where no route leads."""

    def uncork(self) -> None:
        """UDP_CORK is off: what it held back is sent."""

    def join(self, group: bytes, interface: int) -> None:
        """The socket is a member of ``group`` on ``interface``; its sources are in ``Options.groups``."""

    def leave(self, group: bytes, interface: int) -> None: ...
