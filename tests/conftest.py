"""Shared by all tests: which ptrace_net is under test, and the command that runs it.

The suite runs twice: against the checkout (`ptrace_net` found through the working directory) and against the
installed wheel (from another working directory). Child processes must find the same one, wherever they are
started, so the checkout's root goes into PYTHONPATH in the first case only.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

import ptrace_net

ROOT = Path(__file__).resolve().parent.parent
IN_TREE = Path(ptrace_net.__file__).resolve().is_relative_to(ROOT / "ptrace_net")

if IN_TREE and os.environ.get("PTRACE_NET_TESTED") == "installed":
    raise pytest.UsageError(f"the suite is to test the installed ptrace_net, but found {ptrace_net.__file__}")
if IN_TREE:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


# A busy machine may need longer than hypothesis thinks for one example; tests have a time limit as a whole.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# A shell without job control starts background jobs with these ignored, and programs of tests inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_report_header() -> str:
    """Say in the first lines of a run what is being tested."""
    return f"ptrace_net: {'the checkout' if IN_TREE else 'installed'} ({Path(ptrace_net.__file__).parent})"


@pytest.fixture(scope="session")
def ptrace_net_command() -> list[str]:
    """The argument vector that starts the ptrace-net under test; append options, ``--`` and a program."""
    return [sys.executable, "-m", "ptrace_net"]
