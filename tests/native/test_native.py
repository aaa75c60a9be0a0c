"""A program prints the same natively and under ptrace-net.

The native kernel is the oracle: nothing is expected here but what it answers in the same minute. The
programs print nothing that differs between two native runs, which the first test asserts.

Where the stack provider cannot answer as Linux does, known/PROGRAM.diff has the lines that differ, or for one
engine alone known/PROGRAM-ENGINE.diff, and docs/limitations.md the reasons ("Emulated sockets"): just these,
no more and no fewer. The same of the host provider: known/PROGRAM-host.diff ("IPv6 on IPv4 sockets").
"""

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Run
from .harness import Outcome, Program, has_ipv6_loopback, programs

OPTIONS = [
    ("--net", "host", "--engine", "ptrace"),
    ("--net", "host", "--engine", "notify"),
    ("--net", "stack", "--engine", "ptrace"),
    ("--net", "stack", "--engine", "notify"),
]
KNOWN = Path(__file__).parent / "known"
# docs/limitations.md, "The notification engine".
NOT_UNDER_NOTIFY = {
    "recvmmsg": "its timeout is not looked at, and it takes what is there",
    "control-i386": "timestamps in control messages have the supervisor's word size",
}
SHOWN_LINES = 120

Native = Callable[[Program], Outcome]
pytestmark = pytest.mark.skipif(not has_ipv6_loopback(), reason="the native answers need ::1 on this machine")


def difference(expected: Outcome, seen: Outcome, title: str) -> str:
    """A unified diff of the two outputs, with the statuses and what was said on standard error."""
    was, now = expected.stdout.splitlines(), seen.stdout.splitlines()
    lines = list(difflib.unified_diff(was, now, "native", title, lineterm="", n=4))
    left_out = f"... {len(lines) - SHOWN_LINES} more lines" if len(lines) > SHOWN_LINES else ""
    statuses = f"status: native {expected.status}, {title} {seen.status} (None: it hung and was ended)"
    return "\n".join([statuses, *lines[:SHOWN_LINES], left_out, seen.stderr[-4000:]])


@pytest.mark.parametrize("program", programs(), ids=str)
def test_native_runs_agree(program: Program, native: Native, run: Run) -> None:
    first, second = native(program), run(program)
    assert first.status == 0, difference(first, second, "second native run")
    assert first.stdout.count("\n") > 10
    assert first == second, difference(first, second, "second native run")


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options[1::2]))
@pytest.mark.parametrize("program", programs(), ids=str)
def test_same_under_ptrace_net(program: Program, options: tuple[str, ...], native: Native, run: Run) -> None:
    reason = NOT_UNDER_NOTIFY.get(program.name) or NOT_UNDER_NOTIFY.get(str(program))
    if "notify" in options and "host" in options and reason:
        pytest.skip(reason)
    expected, seen = native(program), run(program, options)
    known = known_differences(program, options)
    if (differing(expected, seen), seen.status) != (known, expected.status):
        pytest.fail(difference(expected, seen, f"ptrace-net {' '.join(options)}"), pytrace=False)


def differing(expected: Outcome, seen: Outcome) -> list[str]:
    """The lines that only one of the two printed, with - and +, in order."""
    was, now = expected.stdout.splitlines(), seen.stdout.splitlines()
    lines = difflib.unified_diff(was, now, lineterm="", n=0)
    return [line.rstrip() for line in lines if not line.startswith(("@@", "---", "+++"))]


def known_differences(program: Program, options: tuple[str, ...]) -> list[str]:
    """What a provider is known to answer otherwise; lines that begin with # say why."""
    names = [f"{program.name}-{options[-1]}", str(program), program.name]
    for name in names if "stack" in options else [f"{program.name}-host"]:
        file = KNOWN / f"{name}.diff"
        if file.exists():
            return [line for line in file.read_text().splitlines() if not line.startswith("#")]
    return []
