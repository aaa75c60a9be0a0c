"""An error that nobody foresaw: told apart from the program's own end."""

import subprocess
import sys

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
