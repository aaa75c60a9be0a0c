"""An IP packet on its way up, and an ICMP error on its way to a socket; the same for both families."""

from typing import NamedTuple

from .addresses import IP


class IpPacket(NamedTuple):
    """``payload`` starts at the upper layer; ``quote`` is the packet as ICMP errors quote it."""

    interface: str
    src: IP
    dst: IP
    protocol: int
    hop_limit: int
    tos: int
    payload: memoryview
    quote: memoryview
    verified: bool  #: the device vouches for the transport checksum
    unicast: bool  #: addressed to us alone, also on the link

    @property
    def version(self) -> int:
        return 4 if len(self.src) == 4 else 6


class ErrorReport(NamedTuple):
    """What IP_RECVERR tells: ``struct sock_extended_err``, the offender, and the packet that failed."""

    errno: int
    fatal: bool
    version: int
    type: int
    code: int
    info: int  #: the MTU, for EMSGSIZE
    offender: IP
    src: IP  #: ours
    dst: IP
    protocol: int
    payload: memoryview  #: the quoted transport header and what follows
    quote: memoryview = memoryview(b"")  #: the same with the IP header
