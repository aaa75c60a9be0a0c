"""Sending IP: a ``Flow`` is a route that was looked up once, and puts headers before payloads.

Packets that do not fit the path are fragmented here, unless the flow says not to.
"""

from dataclasses import dataclass

from . import fragment, ipv4, ipv6
from .addresses import IP
from .frame import Buffer
from .interface import Interface


@dataclass(slots=True, eq=False)
class Flow:
    """``mtu`` is the path's, ``next_hop`` whose link address is used; ``generation`` dates the lookup."""

    interface: Interface
    src: IP
    dst: IP
    next_hop: IP
    protocol: int
    mtu: int
    generation: int = 0
    ttl: int = ipv4.DEFAULT_TTL
    tos: int = 0
    dont_fragment: bool = True
    ident: int = 0

    @property
    def header_length(self) -> int:
        return ipv4.HEADER_LENGTH if len(self.dst) == 4 else ipv6.HEADER_LENGTH

    def send(
        self, head: bytes, payload: Buffer, now: float, gso_size: int = 0, csum_offset: int | None = None
    ) -> None:
        """One transport packet: ``head`` before ``payload``.

        ``csum_offset`` says where in ``head`` a partial checksum stands that the device is to finish.
        """
        length = len(head) + len(payload)
        size = self.header_length
        if length + size > self.mtu and not gso_size:
            self._send_fragments(b"".join((head, payload)), now)
            return
        self.ident = self.ident + 1 & 0xFFFF
        if csum_offset is None:
            self.interface.transmit(self.next_hop, (self._ip(length), head, payload), now)
        else:
            self.interface.transmit(
                self.next_hop, (self._ip(length), head, payload), now, gso_size, size, csum_offset
            )

    def _ip(self, length: int) -> bytes:
        if len(self.dst) == 4:
            flags = ipv4.IP_DF if self.dont_fragment else 0
            return ipv4.header(
                self.src, self.dst, self.protocol, length, ident=self.ident, fragment=flags, ttl=self.ttl,
                tos=self.tos,
            )
        return ipv6.header(
            self.src, self.dst, self.protocol, length, hop_limit=self.ttl, traffic_class=self.tos
        )

    def _send_fragments(self, packet: bytes, now: float) -> None:
        self.ident += 1
        room = self.mtu - self.header_length - (0 if len(self.dst) == 4 else 8)
        for piece in fragment.split(memoryview(packet), room):
            head = self._fragment4(piece) if len(self.dst) == 4 else self._fragment6(piece)
            self.interface.transmit(self.next_hop, (head, piece.payload), now)

    def _fragment4(self, piece: fragment.Piece) -> bytes:
        field = piece.offset // 8 | (ipv4.IP_MF if piece.more else 0)
        return ipv4.header(
            self.src, self.dst, self.protocol, len(piece.payload), ident=self.ident & 0xFFFF, fragment=field,
            ttl=self.ttl, tos=self.tos,
        )

    def _fragment6(self, piece: fragment.Piece) -> bytes:
        head = ipv6.fragment_header(self.protocol, piece.offset, piece.more, self.ident & 0xFFFFFFFF)
        length = len(head) + len(piece.payload)
        fixed = ipv6.header(
            self.src, self.dst, ipv6.FRAGMENT, length, hop_limit=self.ttl, traffic_class=self.tos
        )
        return fixed + head
