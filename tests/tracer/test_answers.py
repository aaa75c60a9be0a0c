"""What engines do with the answers that put descriptors in place or let a call wait (c/answers.c).

The handlers are the test's own (answering.py); what the program must see is the same under every engine and
in both word sizes.
"""

import os
import sys
from pathlib import Path

import pytest
from support.build import M32, compile_c
from support.runner import Runner

HERE = Path(__file__).parent
ENGINES = ["ptrace", "notify"]

SEEN = {
    ("MadeOther", "made"): """\
plain: "made" 4, cloexec 0, nonblock 0
flags: "made" 4, cloexec 1, nonblock 1
sockets: 0 descriptors more, 0 mappings
accept: "accepted" 8, cloexec 0, nonblock 0
peer: 7 peer
accept4: "accepted" 8, cloexec 1, nonblock 1
accepts: 0 descriptors more, 0 mappings
""",
    ("MadeKept", "kept"): """\
kept: "" -1, cloexec 1, nonblock 0
sockets: 0 descriptors more, 0 mappings
""",
    ("MadeFails", "refused"): """\
socket: -1 ENOBUFS
accept: -1 ENOBUFS
the peer reads: 0
after: 0 descriptors more, 0 mappings
""",
    ("Replaced", "replaced"): """\
connect: 0
connected: "new" 3, cloexec 0, nonblock 0
connect: 0
connected: "new" 3, cloexec 1, nonblock 0
connect: 0
connected: "new" 3, cloexec 0, nonblock 1
connect: -1 EINPROGRESS
connected: "new" 3, cloexec 0, nonblock 0
the copy: "" -1, cloexec 0, nonblock 0
another: -1 EBADF
later: 0
came: "late" 4, cloexec 0, nonblock 0
after: 0 descriptors more, 0 mappings
""",
    ("Replaced", "storm"): """\
failed 0, wrong 0, caught some 1
after: 0 descriptors more, 0 mappings
""",
    ("Replaced", "threads"): "failed 0, 0 descriptors more\n",
    ("Replaced", "killed"): "killed 30\n",
    ("Replaced", "full"): "connect: 0 or EMFILE\ndup: 0\n",
    ("Parking", "parked"): """\
listen(0, 0): 100
listen(0, 1): 101
listen(0, 2): -1 ETIMEDOUT
listen(0, 0): 100
stopped by 19
ended by 15
""",
    ("Parking", "signals"): """\
listen(0, RUNG | 3): -1 EINTR
listen(0, RUNG | 1): 101
listen(0, 0): 100
listen(1, RUNG | 3): -1 EINTR
caught 3
""",
    ("Waiting", "waits"): """\
listen(pair[0], 1): -1 ETIMEDOUT
listen(pair[0], 1): -1 ETIMEDOUT
woken till the last 0
closed: -1 EBADF
listen(pair[0], RUNG): -1 EINTR
listen(pair[0], RUNG | 1): -1 EINTR
caught 2
""",
    ("Serving", "serving"): "while idle 1\nwhile busy 1\nfor a child 1\n",
}
IN_32_BITS = ["made", "refused", "replaced", "storm", "parked", "signals", "waits"]

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86-64 programs")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


def check(engine: str, scenario: str, mode: str, program: Path) -> None:
    runner = Runner(engine, (sys.executable, str(HERE / "answering.py"), engine, scenario))
    done = runner.run(program, mode)
    assert done.stderr.decode() == ""
    lines = [line.rstrip() for line in done.stdout.decode().splitlines()]
    assert lines == SEEN[scenario, mode].splitlines()
    assert done.returncode == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("scenario", "mode"), SEEN)
def test_answers(folder: Path, engine: str, scenario: str, mode: str) -> None:
    check(engine, scenario, mode, compile_c(HERE / "c" / "answers.c", folder))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("scenario", "mode"), [each for each in SEEN if each[1] in IN_32_BITS])
def test_answers_in_32_bits(folder: Path, engine: str, scenario: str, mode: str) -> None:
    check(engine, scenario, mode, compile_c(HERE / "c" / "answers.c", folder, *M32))
