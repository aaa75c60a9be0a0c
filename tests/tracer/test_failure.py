"""An error that nobody foresaw: told apart from the program's own end. Output that cannot be written."""

import os
import shlex
import subprocess
import sys

import pytest

BROKEN = """
import sys
from ptrace_net import cli
from ptrace_net.syscalls import names
def broken(call, sockets):
    raise ZeroDivisionError("unforeseen")
from ptrace_net.syscalls import dispatch
dispatch.HANDLERS["bind"] = broken
sys.exit(cli.main(sys.argv[1:]))
"""
BINDS = "import socket, time; socket.socket(socket.AF_INET6).bind(('::', 0)); time.sleep(60)"


def test_an_unforeseen_error_has_a_status_of_its_own_and_ends_the_programs() -> None:
    command = [sys.executable, "-c", BROKEN, "--", sys.executable, "-c", BINDS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 125
    assert "ZeroDivisionError: unforeseen" in done.stderr
    assert "ptrace-net: this is an error of ptrace-net itself" in done.stderr


COMMANDS = ("policy list", "policy show starry", "explain bind", "ps", "ss")


@pytest.mark.parametrize("words", COMMANDS)
def test_what_is_printed_need_not_be_read(words: str, ptrace_net_command: list[str]) -> None:
    """A closed output is as good as /dev/null, a reader that goes away too; a full disk is told."""

    def said(redirected: str) -> tuple[int, str]:
        line = f"{shlex.join(ptrace_net_command)} {words} {redirected}"
        done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    assert said(">/dev/full") == (125, "ptrace-net: output: No space left on device\n")
    assert said(">&-") == (0, "")
    read, written = os.pipe()
    os.close(read)
    with open(written, "wb") as gone:
        done = subprocess.run([*ptrace_net_command, *words.split()], stdout=gone, stderr=subprocess.PIPE,
                              timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"rror" not in done.stderr
