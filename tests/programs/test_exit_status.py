"""The status and the surroundings of a program: ptrace-net must not be noticed, except where it must speak.

Natively the status is what a shell shows: 128 + n after signal n, 127 not found, 126 not executable.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.deadline import read_line, wait_until
from support.runner import Runner

SHELL_STATUS = '"$@"; echo "status $?" >&2'
WRAPPER = ("sh", "-c", SHELL_STATUS, "sh")

PROGRAMS = {
    "true": (["true"], 0),
    "false": (["false"], 1),
    "exit 3": (["sh", "-c", "exit 3"], 3),
    "exit 255": (["sh", "-c", "exit 255"], 255),
    "last of a pipeline": (["sh", "-c", "true | (exit 9)"], 9),
    "SIGTERM": (["sh", "-c", "kill -TERM $$"], 143),
    "SIGKILL": (["sh", "-c", "kill -KILL $$"], 137),
    "SIGSEGV": (["sh", "-c", "ulimit -c 0; kill -SEGV $$"], 139),
    "SIGPIPE": (["sh", "-c", "trap - PIPE; kill -PIPE $$"], 141),
    "SIGRTMIN": (["sh", "-c", "kill -34 $$"], 162),
    "not found": (["no-such-program-here"], 127),
    "no such path": (["./no/such/path"], 127),
    "a directory": (["/tmp/"], 126),
    "not executable": (["/etc/passwd"], 126),
}


def shell(runner: Runner, *argv: str | Path, **how: object) -> subprocess.CompletedProcess[bytes]:
    """Run through a shell that reports the status on the last line of standard error."""
    words = [*runner.enter, *WRAPPER, *runner.supervise, *map(str, argv)]
    return Runner(runner.name).run(*words, **how)


def status(done: subprocess.CompletedProcess[bytes]) -> int:
    return int(done.stderr.decode().splitlines()[-1].removeprefix("status "))


@pytest.mark.parametrize("name", PROGRAMS)
def test_status(runner: Runner, name: str) -> None:
    argv, expected = PROGRAMS[name]
    done = shell(runner, *argv)
    assert status(done) == expected, done.stderr.decode()
    assert done.stdout == b""


@pytest.mark.parametrize("name", ["not found", "no such path", "a directory", "not executable"])
def test_what_could_not_be_started_is_named(supervised: Runner, name: str) -> None:
    argv, _ = PROGRAMS[name]
    said = supervised.run(*argv).stderr.decode()
    assert said.startswith("ptrace-net: ")
    assert argv[0] in said
    assert said.count("\n") == 1


def test_streams_are_untouched(runner: Runner) -> None:
    data = os.urandom(1 << 20)
    done = runner.run("sh", "-c", "cat; echo told >&2", input=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"told\n")


SURROUNDINGS = {
    "signals": 'grep -E "^Sig(Blk|Ign|Cgt)|^ShdPnd" /proc/self/status',
    "descriptors": "for fd in /proc/self/fd/*; do readlink -f $fd | sed 's/[0-9]*//g'; done",
    "environment": "env | grep -v '^_=' | sort",
    "limits": "ulimit -a; ulimit -H -a; umask; nice; pwd",
    "scheduling": "chrt -p $$ | cut -d: -f2; taskset -p $$ | cut -d: -f2",
    "arguments": "tr '\\0' '\\n' < /proc/self/cmdline; cat /proc/self/comm; echo $0",
    "process group": 'test "$(ps -o sid= -p $$)" -eq "$(ps -o pgid= -p $$)" && echo as it was',
    "children": "ps -o comm= --ppid $$",
}


@pytest.mark.parametrize("what", SURROUNDINGS)
def test_surroundings_are_the_native_ones(supervised: Runner, what: str, tmp_path: Path) -> None:
    """Signal dispositions, descriptors, environment, limits… are inherited as they were given."""
    argv = ["sh", "-c", SURROUNDINGS[what]]
    native = Runner("native").run(*argv, cwd=tmp_path)
    under = supervised.run(*argv, cwd=tmp_path)
    assert native.stdout
    assert under.stdout.decode() == native.stdout.decode()


@pytest.mark.parametrize("locale", [(), ("LC_CTYPE=C",), ("LC_CTYPE=C.UTF-8",)], ids=" ".join)
def test_without_a_locale_none_is_given(supervised: Runner, locale: tuple[str, ...]) -> None:
    """Python gives itself and its children an LC_CTYPE where the locale is C (PEP 538)."""
    bare = ["env", "-u", "LC_ALL", "-u", "LANG", "-u", "LC_CTYPE", *locale]
    look = ["sh", "-c", "env | grep -v '^_=' | sort"]
    native = Runner("native").run(*bare, *look)
    under = Runner("bare").run(*bare, *supervised.command(*look))
    assert native.stdout
    assert under.stdout.decode() == native.stdout.decode()


def test_closed_standard_input_stays_closed(supervised: Runner) -> None:
    """What ptrace-net opens for itself must not turn up as the program's descriptor 0."""
    look = ["sh", "-c", "readlink /proc/$$/fd/0; echo $?"]
    closed = Runner("closed").run("sh", "-c", 'exec "$@" <&-', "sh", *supervised.command(*look))
    assert closed.stdout == b"1\n"


