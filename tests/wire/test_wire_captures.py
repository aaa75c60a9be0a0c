"""The judge of captures is judged: forged conversations, with and without what would explain a repeat."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.capture import assert_clean, segments, tshark
from support.repeats import near, wrong

from ptrace_net.devices import pcapng
from ptrace_net.stack import ethernet, ipv4
from ptrace_net.stack.addresses import parse_ip, parse_mac
from ptrace_net.stack.ethernet import ETH_P_IP
from ptrace_net.stack.tcp import options, segment
from ptrace_net.stack.tcp.options import Options
from ptrace_net.stack.tcp.segment import ACK, FIN, RST, SYN, Addressing

MACS = parse_mac("02:00:00:00:00:01"), parse_mac("02:00:00:00:00:02")
IPS = parse_ip("10.0.0.1"), parse_ip("10.0.0.2")
OURS, THEIRS = 0, 1
PORTS = 1000, 2000
ISN = 0xFFFFFF00, 5000  # the first one wraps
RTT = 0.004
EPOCH = 1_700_000_000
SIZE = 1000


@dataclass(slots=True)
class Forged:
    """A capture at our device; times in seconds since its start, positions from the SYN on."""

    path: Path
    stamped: bool = True
    blocks: list[bytes] = field(default_factory=list)
    echo: list[int] = field(default_factory=lambda: [0, 0])

    def says(
        self, side: int, at: float, seq: int, size: int = 0, ack: int | None = None, *, flags: int = 0,
        made: float | None = None, echo: float | None = None, sack: tuple[int, int] | None = None,
        spoil: int = 0,
    ) -> None:  # fmt: skip
        """``made``: when by the sender's clock; ``echo``: the newest of the other's that it knows."""
        other = 1 - side
        stamp = round((at if made is None else made) * 1000) + 77 * (side + 1)
        echoed = self.echo[other] if echo is None else round(echo * 1000) + 77 * (other + 1)
        self.echo[side] = stamp
        flags |= 0 if ack is None else ACK
        opts = options.pack_timestamps(stamp, echoed) if self.stamped else b""
        if flags & SYN:
            offer = Options(mss=1460, sack_permitted=True, ts_val=stamp if self.stamped else None, ts_ecr=0)
            opts = options.pack_syn(offer)
        if sack:
            opts += options.pack_sack([((ISN[other] + sack[0]) % 2**32, (ISN[other] + sack[1]) % 2**32)])
        ends = Addressing.of(IPS[side], PORTS[side], IPS[other], PORTS[other])
        numbers = (ISN[side] + seq) % 2**32, (ISN[other] + ack) % 2**32 if ack is not None else 0
        payload = bytes([seq % 256]) * size
        head = segment.header(ends, *numbers, flags, 60000, opts, payload, False)
        packet = ipv4.header(IPS[side], IPS[other], 6, len(head) + size) + head + payload
        frame = bytearray(ethernet.header(MACS[other], MACS[side], ETH_P_IP) + packet)
        frame[-1] ^= spoil
        direction = pcapng.OUTBOUND if side == OURS else pcapng.INBOUND
        stamped_at = EPOCH * 10**9 + round(at * 1e9)
        self.blocks.append(pcapng.enhanced_packet(0, stamped_at, bytes(frame), direction))

    def opened(self) -> float:
        """A handshake and three round trips of data from each side; when that is over."""
        self.says(OURS, 0, 0, flags=SYN)
        self.says(THEIRS, RTT, 0, ack=1, flags=SYN)
        at = 2 * RTT
        self.says(OURS, at, 1, ack=1)
        for side in (OURS, THEIRS):
            other_next = 1 if side == OURS else 1 + 3 * SIZE
            for number in range(3):
                self.says(side, at, 1 + number * SIZE, SIZE, other_next)
                at += RTT
                self.says(1 - side, at, other_next, ack=1 + (number + 1) * SIZE)
        return at

    def save(self) -> Path:
        head = pcapng.section_header("forged") + pcapng.interface_description("eth0", MACS[OURS])
        self.path.write_bytes(head + b"".join(self.blocks))
        return self.path


NEXT = 1 + 3 * SIZE  # on both sides, after `opened`


def sends(it: Forged, side: int, at: float, count: int) -> None:
    for number in range(count):
        it.says(side, at, NEXT + number * SIZE, SIZE, NEXT)


def nothing(it: Forged, at: float, side: int) -> None:
    sends(it, side, at, 3)
    it.says(1 - side, at + RTT, NEXT, ack=NEXT + 3 * SIZE)


def keep_alive(it: Forged, at: float, side: int) -> None:
    it.says(side, at + 10, NEXT - 1, ack=NEXT)
    it.says(1 - side, at + 10 + RTT, NEXT, ack=NEXT)


def probe(it: Forged, at: float, side: int) -> None:
    """The last segment again after two round trips; then its answer."""
    sends(it, side, at, 3)
    it.says(side, at + 3 * RTT, NEXT + 2 * SIZE, SIZE, NEXT)
    it.says(1 - side, at + 4 * RTT, NEXT, ack=NEXT + 3 * SIZE)


def probes_of_two_flights(it: Forged, at: float, side: int) -> None:
    probe(it, at, side)
    it.says(side, at + 5 * RTT, NEXT + 3 * SIZE, SIZE, NEXT)
    it.says(side, at + 12 * RTT, NEXT + 3 * SIZE, SIZE, NEXT)


def timeout(it: Forged, at: float, side: int) -> None:
    """After the RTO all of it, one ACK at a time; after another the last once more."""
    sends(it, side, at, 3)
    for number in range(3):
        it.says(side, at + 0.3 + number * RTT, NEXT + number * SIZE, SIZE, NEXT)
        if number < 2:
            it.says(1 - side, at + 0.3 + (number + 1) * RTT, NEXT, ack=NEXT + (number + 1) * SIZE)
    it.says(side, at + 0.6, NEXT + 2 * SIZE, SIZE, NEXT)


def timeouts(it: Forged, at: float, side: int) -> None:
    """Nobody answers: twice as long each time."""
    sends(it, side, at, 1)
    for when in (0.25, 0.7, 1.6):
        it.says(side, at + when, NEXT, SIZE, NEXT)


def probe_read_late(it: Forged, at: float, _side: int) -> None:
    """Made after two round trips, taken from the device together with the flight before."""
    for number in range(3):
        it.says(THEIRS, at + 0.05, NEXT + number * SIZE, SIZE, NEXT, made=at)
    it.says(THEIRS, at + 0.05, NEXT + 2 * SIZE, SIZE, NEXT, made=at + 0.02)


def probe_that_crossed_the_answer(it: Forged, at: float, _side: int) -> None:
    """Our ACK is in the capture first, and the probe does not echo it."""
    sends(it, THEIRS, at, 3)
    it.says(OURS, at + 0.02, NEXT, ack=NEXT + 3 * SIZE)
    it.says(THEIRS, at + 0.02, NEXT + 2 * SIZE, SIZE, NEXT, made=at + 0.015, echo=at)


def fin_again(it: Forged, at: float, side: int) -> None:
    it.says(side, at, NEXT, 0, NEXT, flags=FIN)
    it.says(side, at + 3 * RTT, NEXT, 0, NEXT, flags=FIN)


def refused(it: Forged, at: float, side: int) -> None:
    it.says(side, at, NEXT, 0, NEXT, flags=RST)


EXPLAINED = [nothing, keep_alive, probe, probes_of_two_flights, timeout, timeouts, fin_again, refused]
EXPLAINED_BY_TIMESTAMPS = [probe_read_late, probe_that_crossed_the_answer]


def too_soon(it: Forged, at: float, side: int) -> None:
    sends(it, side, at, 3)
    it.says(side, at + RTT, NEXT + 2 * SIZE, SIZE, NEXT)


def from_the_middle(it: Forged, at: float, side: int) -> None:
    sends(it, side, at, 3)
    it.says(side, at + 3 * RTT, NEXT + SIZE, SIZE, NEXT)


def second_probe(it: Forged, at: float, side: int) -> None:
    sends(it, side, at, 3)
    for trips in (3, 6):
        it.says(side, at + trips * RTT, NEXT + 2 * SIZE, SIZE, NEXT)


def fast_retransmit(it: Forged, at: float, side: int) -> None:
    """The receiver says that something is lost; on this link nothing is."""
    sends(it, side, at, 4)
    for number in range(1, 4):
        it.says(1 - side, at + RTT, NEXT, ack=NEXT, sack=(NEXT + SIZE, NEXT + (number + 1) * SIZE))
    it.says(side, at + RTT, NEXT, SIZE, NEXT)


def acknowledged(it: Forged, at: float, side: int) -> None:
    """Nothing is left to be sent again, however long one waits."""
    nothing(it, at, side)
    it.says(side, at + 5, NEXT + 2 * SIZE, SIZE, NEXT)


def acknowledged_selectively(it: Forged, at: float, side: int) -> None:
    sends(it, side, at, 3)
    it.says(1 - side, at + RTT, NEXT, ack=NEXT, sack=(NEXT + SIZE, NEXT + 3 * SIZE))
    it.says(side, at + 5, NEXT + 2 * SIZE, SIZE, NEXT)


def crossing_that_was_none(it: Forged, at: float, _side: int) -> None:
    """As in `probe_that_crossed_the_answer`, but it echoes the ACK of what it repeats."""
    sends(it, THEIRS, at, 3)
    it.says(OURS, at + 0.02, NEXT, ack=NEXT + 3 * SIZE)
    it.says(THEIRS, at + 0.03, NEXT + 2 * SIZE, SIZE, NEXT, echo=at + 0.02)


def silence_of_the_capture_alone(it: Forged, at: float, _side: int) -> None:
    """Taken late, but made at once."""
    sends(it, THEIRS, at, 3)
    it.says(THEIRS, at + 0.02, NEXT + 2 * SIZE, SIZE, NEXT, made=at + RTT / 2)


def timeout_too_soon(it: Forged, at: float, side: int) -> None:
    sends(it, side, at, 3)
    it.says(side, at + 0.15, NEXT, SIZE, NEXT)


def timeouts_without_backoff(it: Forged, at: float, side: int) -> None:
    sends(it, side, at, 1)
    for when in (0.25, 0.5):
        it.says(side, at + when, NEXT, SIZE, NEXT)


def hole(it: Forged, at: float, side: int) -> None:
    it.says(side, at, NEXT + SIZE, SIZE, NEXT)


def acknowledged_unseen(it: Forged, at: float, side: int) -> None:
    it.says(1 - side, at, NEXT, ack=NEXT + SIZE)


def bad_sum(it: Forged, at: float, side: int) -> None:
    it.says(side, at, NEXT, SIZE, NEXT, spoil=1)


UNEXPLAINED = [
    too_soon, from_the_middle, second_probe, fast_retransmit, acknowledged, acknowledged_selectively,
    crossing_that_was_none, timeout_too_soon, timeouts_without_backoff, hole, acknowledged_unseen,
]  # fmt: skip
Scene = Callable[[Forged, float, int], None]
SIDES = pytest.mark.parametrize("side", [OURS, THEIRS], ids=["ours", "theirs"])


def scenes(anyhow: list[Scene], by_timestamps: list[Scene]) -> pytest.MarkDecorator:
    """Those that timestamps change nothing about with and without them."""
    chosen = [(scene, stamped) for stamped in (True, False) for scene in anyhow]
    return pytest.mark.parametrize(
        ("scene", "stamped"), [*chosen, *((scene, True) for scene in by_timestamps)]
    )


def forged(tmp_path: Path, scene: Scene, side: int, stamped: bool = True) -> Path:
    it = Forged(tmp_path / "forged.pcapng", stamped)
    scene(it, it.opened(), side)
    return it.save()


@SIDES
@scenes(EXPLAINED, EXPLAINED_BY_TIMESTAMPS)
def test_what_the_capture_explains_is_clean(tmp_path: Path, scene: Scene, side: int, stamped: bool) -> None:
    assert list(wrong(segments(forged(tmp_path, scene, side, stamped)))) == []


@SIDES
@scenes(UNEXPLAINED, [silence_of_the_capture_alone])
def test_what_nothing_explains_is_found(tmp_path: Path, scene: Scene, side: int, stamped: bool) -> None:
    assert len(list(wrong(segments(forged(tmp_path, scene, side, stamped))))) == 1


def test_a_capture_as_a_whole(tmp_path: Path) -> None:
    assert_clean(forged(tmp_path, nothing, OURS))
    for scene in (bad_sum, too_soon):
        with pytest.raises(AssertionError):
            assert_clean(forged(tmp_path, scene, OURS))


def hole_and_its_filling(it: Forged, at: float, side: int) -> None:
    it.says(side, at, NEXT + SIZE, 2 * SIZE, NEXT)
    it.says(1 - side, at, NEXT, ack=NEXT, sack=(NEXT + SIZE, NEXT + 3 * SIZE))
    it.says(side, at + RTT, NEXT, SIZE, NEXT)
    it.says(1 - side, at + RTT, NEXT, ack=NEXT + 3 * SIZE)


@SIDES
def test_where_we_are_flooded_the_others_holes_are_no_fault(tmp_path: Path, side: int) -> None:
    seen = segments(forged(tmp_path, hole_and_its_filling, side))
    told = [why for _frame, why in wrong(seen)]
    assert told == ["1000 bytes before it are not there", "what was missing"]
    assert [why for _frame, why in wrong(seen, flooded=True)] == (told if side == OURS else [])
    assert list(wrong(segments(forged(tmp_path, too_soon, THEIRS)), flooded=True))


@pytest.mark.parametrize(("wait", "explained"), [(1.0, True), (0.9, False)])
def test_a_syn_waits_for_a_second(tmp_path: Path, wait: float, explained: bool) -> None:
    """The SYN,ACK that answers the second SYN is one again as well."""
    it = Forged(tmp_path / "forged.pcapng")
    it.says(OURS, 0, 0, flags=SYN)
    it.says(THEIRS, wait, 0, ack=1, flags=SYN)
    it.says(OURS, wait, 0, flags=SYN, echo=-0.077)
    it.says(THEIRS, wait + RTT, 0, ack=1, flags=SYN)
    it.says(OURS, wait + RTT, 1, ack=1)
    if explained:
        assert_clean(it.save())
    else:
        with pytest.raises(AssertionError, match="a repeat after 900 ms"):
            assert_clean(it.save())


@pytest.mark.parametrize("scene", [probe, timeout, too_soon, from_the_middle, second_probe, fin_again])
def test_tshark_sees_the_same_repeats(tmp_path: Path, scene: Scene) -> None:
    """What it calls a retransmission is what begins below what came next."""
    path = forged(tmp_path, scene, OURS)
    told = {int(row[0]) for row in tshark(path, "tcp.analysis.retransmission", "frame.number")}
    found, nxt = set(), 0
    for seen in segments(path):
        if seen.sender[1] == str(PORTS[OURS]) and seen.size:
            start = near(seen.seq, nxt or seen.seq)
            if nxt and start < nxt:
                found.add(seen.frame)
            nxt = max(nxt, start + seen.size)
    assert told == found
    assert found
