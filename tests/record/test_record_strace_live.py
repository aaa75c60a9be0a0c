"""strace as it is installed here, in all forms of its lines: the same program, the same calls."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.build import compile_c

from ptrace_net.record.diff.report import diff
from ptrace_net.record.diff.text import render
from ptrace_net.record.load import load
from ptrace_net.record.model import Call, Log
from ptrace_net.record.replay.plan import make_plan
from ptrace_net.record.replay.run import replay

HERE = Path(__file__).parent
SEEN = "trace=network,desc,process,read,write,clock_nanosleep"
FORMS = [
    "-i", "-n", "-n -i", "-Y", "-y -Y", "-k", "-C", "-t", "-tt", "-ttt", "-r", "-T", "-r -T",
    "-tt -T -n -i -Y -yy",
    "--relative-timestamps=ns", "--syscall-times=ns", "--absolute-timestamps=format:unix,precision:ns",
    "-y", "-yy", "-v -s 4096", "-s 3", "-s 0", "-x", "-xx", "-X raw", "-X verbose", "-a 90", "-q", "-qqq",
    "--seccomp-bpf", "-e read=all -e write=all",
]  # fmt: skip
FORKS = ("clone", "clone3", "fork", "vfork")

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_c(HERE / "exchange.c", tmp_path_factory.mktemp("programs"))


def traced(program: Path, folder: Path, *options: str) -> Path:
    out = folder / "out.strace"
    subprocess.run(["strace", "-f", "-e", SEEN, *options, "-o", out, program], check=True, timeout=40,
                   capture_output=True)  # fmt: skip
    return out


def settled(log: Log) -> Counter[tuple[str, int | None, str | None]]:
    """The calls that do not depend on which thread was first: all but waits, and what found nothing yet."""

    def result(call: Call) -> int | None:
        return 0 if call.name in FORKS else call.result

    chance = ("wait", "wait4", "nanosleep", "exit", "mmap")
    passing = ("EAGAIN", "ERESTARTSYS", "ERESTARTNOINTR")
    return Counter(
        (call.name, result(call), call.errno)
        for call in log.calls
        if call.errno not in passing and not call.name.endswith(chance)
    )


WAITS = """
import fcntl, os, select, socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
fcntl.fcntl(client, fcntl.F_GETFL)
client.setblocking(False)
poll = select.poll()
poll.register(client, select.POLLIN)
assert poll.poll(0) == []
accepted.sendall(b"hello")
assert len(poll.poll(10000)) == 1
assert client.recv(10) == b"hello"
assert os.write(client.fileno(), b"x") == len(os.read(accepted.fileno(), 3)) == 1
accepted.close()
select.select([client], [], [])
assert client.recv(5) == b""
"""


@pytest.mark.parametrize("options", [("--net", "stack"), ("--net", "host", "--record-io")], ids=" ".join)
def test_a_recording_does_not_differ_from_it(
    options: tuple[str, ...], ptrace_net_command: list[str], tmp_path: Path
) -> None:
    """What a recording never holds (waits, F_GETFL, by default reads and writes) is no difference."""
    log, recording = tmp_path / "out.strace", tmp_path / "out.pnr"
    program = [sys.executable, "-c", WAITS]
    subprocess.run(["strace", "-f", "-o", log, *program], check=True, timeout=60)
    subprocess.run(
        [*ptrace_net_command, *options, "--record", recording, "--", *program], check=True, timeout=60
    )
    for report in (diff(load(str(log)), load(str(recording))), diff(load(str(recording)), load(str(log)))):
        assert report.first is None, list(render(report))
        names = {pair.left.call.name for pair in report.pairs if pair.left}
        assert ("write" in names) == ("--record-io" in options)


@pytest.fixture(scope="module")
def reference(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Log:
    log = load(str(traced(program, tmp_path_factory.mktemp("plain"))))
    assert not log.lost
    return log


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_strace_has_the_same_calls(
    form: str, program: Path, reference: Log, tmp_path: Path
) -> None:
    log = load(str(traced(program, tmp_path, *form.split())))
    assert [str(each) for each in log.lost] == []
    assert settled(log) == settled(reference)
    assert len({call.task for call in log.calls}) == 3


@pytest.mark.parametrize("form", ["-i", "-n -Y -tt -yy", "-xx -T", "-X raw", "-X verbose -v"])
def test_what_is_traced_here_replays_here(form: str, program: Path, tmp_path: Path) -> None:
    report = replay(make_plan(load(str(traced(program, tmp_path, *form.split(), "-s", "4096")))))
    assert [each for each in report.divergences if not each.cause] == []
    assert report.made > 20


def test_a_set_of_files(program: Path, tmp_path: Path) -> None:
    """strace -ff: a file for each task, named by its prefix."""
    prefix = tmp_path / "set"
    for options in (["-tt"], ["-ttt", "-T", "-y"]):
        for old in tmp_path.glob("set.*"):
            old.unlink()
        subprocess.run(["strace", "-ff", *options, "-o", prefix, program], check=True, timeout=40)
        log = load(str(prefix))
        assert log.lost == []
        assert len({call.task for call in log.calls}) == 3
        assert [call.started for call in log.calls] == sorted(call.started or 0.0 for call in log.calls)
