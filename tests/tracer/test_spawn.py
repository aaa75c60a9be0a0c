"""Starting, signals and the end: every failure has its step and errno, and leaves no descriptor behind."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.deadline import read_line, wait_until
from support.runner import PTRACE_NET, Runner

from ptrace_net import diagnose
from ptrace_net.abi.arch import I386, X86_64
from ptrace_net.run import exit_status
from ptrace_net.tracer import descendants
from ptrace_net.tracer.filter import assemble
from ptrace_net.tracer.spawn import (
    SpawnError,
    failure_of,
    has_capability,
    has_privilege,
    spawn_notified,
    spawn_traced,
)

ALLOW_ALL = assemble([], (X86_64, I386))
ENGINES = ["ptrace", "notify"]

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter's numbers are x86-64's")


def under(engine: str) -> Runner:
    return Runner(engine, (*PTRACE_NET, "--net", "host", "--engine", engine, "--"))


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


WRONG = [
    ("no-such-program-here", errno.ENOENT),
    ("", errno.ENOENT),
    ("/etc/passwd", errno.EACCES),
    ("/tmp", errno.EACCES),
    ("/etc/passwd/x", errno.ENOTDIR),
]


@pytest.mark.parametrize(("name", "number"), WRONG)
def test_failures_of_exec(name: str, number: int) -> None:
    before = descriptors()
    pid, report = spawn_traced([name], ALLOW_ALL, lambda pid: None)
    failure = failure_of(report)
    os.waitpid(pid, 0)
    assert (failure.step, failure.number) == ("exec", number)
    assert descriptors() <= before


def test_a_script_without_an_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo hi\n")
    script.chmod(0o755)
    pid, report = spawn_traced([str(script)], ALLOW_ALL, lambda pid: None)
    failure = failure_of(report)
    os.waitpid(pid, 0)
    assert (failure.step, failure.number) == ("exec", errno.ENOEXEC)


def test_a_filter_that_the_kernel_refuses() -> None:
    before = descriptors()
    pid, report = spawn_traced(["true"], b"\xff" * 8, lambda pid: None)
    failure = failure_of(report)
    os.waitpid(pid, 0)
    assert (failure.step, failure.number) == ("seccomp", errno.EINVAL)
    with pytest.raises(SpawnError) as caught:
        spawn_notified(["true"], b"\xff" * 8)
    assert (caught.value.step, caught.value.number) == ("seccomp", errno.EINVAL)
    assert descriptors() <= before


def test_seizing_refused() -> None:
    """The child has not executed anything, and is gone."""
    before = descriptors()
    seen = []

    def refuse(pid: int) -> None:
        seen.append(pid)
        raise PermissionError(errno.EPERM, "refused")

    with pytest.raises(SpawnError) as caught:
        spawn_traced(["true"], ALLOW_ALL, refuse)
    assert (caught.value.step, caught.value.number) == ("seize", errno.EPERM)
    assert not os.path.exists(f"/proc/{seen[0]}")
    assert descriptors() <= before


def test_success_reports_nothing() -> None:
    pid, report = spawn_traced(["true"], ALLOW_ALL, lambda pid: None)
    assert failure_of(report) is None
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


SAID = [
    (SpawnError("exec", errno.ENOENT), "prog: command not found"),
    (SpawnError("exec", errno.EACCES), "prog: Permission denied"),
    (SpawnError("seccomp", errno.EINVAL), "CONFIG_SECCOMP_FILTER"),
    (SpawnError("seccomp", errno.EBUSY), "--engine ptrace"),
    (SpawnError("seize", errno.EPERM), "ptrace is forbidden here"),
]


@pytest.mark.parametrize(("error", "text"), SAID)
def test_diagnoses(error: SpawnError, text: str) -> None:
    said = diagnose.spawn_failed(error, "prog")
    assert text in said
    assert "\n" not in said


def test_statuses_as_a_shell_sees_them() -> None:
    for code in (0, 1, 255):
        assert exit_status(code << 8) == code
    assert exit_status(signal.SIGKILL) == 137
    assert exit_status(signal.SIGSEGV | 0x80) == 139


def test_capabilities() -> None:
    effective = int(Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16)
    for number in (10, 21):
        assert has_capability("self", number) == bool(effective >> number & 1)
    assert has_privilege(os.getpid(), 10) == bool(effective >> 10 & 1)
    assert not has_privilege(1 << 22, 10)


USERNS = """
import ctypes, os, socket
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
ctypes.CDLL(None).unshare(0x10000000)
for family, name in ((socket.AF_INET6, '::'), (socket.AF_INET6, '::1'), (socket.AF_INET, '0.0.0.0')):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        try:
            s.bind((name, 81))
            print('bound')
        except OSError as error:
            print(error.errno)
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_capabilities_of_a_namespace_of_its_own_open_no_port(engine: str) -> None:
    assert under(engine).run(sys.executable, "-c", USERNS).stdout == b"13\n13\n13\n"


FAMILY = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        time.sleep(300)
    os._exit(0)
os.wait()
print(*os.listdir('/proc/self/task'), flush=True)
time.sleep(300)
"""


def test_descendants_and_their_end() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", FAMILY], stdout=subprocess.PIPE) as process:
        read_line(process.stdout)
        assert process.pid in descendants.of(os.getpid())
        process.kill()
    assert descendants.of(process.pid) == []


@pytest.mark.parametrize("victim", ["guard", "supervisor"])
def test_the_notification_engine_leaves_nothing(victim: str) -> None:
    """Whichever of the two processes is killed, the program and its daemons end."""
    with under("notify").program(sys.executable, "-S", "-c", FAMILY, stdout=subprocess.PIPE) as run:
        read_line(run.stdout)
        family = wait_until(lambda: at_least(3, descendants.of(run.pid)), "all are up")
        os.kill(run.pid if victim == "guard" else family[0], signal.SIGKILL)
        run.wait(10)
        wait_until(lambda: not any(alive(pid) for pid in family), "the whole family gone", 5)


def at_least(count: int, found: list[int]) -> list[int]:
    return found if len(found) >= count else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


TELL = """
import signal, sys, time
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda number, frame: print(number, flush=True))
print('ready', flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_signals_to_the_supervisor_reach_the_program_once(engine: str) -> None:
    with under(engine).program(sys.executable, "-c", TELL, stdout=subprocess.PIPE) as run:
        assert read_line(run.stdout) == b"ready\n"
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGTERM):
            run.send_signal(number)
            assert read_line(run.stdout) == b"%d\n" % number
        time.sleep(0.1)
        run.kill()
        assert run.stdout.read() == b""