def test_ignored_signals_stay_ignored(supervised: Runner) -> None:
    """What nohup(1) and `trap '' INT` set up reaches the program."""
    done = supervised.run("sh", "-c", "kill -HUP $$; kill -INT $$; echo alive", preexec_fn=ignore_two)
    assert done.stdout == b"alive\n"


def ignore_two() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


HANDLER = """
import signal, sys
signal.signal({n}, lambda *_: sys.exit(9))
print('ready', flush=True)
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signal_sent_to_the_run_reaches_the_program(runner: Runner, number: signal.Signals) -> None:
    """`kill %1`, timeout(1) and service managers signal the process they started, which is ptrace-net."""
    with runner.program(sys.executable, "-c", HANDLER.format(n=int(number)), stdout=subprocess.PIPE) as run:
        assert read_line(run.stdout) == b"ready\n"
        run.send_signal(number)
        assert run.wait(10) == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signal_ignored_at_first_reaches_a_program_that_handles_it(
    runner: Runner, number: signal.Signals
) -> None:
    """Background jobs of a script ignore SIGINT, what nohup(1) starts SIGHUP; servers set handlers anyway."""
    argv = [sys.executable, "-c", HANDLER.format(n=int(number))]
    with runner.program(*argv, stdout=subprocess.PIPE, preexec_fn=ignore_two) as run:
        assert read_line(run.stdout) == b"ready\n"
        run.send_signal(number)
        assert run.wait(10) == 9


def test_stop_and_continue_from_outside(runner: Runner, tmp_path: Path) -> None:
    """SIGSTOP of the program (as by a shell's job control) holds it; SIGCONT lets it go on."""
    count = "n=0; while [ $n -lt 5000 ]; do n=$((n+1)); echo $n > count; sleep 0.02; done; echo $$"
    script = f"echo $$ > pid; {count}"
    with runner.program("sh", "-c", script, cwd=tmp_path, stdout=subprocess.DEVNULL) as run:
        pid = int(wait_until(lambda: text(tmp_path / "pid"), "the program started"))
        wait_until(lambda: text(tmp_path / "count"), "counting")
        os.kill(pid, signal.SIGSTOP)
        held = wait_until(lambda: stays(tmp_path / "count"), "standing still")
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: text(tmp_path / "count") not in ("", held), "counting again")
        os.kill(pid, signal.SIGTERM)
        assert run.wait(10) in (-signal.SIGTERM, 128 + signal.SIGTERM)


def text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def stays(file: Path) -> str:
    """The file's text if it is the same for a fifth of a second, else the empty string."""
    first = text(file)
    try:
        wait_until(lambda: text(file) != first, "a change", 0.2)
    except TimeoutError:
        return first
    return ""
