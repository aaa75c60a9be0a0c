"""Births, changes and deaths of tasks: nobody escapes, and nothing else is different (c/lives.c)."""

import os
import sys
from pathlib import Path

import pytest
from support.build import M32, compile_c
from support.runner import PTRACE_NET, Runner

HERE = Path(__file__).parent
ENGINES = ["ptrace", "notify"]
NATIVE = Runner("native")

# What must be as natively, line by line.
SAME = [
    "vfork_exec", "spawned", "untraced", "untraced3", "shares_memory", "exec_thread", "dead_leader", "tables",
    "many_threads", "hasty_close", "spoiled_lengths", "killed_in_calls", "not_dumpable",
]  # fmt: skip
IN_32_BITS = ["vfork_exec", "untraced", "untraced3", "exec_thread", "dead_leader", "hasty_close", "tables"]

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86-64 programs")


def under(engine: str) -> Runner:
    return Runner(engine, (*PTRACE_NET, "--net", "host", "--engine", engine, "--"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lives")


@pytest.fixture(scope="session")
def lives(folder: Path) -> Path:
    return compile_c(HERE / "c" / "lives.c", folder)


@pytest.fixture(scope="session")
def lives32(folder: Path) -> Path:
    return compile_c(HERE / "c" / "lives.c", folder, *M32)


def compare(engine: str, *argv: str | Path) -> None:
    native, seen = NATIVE.run(*argv), under(engine).run(*argv)
    assert seen.stderr.decode() == native.stderr.decode()
    assert seen.stdout.decode().splitlines() == native.stdout.decode().splitlines()
    assert seen.returncode == native.returncode
    assert native.stdout


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", SAME)
def test_as_natively(lives: Path, engine: str, mode: str) -> None:
    if mode == "not_dumpable" and os.geteuid() != 0:
        pytest.skip("such a program is out of an ordinary user's reach")
    compare(engine, lives, mode)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", IN_32_BITS)
def test_as_natively_in_32_bits(lives32: Path, engine: str, mode: str) -> None:
    compare(engine, lives32, mode)


def test_clone3_from_read_only_memory_is_told_to_use_clone(lives: Path) -> None:
    done = under("ptrace").run(lives, "untraced3_const")
    assert done.stdout == b"clone3 Function not implemented\n"
    compare("notify", lives, "untraced3_const")


@pytest.mark.parametrize("engine", ENGINES)
def test_int80_with_rubbish_in_the_high_halves_is_no_escape(lives: Path, engine: str) -> None:
    assert NATIVE.run(lives, "dirty_registers").stdout == b"bind 0\nlisten 0\nin the host's table: 1\n"
    done = under(engine).run(lives, "dirty_registers")
    assert done.stdout == b"bind 0\nlisten 0\nin the host's table: 0\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_x32_and_io_uring_do_not_exist(lives: Path, engine: str) -> None:
    said = under(engine).run(lives, "refused").stdout.decode()
    assert said == "x32 -1 Function not implemented\nio_uring -1 Function not implemented\n"


def test_a_tracer_inside_is_told_that_its_child_is_traced(lives: Path) -> None:
    assert under("ptrace").run(lives, "traces").stdout.startswith(b"PTRACE_TRACEME Operation not permitted\n")
    compare("notify", lives, "traces")


@pytest.mark.parametrize("engine", ENGINES)
def test_inside_another_run(engine: str) -> None:
    """A task has one tracer, and its filters one listener: the inner run says so and names a remedy."""
    done = under(engine).run(*under(engine).supervise, "echo", "ran")
    assert (done.returncode, done.stdout) == (125, b"")
    said = done.stderr.decode()
    assert said.startswith("ptrace-net: ")
    assert said.count("\n") == 1
    assert "end that one" in said


LIMITS = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
MANY = """
import os, socket
hold, release = os.pipe()
def child():
    os.close(release)
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.bind(('::1', 0))
        named = s.getsockname()[0] == '::1'
    os.read(hold, 1)
    os._exit(not named)
for _ in range(40):
    os.fork() or child()
os.close(release)
print(sum(os.wait()[1] != 0 for _ in range(40)))
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_the_limit_of_descriptors_is_the_programs_own(engine: str) -> None:
    shell = 'ulimit -Sn 250; exec "$@"'
    done = NATIVE.run("sh", "-c", shell, "sh", *under(engine).command(sys.executable, "-c", LIMITS))
    assert done.stdout.startswith(b"(250, ")


def test_more_processes_than_descriptors_for_them() -> None:
    """The supervisor's own limit is not the program's trouble."""
    shell = 'ulimit -n 30; exec "$@"'
    done = NATIVE.run("sh", "-c", shell, "sh", *under("ptrace").command(sys.executable, "-c", MANY))
    assert (done.stdout, done.stderr) == (b"0\n", b"")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "status"), [("no-such-program-here", 127), ("", 127), ("/etc/passwd", 126)])
def test_failures_with_closed_streams_keep_the_status(engine: str, name: str, status: int) -> None:
    """Nothing that ptrace-net says may turn up on standard output."""
    closed = 'exec 2>&- <&-; "$@"; echo "status $?"'
    done = NATIVE.run("sh", "-c", closed, "sh", *under(engine).command(name))
    assert done.stdout.decode() == f"status {status}\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_closed_streams_stay_closed_for_the_program(engine: str) -> None:
    look = "import os; os._exit(sum(1 << n for n in range(3) if os.path.exists(f'/proc/self/fd/{n}')))"
    argv = [sys.executable, "-S", "-c", look]
    for words, left in (("<&-", 6), (">&-", 5), ("<&- >&- 2>&-", 0)):
        done = NATIVE.run("sh", "-c", f'"$@" {words}', "sh", *under(engine).command(*argv))
        assert done.returncode == left, words


@pytest.mark.parametrize("engine", ENGINES)
def test_words_of_the_program_are_its_own(engine: str) -> None:
    done = NATIVE.run(*PTRACE_NET, "--engine", engine, "echo", "--trace", "-t", "--", "--json")
    assert (done.stdout, done.stderr) == (b"--trace -t -- --json\n", b"")
