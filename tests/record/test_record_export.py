"""Exported programs compile without a warning and pass; a broken expectation names the call."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from record_support import DATA, brief, without_places

from ptrace_net.record.commands import replay as command
from ptrace_net.record.export import FORMATS, export
from ptrace_net.record.importers import read_lines
from ptrace_net.record.load import load
from ptrace_net.record.replay.plan import make_plan

SEQUENCES = [
    "sequences/udp.strace",
    "sequences/tcp.strace",
    "sequences/errors.strace",
    "sequences/several.strace",
    "sequences/several-peers.strace",
    "sequences/server.strace",
    "mediaserver-start.strace",
    "ffmpeg-push-start.strace",
    "forms/f.strace",
]
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1"]


def run_alone(*command_line: str) -> "subprocess.CompletedProcess[str]":
    """Run in a network namespace of its own where that is allowed, so that tests do not share ports."""
    prefix = []
    probe = ["unshare", "-rn", "true"]
    if shutil.which("unshare") and subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        prefix = ["unshare", "-rn", sys.executable, "-c", _UP]
    return subprocess.run([*prefix, *command_line], capture_output=True, text=True, timeout=100, check=False)


_UP = """
import fcntl, os, socket, struct, sys
with socket.socket() as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 0x41))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def compile_c(source: str, folder: Path, compiler: str) -> Path:
    path, program = folder / "replay.c", folder / f"replay-{compiler}"
    path.write_text(source)
    result = subprocess.run([compiler, *FLAGS, "-o", str(program), str(path)], capture_output=True, text=True,
                            timeout=100, check=False)  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    return program


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_exported_c_compiles_and_passes(name: str, compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"not installed: {compiler}")
    plan = make_plan(load(str(DATA / name)))
    result = run_alone(str(compile_c(export(plan, "c"), tmp_path, compiler)))
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    assert result.stdout.endswith(" calls, 0 differences\n")
    assert int(result.stdout.split()[0]) >= len(plan.program) - 3


@pytest.mark.parametrize("name", SEQUENCES)
def test_exported_python_passes(name: str, tmp_path: Path) -> None:
    plan = make_plan(load(str(DATA / name)))
    script = tmp_path / "replay.py"
    script.write_text(export(plan, "python"))
    result = run_alone(sys.executable, str(script))
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    assert result.stdout == f"{len(plan.program)} calls, 0 differences\n"


def exported(log: Path, form: str) -> list[str]:
    """How the program is run that a log becomes, beside it."""
    source = export(make_plan(load(str(log))), form)
    if form == "c":
        return [str(compile_c(source, log.parent, "gcc"))]
    script = log.with_name("replay.py")
    script.write_text(source)
    return [sys.executable, str(script)]


BROKEN = [
    ("listen(3, 2)                      = 0", "listen(3, 2) = -1 EACCES (x)", "listen(3, 2)"),
    ("SO_TYPE, [1], [4]) = 0", "SO_TYPE, [2], [4]) = 0", "getsockopt(3, SOL_SOCKET, SO_TYPE"),
    ("= -1 ECONNREFUSED (Connection refused)", "= -1 ETIMEDOUT (x)", "connect(3, {sa_family=AF_INET6"),
]


@pytest.mark.parametrize("form", ["c", "python"])
@pytest.mark.parametrize(("old", "new", "call"), BROKEN)
def test_a_broken_expectation_names_the_call(
    old: str, new: str, call: str, form: str, tmp_path: Path
) -> None:
    text = (DATA / "sequences" / "errors.strace").read_text()
    assert old in text
    log = tmp_path / "broken.strace"
    log.write_text(text.replace(old, new))
    result = run_alone(*exported(log, form))
    assert result.returncode == 1
    first = result.stdout.splitlines()[0]
    assert first.startswith("broken.strace:")
    assert call in first


@pytest.mark.parametrize("form", ["c", "python"])
@pytest.mark.parametrize(
    ("old", "new"),
    [('iov_base="second"', 'iov_base="fourth"'), (" = 2\n", " = 1\n"), ("msg_len=11}], 1", "msg_len=9}], 1")],
)
def test_a_message_among_several_that_differs_is_named(
    old: str, new: str, form: str, tmp_path: Path
) -> None:
    text = (DATA / "sequences" / "several.strace").read_text()
    assert old in text
    log = tmp_path / "several.strace"
    log.write_text(text.replace(old, new))
    result = run_alone(*exported(log, form))
    assert result.returncode == 1
    assert result.stdout.startswith("several.strace:")
    assert "mmsg(" in result.stdout.splitlines()[0]


