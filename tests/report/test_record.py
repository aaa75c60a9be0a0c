"""`--record FILE`: what is in the recording of a real run, and that it can be read after any end of it."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.build import compile_c
from support.deadline import wait_until

from ptrace_net.record.format import read_recording
from ptrace_net.record.model import Array, Call, Data, Event, Log, Struct, Symbol, Value
from ptrace_net.record.render import call_text

HERE = Path(__file__).parent
SECONDS = 40
Ended = subprocess.CompletedProcess[str]
Record = Callable[..., tuple[Log, Ended]]
PROGRAM = [sys.executable, HERE / "recorded.py"]


@pytest.fixture
def record(tmp_path: Path, ptrace_net_command: list[str]) -> Record:
    """Run `recorded.py ACTION`, or a program given by path, with options; the recording and the ended run."""

    def run(*options: str, action: str = "", program: str | Path = "") -> tuple[Log, Ended]:
        path = tmp_path / f"{time.monotonic_ns()}.rec"
        argv = [program] if program else [*PROGRAM, *action.split()]
        command = [*ptrace_net_command, "--net", "host", "--record", path, *options, "--", *argv]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=tmp_path
        )
        return read_recording(path), ended

    return run


def calls(log: Log, *names: str) -> list[Call]:
    return [call for call in log.calls if call.name in names]


def events(log: Log, *kinds: str) -> list[Event]:
    return [event for event in log.events if event.kind in kinds]


def socket_of(value: Value | None) -> str:
    """The name of the socket behind a descriptor."""
    assert isinstance(value, Symbol)
    match = re.fullmatch(r"(\d+)<(socket:\[\d+\])>", value.text)
    assert match
    assert int(match[1]) == value.number
    return match[2]


def test_says_how_it_was_made(record: Record) -> None:
    log, ended = record(action="payload")
    assert (ended.returncode, ended.stderr, log.lost) == (0, "", [])
    config = log.config
    assert config["command"] == [sys.executable, str(HERE / "recorded.py"), "payload"]
    assert config["policy"] == {"serve": "ipv4", "map": config["policy"]["map"]}
    assert (config["program"], config["payload"], config["io"]) == ("ptrace-net", 64, False)
    assert config["version"]


@pytest.mark.parametrize(("option", "kept"), [((), 64), (("all",), 200), (("none",), 0), (("10",), 10)])
def test_payload_is_limited_and_the_trace_stays_as_it_is(
    record: Record, tmp_path: Path, option: tuple[str, ...], kept: int
) -> None:
    words = [f"--trace={tmp_path / 'trace'}", *(("--record-payload", *option) if option else ())]
    log, _ = record(*words, action="payload")
    (sent,), (received,) = calls(log, "sendto"), calls(log, "recvfrom")
    for call in (sent, received):
        assert call.arg(1) == Data(bytes(range(kept)), 200)
        assert call.result == 200
    pattern = r'(?:sendto|recvfrom)\(\d+, "\\0\\1[^"]*"?.*\\36\\37"\.\.\., (\d+)'
    shown = re.findall(pattern, (tmp_path / "trace").read_text())
    assert shown == ["200", "1000"]


def test_reads_and_writes_of_sockets_on_request(record: Record) -> None:
    without, _ = record(action="payload")
    assert not calls(without, "read", "write")
    log, _ = record("--record-io", action="payload")
    (written,), (read,) = calls(log, "write"), calls(log, "read")  # none of the files that Python reads
    assert (written.args[1:], written.result) == ((Data(b"w" * 64, 200), 200), 200)
    assert (read.args[1:], read.result) == ((Data(b"w" * 64, 200), 1000), 200)


def test_times_are_those_of_the_run(record: Record) -> None:
    before = time.time()
    log, _ = record(action="payload")
    begun = [each.started for each in log.records if each.started is not None]
    assert len(begun) == len(log.records)
    assert before < min(begun) <= max(begun) < time.time()
    assert all(0 < (call.duration or 0) < 10 for call in calls(log, "sendto", "recvfrom"))


def test_a_socket_is_known_under_all_its_numbers(record: Record) -> None:
    log, ended = record(action="lineage")
    assert (ended.returncode, ended.stderr) == (0, "")
    (made,) = (call for call in calls(log, "socket") if call.arg(0) == Symbol("AF_INET", 2))
    name = made.detail
    assert re.fullmatch(r"socket:\[\d+\]", name)
    duplicates = [call for call in calls(log, "dup", "dup2", "dup3", "fcntl") if call.detail]
    assert [(call.detail, call.result) for call in duplicates][1:] == [(name, 50), (name, 60)]
    assert all(socket_of(call.arg(0)) == name for call in duplicates)
    for call in calls(log, "sendmsg", "recvmsg"):
        header = call.arg(1)
        assert isinstance(header, Struct)
        (control,) = header.get("msg_control").items
        assert [socket_of(item) for item in control.get("cmsg_data").items] == [name]
    root, child = (event.task for event in events(log, "exit")[::-1])
    (asked,) = (call for call in calls(log, "getsockname") if call.task == child)
    assert socket_of(asked.arg(0)) == name
    closed = [socket_of(call.arg(0)) for call in calls(log, "close") if call.task == root]
    assert closed.count(name) == 3


def test_tasks_are_told_of(record: Record) -> None:
    log, _ = record(action="lineage")
    first, second = events(log, "exec")
    assert (first.text, second.text) == (os.path.realpath(sys.executable), os.path.realpath("/bin/true"))
    (fork,) = events(log, "fork")
    assert (fork.task, fork.text) == (first.task, "fork")
    assert [(event.task, event.text, event.value) for event in events(log, "exit")] == [
        (fork.value, "exited with 7", 7), (first.task, "exited with 0", 0),
    ]  # fmt: skip
    assert [event.text for event in events(log, "signal")] == ["SIGCHLD"]
    ends = {call.task: call for call in calls(log, "exit_group")}
    assert [call.args for call in ends.values()] == [(7,), (0,)]
    assert all((event.started or 0) <= (ends[event.task].started or 0) for event in events(log, "exit"))


def test_the_end_of_every_thread_begins_with_that_of_its_process(record: Record, tmp_path: Path) -> None:
    log, _ = record(program=compile_c(HERE / "lineage.c", tmp_path, "-DSTAY"))
    (thread,) = (event.value for event in events(log, "fork") if "CLONE_FILES" in event.text)
    (process, _) = (event.task for event in events(log, "fork"))
    end = {event.task: event.started for event in events(log, "exit")}
    assert end[thread] == end[process]


def test_threads_share_their_descriptors(record: Record, tmp_path: Path) -> None:
    log, _ = record(program=compile_c(HERE / "lineage.c", tmp_path))
    texts = {event.text for event in events(log, "fork")}
    assert texts == {"clone CLONE_FILES", "fork"}
    assert len({call.task for call in calls(log, "getsockname")}) == 3


def test_a_call_that_never_returned_comes_before_the_end_of_its_task(record: Record) -> None:
    log, _ = record(action="killed")
    (end,) = events(log, "killed")
    assert (end.text, end.value) == ("killed by SIGKILL", signal.SIGKILL)
    place = log.records.index(end)
    (waiting,) = (each for each in log.records[:place] if isinstance(each, Call) and each.task == end.task)
    assert call_text(waiting).endswith(" = ? <unfinished ...>")
    assert waiting.name == "recvfrom"


def test_what_goes_to_netlink_is_kept_as_bytes_and_explained(record: Record, tmp_path: Path) -> None:
    log, _ = record("--record-payload", "none", program=compile_c(HERE / "calls.c", tmp_path))
    told = [call for call in calls(log, "sendto", "sendmsg") if "nlmsg_type" in "".join(call.notes)]
    assert told
    for call in told:
        whole = call.arg(1)
        if isinstance(whole, Struct):
            (piece,) = whole.get("msg_iov").items
            whole = piece.get("iov_base")
        assert isinstance(whole, Data)
        assert whole.complete
        assert int.from_bytes(whole.data[:4], sys.byteorder) == len(whole.data) == call.result


def test_a_failed_recvmsg_keeps_its_room(record: Record, tmp_path: Path) -> None:
    log, _ = record(program=compile_c(HERE / "lineage.c", tmp_path))
    (failed,) = calls(log, "recvmsg")
    header = failed.arg(1)
    assert isinstance(header, Struct)
    assert header.get("msg_iov") == Array((Struct((("iov_base", Data(b"", 0)), ("iov_len", 77))),))
    assert failed.errno == "EAGAIN"


def test_killed_supervisor_loses_the_last_call_at_most(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    path = tmp_path / "file"
    command = [*ptrace_net_command, "--net", "host", "--record", path, "--", *PROGRAM, "numbers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until(lambda: path.exists() and path.stat().st_size > 20_000, "a hundred calls")
        process.kill()
    log = read_recording(path)
    sent = [call.arg(1) for call in calls(log, "sendto")]
    assert len(sent) > 20
    assert sent == [Data(b"%d" % number, len(str(number))) for number in range(len(sent))]
    assert len(sent) - len(calls(log, "recvfrom")) in (0, 1)
    assert "did not close the recording" in log.lost[-1].what


def test_memory_does_not_grow(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    peaks = []
    for count in ("100", "5000"):
        command = [*ptrace_net_command, "--record", tmp_path / count, "--", *PROGRAM, "names", count]
        with subprocess.Popen(command) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        assert len(calls(read_recording(tmp_path / count), "getsockname")) == int(count)
        peaks.append(usage.ru_maxrss)
    assert peaks[1] - peaks[0] < 1500  # KiB


def test_a_full_disk_ends_the_recording_only(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    path = tmp_path / "file"
    command = [*ptrace_net_command, "--net", "host", "--record", path, "--", *PROGRAM, "names", "500"]
    limit = 4096
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert ended.returncode == 0
    assert ended.stderr == (
        "ptrace-net: the recording cannot be written: File too large; the program goes on unrecorded\n"
    )
    log = read_recording(path)
    assert path.stat().st_size == limit
    assert 10 < len(list(log.calls)) < 500


def test_refusals_are_one_line(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    full, new = tmp_path / "full", str(tmp_path / "new")
    full.write_text("something")
    wrong = [
        (["--record", str(full)], f"recording {full}: exists already and is not empty"),
        (["--record", "/nowhere/file"], "recording /nowhere/file: No such file or directory"),
        (["--record", new, "--engine", "notify"], "--record needs the ptrace engine"),
        (["--record", new, "--record-payload", "some"], "neither a number of bytes nor all or none"),
    ]
    for options, reason in wrong:
        command = [*ptrace_net_command, *options, "--", "true"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert ended.returncode == 125
        assert reason in ended.stderr.splitlines()[-1]
        assert full.read_text() == "something"


def test_costs_nothing_when_not_asked_for() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "ptrace_net", "-t", "--", "true"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert "ptrace_net.report.observe" in ended.stderr
    assert not re.findall(r"ptrace_net\.record\b.*|ptrace_net\.report\.record(?!_options).*", ended.stderr)
