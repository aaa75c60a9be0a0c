"""TCP options: MSS, window scale, SACK (RFC 2018), timestamps (RFC 7323).

Unknown options are skipped, a broken list ends the parse with what was understood, as Linux does.
"""

import struct
from typing import NamedTuple

_END, _NOP = 0, 1
MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 2, 3, 4, 5, 8
MAX_SCALE = 14
#: what a segment with nothing but timestamps carries, in the layout that RFC 7323, appendix A recommends
TIMESTAMP_PREFIX = b"\x01\x01\x08\x0a"
_TIMES = struct.Struct("!II")
_SYN_TIMES = struct.Struct("!BBII")


class Options(NamedTuple):
    """``sack`` holds (left, right) wire numbers."""

    mss: int | None = None
    wscale: int | None = None
    sack_permitted: bool = False
    sack: tuple[tuple[int, int], ...] = ()
    ts_val: int | None = None
    ts_ecr: int = 0


NONE = Options()


def parse(view: memoryview) -> Options:
    """The options area of a header."""
    if len(view) == 12 and view[:4] == TIMESTAMP_PREFIX:
        ts_val, ts_ecr = _TIMES.unpack_from(view, 4)
        return Options(ts_val=ts_val, ts_ecr=ts_ecr)
    fields: dict[str, object] = {}
    at = 0
    while at < len(view) and view[at] != _END:
        if view[at] == _NOP:
            at += 1
            continue
        if at + 2 > len(view) or view[at + 1] < 2 or at + view[at + 1] > len(view):
            break
        end = at + view[at + 1]
        fields.update(_decode(view[at], view[at + 2 : end]))
        at = end
    return Options(**fields) if fields else NONE  # type: ignore[arg-type]


def _decode(kind: int, value: memoryview) -> dict[str, object]:
    """One option as keyword arguments of ``Options``; nothing where its length is wrong."""
    size = len(value)
    if kind == TIMESTAMPS and size == 8:
        ts_val, ts_ecr = _TIMES.unpack(value)
        return {"ts_val": ts_val, "ts_ecr": ts_ecr}
    if kind == SACK and size and size % 8 == 0:
        return {"sack": tuple(_TIMES.iter_unpack(value))}
    if kind == MSS and size == 2:
        return {"mss": value[0] << 8 | value[1]}
    if kind == WINDOW_SCALE and size == 1:
        return {"wscale": min(value[0], MAX_SCALE)}
    if kind == SACK_PERMITTED and size == 0:
        return {"sack_permitted": True}
    return {}


def pack_syn(options: Options) -> bytes:
    """The options of a SYN or SYN-ACK, padded to 32 bits in the order in which Linux sends them."""
    parts = [struct.pack("!BBH", MSS, 4, options.mss or 536)]
    if options.sack_permitted:
        pad = b"" if options.ts_val is not None else b"\x01\x01"
        parts.append(pad + bytes((SACK_PERMITTED, 2)))
    if options.ts_val is not None:
        pad = b"" if options.sack_permitted else b"\x01\x01"
        parts.append(pad + _SYN_TIMES.pack(TIMESTAMPS, 10, options.ts_val, options.ts_ecr))
    if options.wscale is not None:
        parts.append(bytes((_NOP, WINDOW_SCALE, 3, options.wscale)))
    return b"".join(parts)


def pack_timestamps(ts_val: int, ts_ecr: int) -> bytes:
    return TIMESTAMP_PREFIX + _TIMES.pack(ts_val, ts_ecr)


def pack_sack(blocks: list[tuple[int, int]]) -> bytes:
    """Up to four blocks of wire numbers (three beside timestamps)."""
    body = b"".join(_TIMES.pack(left, right) for left, right in blocks)
    return bytes((_NOP, _NOP, SACK, 2 + len(body))) + body if blocks else b""
