"""When ptrace-net cannot do its work it says so in one line that names the remedy, with status 125."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import deny
from support.leftovers import descendants, left_behind
from support.runner import HOST, HOST_PTRACE, PTRACE_NET, Runner

NEEDS = ["strace"]

OWN_FAILURE = 125
LOOPBACK = "import socket; s = socket.socket(10, 1); s.bind(('::1', 0)); print(s.getsockname()[0])"


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = descendants()
    yield
    assert left_behind(before) == []


def complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line that ptrace-net wrote; the program must not have run."""
    said = done.stderr.decode()
    assert done.returncode == OWN_FAILURE, said
    assert done.stdout == b""
    assert re.fullmatch(r"ptrace-net: .+\n", said), said
    return said


def test_already_traced(tmp_path: Path) -> None:
    """Under `strace -f` every child already has a tracer, and a process can have but one."""
    words = ["strace", "-f", "-o", tmp_path / "log", *HOST_PTRACE, "echo", "ran"]
    assert "trace" in complaint(Runner("strace").run(*words)).removeprefix("ptrace-net: ")


def test_ptrace_denied_by_a_filter() -> None:
    words = [sys.executable, deny.__file__, *HOST_PTRACE, "echo", "ran"]
    said = complaint(Runner("deny").run(*words))
    assert "ptrace" in said.removeprefix("ptrace-net: ")
    assert "container" in said or "seccomp" in said


def test_without_ptrace_notifications_alone_will_do(tmp_path: Path) -> None:
    for prefix in (["strace", "-f", "-o", tmp_path / "log"], [sys.executable, deny.__file__]):
        done = Runner("auto").run(*prefix, *HOST, sys.executable, "-c", LOOPBACK)
        assert (done.stdout, done.stderr, done.returncode) == (b"::1\n", b"", 0)


def test_the_filter_denies_ptrace(tmp_path: Path) -> None:
    """The two tests above mean something: natively the same surroundings let the program run."""
    for prefix in (["strace", "-f", "-o", tmp_path / "log"], [sys.executable, deny.__file__]):
        assert Runner("native").run(*prefix, "echo", "ran").stdout == b"ran\n"
    refused = Runner("native").run(sys.executable, deny.__file__, "strace", "true")
    assert b"Operation not permitted" in refused.stderr


POLICIES = {
    "not TOML": ("[rules\n", "line 1"),
    "unknown key": ('\n\nno-such-key = "here"\n', "no-such-key"),
    "not UTF-8": (b"\xff\xfe = 1\n".decode("latin-1"), ""),
}


@pytest.mark.parametrize("name", POLICIES)
def test_bad_policy_file(tmp_path: Path, name: str) -> None:
    text, named = POLICIES[name]
    file = tmp_path / "my-policy.toml"
    file.write_bytes(text.encode("latin-1"))
    said = complaint(Runner("policy").run(*HOST[:-1], "--policy", file, "--", "echo", "ran"))
    assert "my-policy.toml" in said
    assert named in said


def test_absent_policy_file(tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    said = complaint(Runner("policy").run(*HOST[:-1], "--policy", absent, "--", "echo", "ran"))
    assert "absent.toml" in said


WRONG = [
    ["--no-such-option", "--", "echo"],
    ["--net", "wrong", "--", "echo"],
    ["--trace", "file", "--", "echo"],
    ["--"],
]


@pytest.mark.parametrize("words", WRONG)
def test_wrong_command_line(words: list[str]) -> None:
    done = Runner("usage").run(*PTRACE_NET, *words)
    assert (done.returncode, done.stdout) == (OWN_FAILURE, b"")
    assert b"ptrace-net" in done.stderr
    assert b"Traceback" not in done.stderr


def test_trace_on_a_full_disk() -> None:
    """The trace ends, with a word about it; the program does not."""
    connects = "import socket\nfor _ in range(3): socket.socket().connect_ex(('127.0.0.1', 1))\nprint('ran')"
    for form in ([], ["--json"]):
        words = [*HOST[:-1], "--trace=/dev/full", *form, "--", sys.executable, "-c", connects]
        done = Runner("full").run(*words)
        assert (done.returncode, done.stdout) == (0, b"ran\n")
        assert done.stderr.endswith(b": the trace ends here, the program goes on: No space left on device\n")
        assert done.stderr.count(b"\n") == 1
