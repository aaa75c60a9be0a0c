"""A thread is kept on our CPU for a moment, and nobody notices afterwards."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from ptrace_net import placement

CPUS = sorted(os.sched_getaffinity(0))
several = pytest.mark.skipif(len(CPUS) < 2, reason="this machine lets us use one CPU")


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


@several
def test_it_is_brought_and_released(sleeper: int) -> None:
    before = os.sched_getaffinity(sleeper)
    ours = placement.bring(sleeper)
    assert ours is not None
    assert len(os.sched_getaffinity(sleeper)) == 1
    placement.release(sleeper, ours)
    assert os.sched_getaffinity(sleeper) == before


@several
def test_what_somebody_else_wants_meanwhile_stays(sleeper: int) -> None:
    ours = placement.bring(sleeper)
    assert ours is not None
    (here,) = os.sched_getaffinity(sleeper)
    elsewhere = {cpu for cpu in CPUS if cpu != here}
    os.sched_setaffinity(sleeper, elsewhere)
    placement.release(sleeper, ours)
    assert os.sched_getaffinity(sleeper) == elsewhere


def test_nobody_is_moved_who_is_here_already(sleeper: int) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, CPUS[:1])
        os.sched_setaffinity(sleeper, CPUS[:1])
        assert placement.bring(sleeper) is None
    finally:
        os.sched_setaffinity(0, before)


def test_one_that_is_gone(sleeper: int) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert placement.bring(process.pid) is None