def test_a_call_that_does_not_return_is_named(tmp_path: Path) -> None:
    log = tmp_path / "hangs.strace"
    log.write_text('socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0\nread(4, "x", 1) = 1\n')
    source = export(make_plan(load(str(log))), "c").replace("alarm(30);", "alarm(1);")
    result = run_alone(str(compile_c(source, tmp_path, "gcc")))
    assert result.returncode == 1
    assert result.stdout == 'hangs.strace:2:6: read(4, "x", 1): this call did not return\n'


def test_comments_of_c_cannot_be_ended_by_a_log(tmp_path: Path) -> None:
    log = tmp_path / "nasty.strace"
    log.write_text(
        "socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0\n"
        'write(3, "*/ #error ??/ \\n\\" \\\\ %s %n", 27) = 27\n'
        'read(4, "*/ #error ??/ \\n\\" \\\\ %s %n", 64) = 27\n'
    )
    result = run_alone(str(compile_c(export(make_plan(load(str(log))), "c"), tmp_path, "gcc")))
    assert result.stdout == "3 calls, 0 differences\n"


@pytest.mark.parametrize("form", ["c", "python"])
def test_a_world_that_cannot_be_played_has_a_status_of_its_own(form: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        log = tmp_path / "taken.strace"
        log.write_text(
            "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3\n"
            f"connect(3, {{sa_family=AF_INET, sin_port=htons({port}), "
            'sin_addr=inet_addr("127.0.0.1")}, 16) = 0\n'
        )
        words = exported(log, form)
        result = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 2, result
    assert result.stdout.startswith("taken.strace:1:8: the outside world: ")


def test_strace_s_columns_and_modes() -> None:
    lines = [
        'newfstatat(3, "", {st_mode=S_IFREG|0644, st_size=1, ...}, AT_EMPTY_PATH) = 0',
        "close(3)                          = 0",
    ]
    text = export(make_plan(read_lines("columns", lines, "strace")), "strace")
    assert [line.split(" ", 1)[1].lstrip() for line in text.splitlines()] == lines


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_log_without_socket_calls_is_exported_as_nothing(form: str, tmp_path: Path) -> None:
    log = tmp_path / "none.strace"
    log.write_text("getpid() = 7\n")
    source = export(make_plan(load(str(log))), form)
    if form == "c":
        assert run_alone(str(compile_c(source, tmp_path, "gcc"))).stdout == "0 calls, 0 differences\n"


def test_strace_can_be_read_again(tmp_path: Path) -> None:
    for name in ("seeds/001-05-connect554.starry.txt", "sequences/server.strace"):
        log = load(str(DATA / name))
        path = tmp_path / "again.strace"
        path.write_text(export(make_plan(log), "strace"))
        again = load(str(path))
        assert brief(again) == brief(log)
    assert without_places(again) == without_places(log)


def test_packetdrill_has_the_calls_and_the_packets_of_one_connection() -> None:
    script = export(make_plan(load(str(DATA / "sequences" / "tcp.strace"))), "packetdrill").splitlines()
    assert script[1] == "+0 socket(..., SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3"
    connect = next(place for place, line in enumerate(script) if "connect(3, ..., 16) = 0" in line)
    assert script[connect + 1 : connect + 4] == [
        "+0 > S 0:0(0) <...>",
        "+0 < S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,nop,nop,nop,wscale 7>",
        "+0 > . 1:1(0) ack 1",
    ]
    assert "+0 < P. 1:17(16) ack 6 win 512" in script
    assert "+0 < F. 17:17(0) ack 6 win 512" in script
    server = export(make_plan(load(str(DATA / "sequences" / "server.strace"))), "packetdrill")
    assert "+0 < S 0:0(0) win 65535" in server
    none = export(make_plan(load(str(DATA / "sequences" / "udp.strace"))), "packetdrill")
    assert "There is no TCP connection" in none


def test_the_command_exports_to_a_file(tmp_path: Path) -> None:
    for form in FORMATS:
        out = tmp_path / f"out.{form}"
        log = str(DATA / "sequences" / "tcp.strace")
        assert command.main([log, "--export", form, "-o", str(out)]) == 0
        assert out.stat().st_size > 100
