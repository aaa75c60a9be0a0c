"""What TCP makes of losses: the scoreboard of SACK, and which bytes are sent again."""

from hypothesis import given
from hypothesis import strategies as st

from ptrace_net.stack.tcp.recovery import Phase, Recovery
from ptrace_net.stack.tcp.sack import Scoreboard


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=30), st.integers(0, 240))
def test_the_scoreboard_is_a_set_of_bytes(blocks: list[tuple[int, int]], una: int) -> None:
    board, model = Scoreboard(), set()
    for start, size in blocks:
        fresh = set(range(start, start + size)) - model
        assert board.add(start, start + size) is bool(fresh)
        model |= fresh
    board.advance(una)
    model = {at for at in model if at >= una}
    assert board.sacked == len(model)
    assert {at for a, b in board.ranges for at in range(a, b)} == model
    assert board.highest == (max(model) + 1 if model else 0)
    assert board.covered(20, 120) == len(model & set(range(20, 120)))
    missing = [at for at in range(una, 250) if at not in model]
    hole = board.hole(una, 250)
    assert (hole[0] if hole else None) == (missing[0] if missing else None)
    if hole:
        assert set(range(*hole)) <= set(missing)
        assert hole[1] == 250 or hole[1] in model
    board.clear()
    assert (board.sacked, board.highest) == (0, 0)


def test_three_ranges_or_two_segments_above_mean_lost() -> None:
    board = Scoreboard()
    board.add(100, 110)
    assert board.lost_edge(100) == 0
    board.add(300, 501)
    assert board.lost_edge(100) == 300
    small = Scoreboard()
    for start in (10, 30, 50):
        small.add(start, start + 1)
    assert small.lost_edge(100) == 10


def test_recovery_with_sack_resends_the_holes_once() -> None:
    recovery = Recovery(100, sack=True)
    for start in (100, 300, 400, 500):
        recovery.board.add(start, start + 100)
    assert recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    assert recovery.phase is Phase.RECOVERY
    assert recovery.pipe(0, 1000) == 1000 - 400 - 200
    holes = []
    while lost := recovery.next_lost(0, 100):
        holes.append(lost)
        recovery.resent(*lost, 1000)
    assert holes == [(0, 100), (200, 300)]
    assert recovery.pipe(0, 1000) == 600
    # what was sent after the retransmissions arrives, they do not
    recovery.board.add(1000, 1400)
    assert not recovery.on_ack(0, 1500, advanced=False, duplicate=True)
    assert recovery.next_lost(0, 50) == (0, 50)
    recovery.resent(0, 50, 1500)
    assert recovery.next_lost(0, 100) == (50, 100)
    recovery.board.add(50, 100)
    assert recovery.next_lost(0, 100) == (200, 300)
    assert recovery.pipe(0, 1500) > 0
    recovery.on_ack(1500, 1500, advanced=True, duplicate=False)
    assert (recovery.phase, recovery.next_lost(1500, 100)) == (Phase.OPEN, None)


def test_recovery_forgets_retransmissions_that_arrived() -> None:
    recovery = Recovery(100, sack=True)
    recovery.board.add(100, 500)
    recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    recovery.resent(0, 100, 1000)
    recovery.board.add(1000, 1400)
    recovery.on_ack(600, 1400, advanced=True, duplicate=False)
    assert not recovery.again


def test_recovery_without_sack_is_newreno() -> None:
    recovery = Recovery(100)
    for _ in range(2):
        assert not recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    assert recovery.pipe(0, 1000) == 800
    assert recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    assert recovery.next_lost(0, 500) == (0, 100)
    recovery.resent(0, 100, 1000)
    assert not recovery.on_ack(300, 1000, advanced=True, duplicate=False)
    assert recovery.next_lost(300, 500) == (300, 400)
    assert not recovery.on_ack(1000, 1000, advanced=True, duplicate=False)
    assert recovery.phase is Phase.OPEN
    assert not recovery.on_ack(1000, 1000, advanced=False, duplicate=False)


def test_after_a_timeout_everything_is_lost() -> None:
    recovery = Recovery(100)
    recovery.on_timeout(0, 500)
    assert (recovery.phase, recovery.pipe(0, 500)) == (Phase.LOSS, 0)
    assert recovery.next_lost(0, 200) == (0, 200)
    recovery.resent(0, 200, 500)
    assert recovery.pipe(0, 500) == 200
