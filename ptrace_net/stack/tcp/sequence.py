"""Sequence numbers: 32 bits on the wire, unbounded integers inside.

``unwrap`` places a wire number within 2**31 of a position that is known, so that every comparison in the
rest of TCP is an ordinary one.
"""

MASK = 0xFFFFFFFF
_HALF = 0x80000000


def wire(position: int) -> int:
    """The 32 bits that are sent for a position."""
    return position & MASK


def unwrap(number: int, near: int) -> int:
    """The position closest to ``near`` whose low 32 bits are ``number``."""
    return near + ((number - near + _HALF) & MASK) - _HALF


def later(a: int, b: int) -> bool:
    """Whether wire number (or timestamp) ``a`` comes after ``b`` in circular order."""
    return 0 < (a - b) & MASK < _HALF
