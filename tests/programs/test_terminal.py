"""ptrace-net at an interactive shell: ^C, ^Z, fg, bg and the background behave as natively."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.deadline import wait_until
from support.leftovers import descendants, left_behind
from support.runner import Runner, environment
from support.terminal import INTERRUPT, QUIT, SUSPEND, Terminal

NEEDS = ["bash", "stty"]

COUNT = "import time\nfor n in range(400): print(f'[{n}]', flush=True); time.sleep(0.05)"
SERVER = """
import socket
s = socket.create_server(('::1', 0), family=socket.AF_INET6)
print('up', flush=True)
s.accept()
"""
CATCHER = f"""
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
{SERVER}
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    before = descendants()
    with Terminal(tmp_path, environment()) as shell:
        yield shell
    assert left_behind(before) == []


def line(runner: Runner, script: str) -> str:
    return shlex.join(runner.command(sys.executable, "-c", script))


def jobs_gone(terminal: Terminal) -> bool:
    return not psutil.Process(terminal.shell.pid).children(recursive=True)


def test_interrupt_ends_program_and_supervisor(runner: Runner, terminal: Terminal) -> None:
    """^C while the program is blocked in accept."""
    terminal.command(line(runner, SERVER))
    terminal.expect("^up\n")
    terminal.send(INTERRUPT)
    terminal.expect("KeyboardInterrupt")
    assert terminal.status() == 130
    wait_until(lambda: jobs_gone(terminal), "all processes of the job gone")


def test_interrupt_can_be_caught(runner: Runner, terminal: Terminal) -> None:
    terminal.command(line(runner, CATCHER))
    terminal.expect("^up\n")
    terminal.send(INTERRUPT)
    assert terminal.status() == 7


def test_interrupt_kills_a_program_that_does_not_catch_it(runner: Runner, terminal: Terminal) -> None:
    terminal.command(shlex.join(runner.command("sh", "-c", "echo up; exec sleep 60")))
    terminal.expect("^up\n")
    terminal.send(INTERRUPT)
    assert terminal.status() == 130
    wait_until(lambda: jobs_gone(terminal), "all processes of the job gone")


def test_quit_key(runner: Runner, terminal: Terminal) -> None:
    terminal.command("ulimit -c 0")
    terminal.command(line(runner, "print('up', flush=True); __import__('time').sleep(60)"))
    terminal.expect("^up\n")
    terminal.send(QUIT)
    assert terminal.status() == 131
    wait_until(lambda: jobs_gone(terminal), "all processes of the job gone")


def test_suspend_and_foreground(runner: Runner, terminal: Terminal) -> None:
    """^Z stops program and supervisor and gives the prompt back; fg goes on where it was."""
    terminal.command(line(runner, COUNT))
    terminal.expect(r"\[3\]")
    terminal.send(SUSPEND)
    terminal.expect(r"\[1\]\+\s+Stopped")
    assert terminal.status() == 148
    terminal.command("echo quiet; sleep 0.3; echo now")
    silence = terminal.expect(r"^quiet\n(.*)now\n")
    assert silence[1] == ""
    terminal.command("fg")
    terminal.expect(r"\[\d+\]\n\[\d+\]\n")
    terminal.send(INTERRUPT)
    assert terminal.status() == 130
    wait_until(lambda: jobs_gone(terminal), "all processes of the job gone")


def test_suspend_and_background(runner: Runner, terminal: Terminal) -> None:
    """bg after ^Z: it runs on beside the shell, and `kill %1` ends it."""
    terminal.command(line(runner, COUNT))
    terminal.expect(r"\[3\]")
    terminal.send(SUSPEND)
    terminal.expect(r"\[1\]\+\s+Stopped")
    terminal.command("bg")
    terminal.expect(r"\[\d+\]\n\[\d+\]\n")
    terminal.command("kill %1; wait %1; echo ended=$?")
    assert terminal.expect(r"^ended=(\d+)\n")[1] == "143"
    wait_until(lambda: jobs_gone(terminal), "all processes of the job gone")


def test_started_in_the_background(runner: Runner, terminal: Terminal) -> None:
    """`&`: it neither stops for the terminal's sake nor takes ^C that is meant for the foreground."""
    terminal.command(line(runner, COUNT) + " > counted &")
    terminal.expect(r"\[1\] \d+\n")
    counted = terminal.folder / "counted"
    wait_until(lambda: counted.exists() and "[3]" in counted.read_text(), "counting")
    terminal.command("sh -c 'echo foreground; exec sleep 30'")
    terminal.expect("^foreground\n")
    terminal.send(INTERRUPT)
    assert terminal.status() == 130
    size = counted.stat().st_size
    wait_until(lambda: counted.stat().st_size > size, "counting on")
    terminal.command("kill %1; wait %1; echo ended=$?")
    assert terminal.expect(r"^ended=(\d+)\n")[1] == "143"


def test_reading_in_the_background_stops_the_job(runner: Runner, terminal: Terminal) -> None:
    """SIGTTIN: a background program that reads from the terminal is stopped until fg."""
    terminal.command(shlex.join(runner.command("sh", "-c", "read word; echo got $word")) + " &")
    terminal.expect(r"\[1\] \d+\n")
    wait_until(lambda: stopped(terminal), "stopped by SIGTTIN")
    terminal.command("fg")
    terminal.expect("sh -c .*\n")
    terminal.command("apple")
    terminal.expect(r"^got apple\n")
    assert terminal.status() == 0


def stopped(terminal: Terminal) -> bool:
    """Whether the shell's job is in the stopped state for its parent, the shell."""
    terminal.command("jobs")
    terminal.command("echo asked")
    return "Stopped" in terminal.expect(r"(?s)(.*)asked\n")[1]


def test_terminal_is_the_programs(runner: Runner, terminal: Terminal) -> None:
    terminal.command("stty rows 33 cols 77")
    look = "test -t 0 -a -t 1 -a -t 2 && stty size && ps -o stat= $$"
    terminal.command(shlex.join(runner.command("sh", "-c", look)))
    assert terminal.expect(r"^33 77\n(\S+)\n")[1].endswith("+")  # in the foreground process group
    assert terminal.status() == 0
