"""Impairment: how it is written, its chances and its times, and a change under way."""

import random

import pytest
from wire_frames import MACS, super_frame

from ptrace_net import device_options
from ptrace_net.devices import impairment
from ptrace_net.devices.impair import Direction, Impair
from ptrace_net.devices.impairment import Impairment
from ptrace_net.devices.memory import cable, loopback
from ptrace_net.stack.frame import FULL_OFFLOAD, NO_OFFLOAD, Frame


def test_impairments_are_written_as_text() -> None:
    found = impairment.parse(
        "delay=20ms,jitter=500us,loss=1%,duplicate=0.5%,reorder=0.25,corrupt=2%,rate=10mbit,limit=50,seed=7"
    )
    assert found == Impairment(0.02, 0.0005, 0.01, 0.005, 0.25, 0.02, 10e6, 50, 7)
    assert impairment.parse("") == Impairment()
    assert impairment.parse("delay=2,rate=900") == Impairment(delay=2.0, rate=900.0)


def test_the_run_s_seed_is_for_links_without_one() -> None:
    asked = device_options.links("stack", (), (), ("eth0:loss=1%", "lo:loss=1%,seed=3"), ())
    assert [each.impairment.seed for each in asked.seeded(7).impairs] == [7, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lag=1s", "unknown impairment 'lag'"),
        ("delay=soon", "not a number"),
        ("delay=1h", "unknown unit 'h'"),
        ("loss=200%", "more than 100%"),
        ("loss=5ms", "unknown unit"),
    ],
)
def test_wrong_impairments_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        impairment.parse(text)


def through(
    what: Impairment, count: int = 1000, gap: float = 0.001
) -> tuple[Direction, list[tuple[float, Frame]]]:
    """``count`` numbered frames through one direction: when and which came out."""
    direction = Direction(what, random.Random(what.seed))
    out: list[tuple[float, Frame]] = []
    for number in range(count):
        direction.put(Frame(number.to_bytes(4, "big") + bytes(96)), number * gap)
        out += [(number * gap, frame) for frame in direction.take(number * gap)]
    while (at := direction.deadline()) is not None:
        out += [(at, frame) for frame in direction.take(at)]
    return direction, out


def numbers(out: list[tuple[float, Frame]]) -> list[int]:
    return [int.from_bytes(frame.data[:4], "big") for _at, frame in out]


def test_loss_duplication_and_corruption_have_their_chances_and_are_repeatable() -> None:
    what = Impairment(loss=0.1, duplicate=0.05, corrupt=0.02, seed=3)
    direction, out = through(what)
    counters = direction.counters
    assert counters.lost == pytest.approx(100, abs=35)
    assert counters.duplicated == pytest.approx(45, abs=25)
    assert counters.corrupted == pytest.approx(18, abs=15)
    assert len(out) == 1000 - counters.lost + counters.duplicated
    assert through(what)[1] == out
    assert through(Impairment(loss=0.1, seed=4))[1] != through(Impairment(loss=0.1, seed=5))[1]


def test_corruption_flips_one_bit() -> None:
    _direction, out = through(Impairment(corrupt=1.0), 1)
    original = bytes(100)
    assert sum((a ^ b).bit_count() for a, b in zip(out[0][1].data, original, strict=True)) == 1


def test_delay_jitter_and_order() -> None:
    _direction, out = through(Impairment(delay=0.05, jitter=0.01))
    assert numbers(out) == list(range(1000))
    assert all(
        0.039 <= at - number * 0.001 <= 0.061 for (at, _f), number in zip(out, numbers(out), strict=True)
    )
    direction, out = through(Impairment(delay=0.05, reorder=0.1))
    assert numbers(out) != sorted(numbers(out))
    assert direction.counters.reordered == pytest.approx(100, abs=35)
    assert numbers(through(Impairment(reorder=0.1), gap=0.0001)[1]) != list(range(1000))


def test_a_rate_spaces_frames_and_a_full_queue_drops() -> None:
    _direction, out = through(Impairment(rate=80_000), 20, gap=0.0)
    assert [round(at, 6) for at, _frame in out] == [round(0.01 * (n + 1), 6) for n in range(20)]
    direction, out = through(Impairment(rate=80_000, limit=5), 20, gap=0.0)
    assert (len(out), direction.counters.overflowed) == (5, 15)


def test_impaired_devices_cut_large_frames_and_delay_both_ways() -> None:
    near, far = cable(*MACS, offload=FULL_OFFLOAD)
    impaired = Impair(near, Impairment(delay=0.1))
    assert impaired.offload == NO_OFFLOAD
    assert impaired.send(super_frame(bytes(2500)), 1.0)
    assert far.receive(1.0) == []
    assert impaired.deadline() == 1.1
    far.send(super_frame(bytes(2500)), 1.0)
    assert impaired.receive(1.0) == []
    assert len(impaired.receive(1.1)) == 3
    assert len(far.receive(1.1)) == 3
    assert impaired.deadline() is None
    limited = Impair(near, Impairment(delay=1.0, limit=2))
    assert not limited.send(super_frame(bytes(2500)), 2.0)


def test_a_change_concerns_what_is_sent_after_it() -> None:
    near, far = cable(*MACS)
    impaired = Impair(near, Impairment(delay=0.5))
    impaired.send(Frame(b"slow" * 20), 1.0)
    impaired.change(Impairment(loss=1.0))
    impaired.send(Frame(b"lost" * 20), 1.0)
    far.send(Frame(b"lost" * 20), 1.0)
    assert impaired.receive(1.0) == []
    impaired.change(Impairment())
    far.send(Frame(b"here" * 20), 1.1)
    assert [bytes(frame.data[:4]) for frame in impaired.receive(1.1)] == [b"here"]
    assert impaired.receive(1.5) == []
    assert [bytes(frame.data[:4]) for frame in far.receive(1.5)] == [b"slow"]


def test_a_change_of_lo_concerns_the_way_out() -> None:
    """What passes lo passes it once, before and after."""
    impaired = Impair(loopback(), Impairment())
    impaired.change(Impairment(delay=1.0))
    impaired.send(Frame(b"lo" * 40), 1.0)
    assert impaired.receive(1.5) == []
    assert len(impaired.receive(2.0)) == 1
