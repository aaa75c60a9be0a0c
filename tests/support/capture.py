"""What tshark says of a capture: rows of fields, and whether anything in it is wrong."""

import subprocess
from pathlib import Path

from .repeats import Seen, wrong

_CHECKS = [word for name in ("ip", "tcp", "udp") for word in ("-o", f"{name}.check_checksum:TRUE")]
# What programs say to each other is data: a port that the kernel chose may be another protocol's.
_CHECKS += ["-d", "tcp.port==1-65535,data", "-d", "udp.port==1024-65535,data"]
# Linux writes 0xffff for a sum of 0 in TCP as well (skb_checksum_help), which tshark does not like.
BAD = (
    "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || icmpv6.checksum.status == 0"
    " || icmp.checksum.status == 0 || (tcp.checksum.status == 0 && tcp.checksum != 0xffff)"
)
_SEGMENT = (
    "frame.number", "frame.time_epoch", "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport",
    "frame.packet_flags_direction", "tcp.seq", "tcp.len", "tcp.flags", "tcp.ack", "tcp.options.sack_le",
    "tcp.options.sack_re", "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr",
)  # fmt: skip
_FIN, _SYN, _ACK = 1, 2, 16
_INBOUND = 1


def tshark(path: Path, condition: str, *fields: str, options: tuple[str, ...] = ()) -> list[list[str]]:
    """A row for each frame that a display filter lets through; checksums are verified."""
    wanted = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), *_CHECKS, *options, "-Y", condition, "-T", "fields", *wanted]
    done = subprocess.run(command, capture_output=True, check=True, timeout=100, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def _numbers(text: str) -> list[int]:
    return [int(word, 0) for word in text.split(",") if word]


def _seen(row: list[str]) -> Seen:
    frame, time, stream, ip, ipv6, port, direction, seq, length, flags, ack, left, right, tsval, tsecr = row
    bits = int(flags, 0)
    return Seen(
        int(frame), float(time), int(stream), (ip or ipv6, port), int(direction or "0", 0) == _INBOUND,
        int(seq), int(length) + bool(bits & _SYN) + bool(bits & _FIN), bool(bits & _SYN),
        int(ack) if bits & _ACK else None, tuple(zip(_numbers(left), _numbers(right), strict=True)),
        int(tsval) if tsval else None, int(tsecr) if tsecr and bits & _ACK else None,
    )  # fmt: skip


def segments(path: Path) -> list[Seen]:
    """Every TCP segment, sequence numbers as they are on the wire; none of those that ICMP errors quote."""
    raw = ("-o", "tcp.relative_sequence_numbers:FALSE")
    return [_seen(row) for row in tshark(path, "tcp && !icmp && !icmpv6", *_SEGMENT, options=raw)]


def assert_clean(path: Path, flooded: bool = False) -> None:
    """Nothing malformed, no bad sum, nothing missing, nothing repeated but where the capture shows why."""
    assert tshark(path, "tcp || udp || icmp || icmpv6", "frame.number")
    found = tshark(path, BAD, "frame.number", "frame.time_relative", "_ws.col.Info")
    assert not found, found
    unexplained = dict(wrong(segments(path), flooded))
    if unexplained:
        told = {int(row[0]): row for row in tshark(path, "tcp", "frame.number", "_ws.col.Info")}
        raise AssertionError("\n".join(f"{told[frame]} {why}" for frame, why in unexplained.items()))
