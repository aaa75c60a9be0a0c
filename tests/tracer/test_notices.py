"""What is said of programs that lose something under an ordinary user's supervision."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.deadline import wait_until

from ptrace_net import notices


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as child:
        comm = Path(f"/proc/{child.pid}/comm")
        wait_until(lambda: comm.read_text() == "sleep\n", "the exec", 5)
        yield child.pid
        child.kill()


def test_out_of_reach_is_said_once(sleeper: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's files in /proc are what an ordinary user sees of a program that may not be dumped."""
    owner = os.stat(f"/proc/{sleeper}/fd").st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    said: list[str] = []
    look = notices.executed(said.append)
    look(sleeper)
    look(sleeper)
    assert len(said) == 1
    assert said[0].startswith("sleep: its sockets do not work")


@pytest.mark.parametrize("user", [0, os.geteuid()])
def test_nothing_is_said_where_nothing_is_lost(
    sleeper: int, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    said: list[str] = []
    notices.executed(said.append)(sleeper)
    assert said == []


def test_a_thread_that_is_gone_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    said: list[str] = []
    notices.executed(said.append)(1 << 22)
    assert said == []
