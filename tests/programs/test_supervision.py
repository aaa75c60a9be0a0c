"""Many processes and threads under one supervisor, and nothing left behind however a run ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from support.build import M32
from support.deadline import read_line, wait_until
from support.leftovers import alive, descendants, left_behind
from support.runner import Runner

NEEDS = ["gcc", "curl"]

PROCESSES, THREADS, ROUNDS = 200, 8, 3
SWARM_SECONDS = 60
KEPT_PIDFDS = 128  # tracer.thread


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = descendants()
    yield
    assert left_behind(before) == []


def descriptors(pid: int) -> list[str]:
    """What a process has open; of pidfds the supervisor keeps some, so only those beyond count."""
    links = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed since it was listed
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    pidfds = [link for link in links if "pidfd" in link]
    return [link for link in links if link not in pidfds] + pidfds[KEPT_PIDFDS:]


def say(run: subprocess.Popen[bytes], line: bytes) -> None:
    run.stdin.write(line)
    run.stdin.flush()


def swarmed(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of the program itself, the first one first."""
    first = psutil.Process(run.pid)
    return [each for each in [first, *first.children(recursive=True)] if each.name().startswith("swarm")]


@pytest.mark.parametrize("width", [(), M32], ids=["x86-64", "i386"])
def test_200_processes_of_8_threads(
    runner: Runner, c_program: Callable[..., Path], width: tuple[str, ...]
) -> None:
    swarm = c_program("swarm", *width)
    numbers = map(str, (PROCESSES, THREADS, ROUNDS))
    with runner.program(swarm, *numbers, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert read_line(run.stdout, SWARM_SECONDS) == b"ready\n"
        assert len(swarmed(run)) >= PROCESSES
        supervisor = swarmed(run)[0].ppid() if runner.supervise else run.pid
        before = descriptors(supervisor)
        say(run, b"go\n")
        assert read_line(run.stdout, SWARM_SECONDS) == f"processes {PROCESSES} bad 0\n".encode()
        wait_until(lambda: len(descriptors(supervisor)) <= len(before), "as few descriptors as before")
        assert len(swarmed(run)) == 1
        run.stdin.close()
        assert run.wait(10) == 0


FAMILY = """
import os, socket, sys, threading, time
s = socket.create_server(('::1', 0), family=socket.AF_INET6)
for _ in range(3):
    if os.fork() == 0:
        threading.Thread(target=s.accept, daemon=True).start()
        time.sleep(300)
print('up', flush=True)
s.accept()
"""


@pytest.fixture
def family(supervised: Runner) -> Iterator[subprocess.Popen[bytes]]:
    """A run of four processes: one in accept, three with a thread in accept."""
    with supervised.program(sys.executable, "-c", FAMILY, stdout=subprocess.PIPE) as run:
        assert read_line(run.stdout) == b"up\n"
        yield run


def test_killing_the_supervisor_kills_all_it_traces(family: subprocess.Popen[bytes]) -> None:
    members = psutil.Process(family.pid).children(recursive=True)
    assert len(members) == 4
    family.kill()
    assert family.wait(10) == -signal.SIGKILL
    wait_until(lambda: not any(map(alive, members)), "the traced processes gone")


def test_children_outlive_the_program(supervised: Runner, tmp_path: Path) -> None:
    """A child that its parent did not wait for goes on, as natively, with its system calls served."""
    late = "sleep 1; curl -s -m 5 http://[::1]:1/; echo $? > late"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with supervised.program("sh", "-c", f"({late}) & exit 4", cwd=tmp_path, **quiet) as run:
        assert run.wait(15) == 4
    told = tmp_path / "late"
    wait_until(lambda: told.exists() and told.read_text() == "7\n", "curl's status")


ORPHAN = """
import os, sys, time
if os.fork():
    os._exit(0)
time.sleep(0.3)
open(sys.argv[1], 'w').close()
"""


def test_parent_that_exits_right_after_fork(supervised: Runner, tmp_path: Path) -> None:
    """The child's first stop may come after its parent's end; it is part of the run all the same."""
    for attempt in range(6):
        sign = tmp_path / str(attempt)
        assert supervised.run(sys.executable, "-S", "-c", ORPHAN, sign).returncode == 0
        wait_until(sign.exists, f"life sign of child {attempt}")


ALARMED = """
import signal, socket
alarms, wrong = 0, 0
def count(*_):
    global alarms
    alarms += 1
signal.signal(signal.SIGALRM, count)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
with socket.create_server(('::', 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
    for turn in range(400):
        host, seen = (('::1', '::1'), ('127.0.0.1', '::ffff:127.0.0.1'))[turn % 2]
        with socket.create_connection((host, server.getsockname()[1])) as client:
            accepted, peer = server.accept()
            wrong += peer[0] != seen or peer[1] != client.getsockname()[1]
            accepted.close()
signal.setitimer(signal.ITIMER_REAL, 0)
print(wrong, alarms > 10)
"""


@pytest.mark.not_for("joined", reason="without ptrace beside it a call may end with EINTR: limitations.md")
def test_signals_in_the_middle_of_calls(runner: Runner) -> None:
    """A timer's signal every millisecond: no call is lost, made twice or answered wrongly."""
    done = runner.run(sys.executable, "-c", ALARMED)
    assert (done.stdout, done.stderr, done.returncode) == (b"0 True\n", b"", 0)


@pytest.mark.parametrize("width", [(), M32], ids=["x86-64", "i386"])
def test_a_signal_ends_an_accept_that_has_just_begun(
    runner: Runner, c_program: Callable[..., Path], width: tuple[str, ...]
) -> None:
    """Before the supervisor has taken the call, too; i386 makes it through socketcall. It rings but once."""
    done = runner.run(c_program("alarms", *width), "300", seconds=100)
    assert (done.stderr, done.returncode) == (b"", 0)
    assert int(done.stdout) < 15


BUSY = """
import mmap, os, signal, socket, time
COUNT = 16
calls, children, began = mmap.mmap(-1, COUNT), [], time.monotonic()
for number in range(COUNT):
    children.append(os.fork())
    if not children[-1]:
        with socket.socket() as bound:
            bound.bind(('127.0.0.1', 0))
            while time.monotonic() < began + 60:
                bound.getsockname()
                calls[number] = 1
        os._exit(0)
end = time.monotonic() + 15
while calls[:COUNT].count(1) < COUNT and time.monotonic() < end:
    time.sleep(0.01)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(calls[:COUNT].count(1))
"""


def test_none_of_many_busy_processes_waits_for_ever(runner: Runner) -> None:
    done = runner.run(sys.executable, "-c", BUSY, seconds=30)
    assert (done.stdout, done.stderr, done.returncode) == (b"16\n", b"", 0)


EXECUTED = """\
first: 127.0.0.1
child: 127.0.0.1
child: 127.0.0.2
parent: 127.0.0.1
again: 127.0.0.3
thread: 127.0.0.3
once-a-thread: 127.0.0.4
"""


def test_memory_after_execve(runner: Runner, c_program: Callable[..., Path]) -> None:
    """One address, read often, and another thing there once the thread has executed a program."""
    done = runner.run(c_program("executed"))
    assert (done.stderr, done.returncode) == (b"", 0)
    lines = done.stdout.decode().splitlines(keepends=True)
    assert "".join(line for line in lines if not line.endswith("30 bound\n")) == EXECUTED
    assert len(lines) == 2 * len(EXECUTED.splitlines())


def test_one_process_dying_leaves_the_others(family: subprocess.Popen[bytes]) -> None:
    members = psutil.Process(family.pid).children(recursive=True)
    victim = members[-1]
    victim.kill()
    wait_until(lambda: not alive(victim), "the victim gone")
    assert all(map(alive, set(members) - {victim}))
    assert family.poll() is None


def test_descriptors_of_a_long_run_do_not_grow(runner: Runner) -> None:
    """One process, many sockets: opened, connected, passed over fork, closed."""
    script = (
        "import os, socket, sys\n"
        "def once():\n"
        "    with socket.create_server(('::', 0), family=socket.AF_INET6, dualstack_ipv6=True) as s,\\\n"
        "         socket.create_connection(('::1', s.getsockname()[1])) as c, s.accept()[0] as p:\n"
        "        p.sendall(b'x'); c.recv(1)\n"
        "        if os.fork() == 0: os._exit(0)\n"
        "        os.wait()\n"
        "for line in sys.stdin:\n"
        "    for _ in range(40): once()\n"
        "    print('done', flush=True)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    first = 0
    with runner.program(sys.executable, "-c", script, **pipes) as run:
        for _ in range(3):
            say(run, b"\n")
            assert read_line(run.stdout) == b"done\n"
            first = first or len(descriptors(run.pid))
        # The stack provider looks for what is closed some seconds after it was made.
        wait_until(lambda: len(descriptors(run.pid)) <= first, "no more descriptors than at first")
        run.stdin.close()
        assert run.wait(10) == 0
