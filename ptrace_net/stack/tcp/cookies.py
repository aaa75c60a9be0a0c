"""SYN cookies: the initial sequence number carries the handshake, so a full SYN queue needs no memory.

The layout is Linux's (net/ipv4/syncookies.c): 8 bits of a counter that steps every 64 s over 24 bits of a
hash plus the index of the MSS.  Window scale and SACK travel in the low bits of the timestamp, where the
peer sends one; without one they are given up.
"""

import hashlib
from dataclasses import dataclass

from ..addresses import IP
from .options import NONE, Options
from .sequence import MASK

PERIOD = 64
MAX_AGE = 2
MSS_TABLE = {4: (536, 1300, 1440, 1460), 16: (1220, 1280, 1420, 1440)}
_BITS = 24
_LOW = (1 << _BITS) - 1
_NO_SCALE = 15
_SACK_BIT = 1 << 4
_TS_BITS = 6

Ends = tuple[IP, int, IP, int]


@dataclass(frozen=True, slots=True)
class SynCookies:
    """``secret`` is 16 random bytes from the caller."""

    secret: bytes

    def _hash(self, ends: Ends, count: int) -> int:
        local, port, remote, remote_port = ends
        numbers = (port << 16 | remote_port).to_bytes(4, "big") + count.to_bytes(8, "big")
        data = local + remote + numbers
        return int.from_bytes(hashlib.blake2b(data, key=self.secret, digest_size=4).digest(), "big")

    def make(self, ends: Ends, peer_isn: int, mss: int, now: float) -> int:
        """The initial sequence number to answer a SYN with; ``mss`` is rounded down to a table entry."""
        table = MSS_TABLE[len(ends[0])]
        index = max((at for at, size in enumerate(table) if size <= mss), default=0)
        count = int(now) // PERIOD
        base = self._hash(ends, 0) + peer_isn + (count << _BITS)
        return (base + ((self._hash(ends, count + 1) + index) & _LOW)) & MASK

    def check(self, ends: Ends, cookie: int, peer_isn: int, now: float) -> int | None:
        """The MSS that a cookie of the last two minutes carries, or None where it is not ours."""
        table = MSS_TABLE[len(ends[0])]
        rest = (cookie - self._hash(ends, 0) - peer_isn) & MASK
        count = int(now) // PERIOD
        age = (count - (rest >> _BITS)) & 0xFF
        if age >= MAX_AGE or age > count:
            return None
        index = (rest - self._hash(ends, count - age + 1)) & _LOW
        return table[index] if index < len(table) else None


def pack_timestamp(ts_val: int, options: Options) -> int:
    """``ts_val`` moved back to a value whose low bits hold the peer's window scale and SACK."""
    scale = _NO_SCALE if options.wscale is None else options.wscale
    bits = scale | (_SACK_BIT if options.sack_permitted else 0)
    stamped = ts_val >> _TS_BITS << _TS_BITS | bits
    return (stamped if stamped <= ts_val else stamped - (1 << _TS_BITS)) & MASK


def unpack_timestamp(options: Options, mss: int) -> Options:
    """The options of the SYN, from the ACK that echoes our timestamp."""
    if options.ts_val is None:
        return NONE._replace(mss=mss)
    scale = options.ts_ecr & 15
    sack = bool(options.ts_ecr & _SACK_BIT)
    return Options(mss, None if scale == _NO_SCALE else scale, sack, (), options.ts_val, options.ts_ecr)
