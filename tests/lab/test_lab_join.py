"""Commands that join a network: what they see of each other, and that they are still themselves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.deadline import read_line, wait_until
from support.lab import Lab
from support.leftovers import alive
from support.media import QUIET, codec, decoded, make_clip
from support.runner import PTRACE_NET, environment
from support.terminal import END_OF_INPUT, SUSPEND, Terminal

NEEDS = ["curl", "ffmpeg", "ffprobe", "redis-server", "redis-cli"]

PORT = 6400  # the network's own: nothing is published under --net none
SERVE = f"""
import socket
listener = socket.create_server(('127.0.0.1', {PORT}))
print('up', flush=True)
while True:
    peer, name = listener.accept()
    peer.send(repr(name[0]).encode())
    peer.close()
"""
FETCH = f"import socket; print(socket.create_connection(('127.0.0.1', {PORT})).recv(99).decode())"
SLEEPER = ("sleep", "1000")
TALK = """
import socket
a = socket.create_server(('127.0.0.1', 0))
b = socket.create_connection(a.getsockname())
a.accept()[0].send(b'heard')
print(b.recv(9).decode())
"""


def served(lab: Lab) -> subprocess.Popen[bytes]:
    server: subprocess.Popen[bytes] = lab.start(sys.executable, "-c", SERVE, stdout=subprocess.PIPE)
    assert read_line(server.stdout) == b"up\n"
    return server


def supervisor_of(command: subprocess.Popen[bytes]) -> psutil.Process:
    """The process below the guard, which the command itself is."""
    return psutil.Process(command.pid).children()[0]


def test_http(lab: Lab) -> None:
    (lab.folder / "page").write_text("hello")
    lab.start(sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", str(PORT))
    url = f"http://127.0.0.1:{PORT}/page"
    got = lab.run("curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", url)
    assert (got.stdout, got.returncode) == (b"hello", 0), got.stderr
    assert subprocess.run(["curl", "-s", url], check=False, env=environment()).returncode == 7  # refused


def test_redis(lab: Lab) -> None:
    lab.start("redis-server", "--port", str(PORT), "--save", "", stdout=subprocess.DEVNULL)
    cli = ("redis-cli", "-p", str(PORT))
    wait_until(lambda: lab.run(*cli, "ping").stdout == b"PONG\n", "redis is up")
    assert lab.run(*cli, "set", "key", "value").stdout == b"OK\n"
    assert lab.run(*cli, "get", "key").stdout == b"value\n"


def test_rtsp_push(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    clip = make_clip(tmp_path_factory.mktemp("clip"))
    url, output = f"rtsp://127.0.0.1:{PORT}/live", lab.folder / "received.mkv"
    receiver = lab.start(*QUIET, "-rtsp_flags", "listen", "-i", url, "-c", "copy", "-y", output)
    listening = [*PTRACE_NET, "ss", lab.name]
    wait_until(lambda: b"LISTEN" in subprocess.run(listening, capture_output=True, check=True).stdout, "up")
    push = ["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", url]
    assert lab.run(*QUIET, "-readrate", "2", "-i", clip, *push).returncode == 0
    assert receiver.wait(20) == 0
    assert codec(output) == "h264"
    assert decoded(output) == decoded(clip)


def test_a_joined_program_is_its_own(lab: Lab) -> None:
    """Working directory, environment, standard input and output, process group, exit status."""
    lab.start(*SLEEPER)
    place = lab.folder / "elsewhere"
    place.mkdir()
    script = 'pwd; echo "$WORD"; cat; ps -o tty= -o pgid= -p $$ >/dev/null; exit 7'
    got = lab.run("sh", "-c", script, cwd=place, env={**environment(), "WORD": "said"}, input=b"in\n")
    assert (got.stdout.decode(), got.returncode) == (f"{place}\nsaid\nin\n", 7)


@pytest.mark.parametrize(
    ("argv", "status"),
    [(["sh", "-c", "kill -SEGV $$"], 139), (["no-such-program"], 127), (["/"], 126)],
)
def test_exit_status(lab: Lab, argv: list[str], status: int) -> None:
    lab.start(*SLEEPER)
    assert lab.run(*argv).returncode == status
    assert lab.run("true").returncode == 0  # the run goes on


def test_signals_go_to_the_joined_program(lab: Lab) -> None:
    server = lab.start(*SLEEPER)
    script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done"
    joined = lab.join("sh", "-c", script, stdout=subprocess.PIPE)
    assert read_line(joined.stdout) == b"up\n"
    joined.terminate()
    assert joined.wait(10) == 9
    assert server.poll() is None


def test_the_run_lasts_until_the_last_program(lab: Lab) -> None:
    first = lab.start("sh", "-c", "read line; exit 5", stdin=subprocess.PIPE)
    server = lab.join(sys.executable, "-c", SERVE, stdout=subprocess.PIPE)
    assert read_line(server.stdout) == b"up\n"
    first.stdin.close()
    wait_until(lambda: supervisor_of(first).children() == [], "the first program has ended")
    assert lab.run(sys.executable, "-c", FETCH).stdout == b"'127.0.0.1'\n"
    assert first.poll() is None
    server.terminate()
    assert (server.wait(10), first.wait(10)) == (143, 5)


@pytest.mark.parametrize("whom", ["supervisor", "guard"])
def test_a_killed_supervisor_takes_all_programs_with_it(lab: Lab, whom: str) -> None:
    """Daemons too; nothing is left in the file system, and the name is free."""
    before = {*Path("/tmp").glob("ptrace-net-*"), *Path("/dev/shm").glob("ptrace-net-*")}
    server = served(lab)
    daemon = "setsid sleep 1000 >/dev/null 2>&1 & sleep 1000"
    joined = lab.join("sh", "-c", f"echo up; {daemon}", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert read_line(joined.stdout) == b"up\n"
    wait_until(lambda: len(psutil.Process(joined.pid).children(recursive=True)) >= 4, "the daemon is there")
    run = psutil.Process(server.pid).children(recursive=True)
    run += psutil.Process(joined.pid).children(recursive=True)
    os.kill(supervisor_of(server).pid if whom == "supervisor" else server.pid, signal.SIGKILL)
    server.wait(10)
    assert joined.wait(10) == 125
    assert b"has ended, and its programs with it" in joined.stderr.read()
    wait_until(lambda: not any(alive(process) for process in run), "all processes are gone")
    left = {*Path("/tmp").glob("ptrace-net-*"), *Path("/dev/shm").glob("ptrace-net-*")} - before
    assert not any(path.name.endswith("control") for folder in left for path in folder.glob("*"))
    assert lab.popen("--name", lab.name, "--", "true").wait(10) == 0


@pytest.mark.parametrize("whom", ["supervisor", "guard"])
def test_a_killed_joiner_takes_its_own_programs_with_it(lab: Lab, whom: str) -> None:
    server = served(lab)
    joined = lab.join("sh", "-c", "setsid sleep 1000 & echo up; sleep 1000", stdout=subprocess.PIPE)
    assert read_line(joined.stdout) == b"up\n"
    below = psutil.Process(joined.pid).children(recursive=True)
    os.kill(supervisor_of(joined).pid if whom == "supervisor" else joined.pid, signal.SIGKILL)
    joined.wait(10)
    wait_until(lambda: not any(alive(process) for process in below), "its processes are gone")
    assert server.poll() is None
    assert lab.run(sys.executable, "-c", FETCH).stdout == b"'127.0.0.1'\n"


def test_a_joined_program_sees_the_networks_tables(lab: Lab) -> None:
    """What shows /proc/net is the joined program's choice, whatever the first program of the run is."""
    lab.start("sleep", "1000")
    script = "import socket; s = socket.create_server(('', 4444)); print(open('/proc/net/tcp').read())"
    joined = ("--join", lab.name, "--views", "on", "--", sys.executable, "-c", script)
    assert b" 00000000:115C " in lab.command(*joined).stdout
    assert b" 00000000:115C " not in lab.run(sys.executable, "-c", script).stdout


def test_many_joiners_at_once(lab: Lab) -> None:
    served(lab)
    joined = [lab.join(sys.executable, "-c", FETCH, stdout=subprocess.PIPE) for _ in range(8)]
    assert [process.communicate(timeout=30)[0] for process in joined] == [b"'127.0.0.1'\n"] * 8


def test_a_name_is_one_run_s(lab: Lab) -> None:
    lab.start(*SLEEPER)
    again = lab.command("--name", lab.name, "--", "true")
    assert again.returncode == 125
    assert b"there is such a run already" in again.stderr


def test_without_such_a_run(lab: Lab) -> None:
    got = lab.run("true")
    assert (got.returncode, got.stdout) == (125, b"")
    assert f"there is no run named {lab.name}".encode() in got.stderr


BECOME = """
import ctypes, gettext, locale, os, shutil, socket, sys, textwrap
from ptrace_net import cli, guard, provider, run
from ptrace_net.lab import join, ps, ss, stop
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as after an exec
name, pid = sys.argv[1:]
print(cli.main(['ps']), cli.main(['ss', name]), cli.main(['stop', pid]), flush=True)
for fd in range(64):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as visitor:
        if visitor.connect_ex(f'/proc/{pid}/fd/{fd}') == 0: print('connected to', fd)
sys.exit(cli.main(['--join', name, '--', 'true']))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_another_user_does_not_get_in(lab: Lab) -> None:
    """Neither by name nor through the supervisor's socket. (The interpreter may be root's alone: no exec.)"""
    server = served(lab)
    command = [sys.executable, "-c", BECOME, lab.name, str(supervisor_of(server).pid)]
    got = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert (got.returncode, got.stdout.splitlines()[1:]) == (125, ["0 125 125"])
    assert lab.name not in got.stdout
    assert got.stderr.count(f"there is no run named {lab.name}") == 2
    assert server.poll() is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--net", "stack"), b"--net is for the command that gave the network its name"),
        (("-p", "80:80"), b"-p is for the command that gave"),
        (("--policy", "zcore-smoltcp"), b"--policy is for"),
        (("--engine", "notify"), b"--engine is for"),
        (("-t",), b"ptrace-net attach PID"),
        (("--record", "x"), b"ptrace-net attach PID"),
        (("--name", "b"), b"exclude each other"),
    ],
)
def test_what_is_not_the_joiners_is_refused(lab: Lab, options: tuple[str, ...], said: bytes) -> None:
    got = lab.command("--join", "a", *options, "--", "true")
    assert got.returncode == 125
    assert said in got.stderr


@pytest.mark.parametrize("name", ["", "1a", "a/b", "a" * 33, "-x", "ä"])
def test_names(lab: Lab, name: str) -> None:
    got = lab.command(f"--name={name}", "--", "true")
    assert got.returncode == 125
    assert b"a name is a letter and up to 31" in got.stderr


def test_no_joining_from_inside_another_run(lab: Lab) -> None:
    lab.start(*SLEEPER)
    join = [*PTRACE_NET, "--join", lab.name, "--", "true"]
    got = lab.command("--net", "none", "--engine", "notify", "--", *join)
    assert got.returncode == 125
    assert b"programs of a run cannot join another one" in got.stderr


def test_suspending_the_first_program_does_not_stop_the_others(lab: Lab, tmp_path: Path) -> None:
    """^Z stops the first program and the command that the shell waits for; the network goes on."""
    name = f"{lab.name}-z"
    with Terminal(tmp_path, environment()) as terminal:
        terminal.command(" ".join([*PTRACE_NET, "--name", name, "--net", "none", "--", "cat"]))
        terminal.send("typed\n")
        terminal.expect("^typed\n")
        terminal.send(SUSPEND)
        terminal.expect("Stopped")
        assert lab.command("--join", name, "--", sys.executable, "-c", TALK).stdout == b"heard\n"
        terminal.command("fg")
        terminal.expect("cat\n")
        terminal.send("again\n")
        terminal.expect("^again\n")
        terminal.send(END_OF_INPUT)
        assert terminal.status() == 0


def test_a_joined_program_is_traced_from_outside(lab: Lab) -> None:
    lab.start(*SLEEPER)
    bind = "socket.socket().bind(('127.0.0.1', 4321))"
    script = f"import socket\nprint('up', flush=True)\ninput()\n{bind}\ninput()"
    joined = lab.join(sys.executable, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert read_line(joined.stdout) == b"up\n"
    program = supervisor_of(joined).children()[0]
    tracer = lab.popen("attach", str(program.pid), "-t", stderr=subprocess.PIPE)
    wait_until(lambda: f"TracerPid:\t{tracer.pid}" in status_of(program.pid), "it is traced")
    joined.stdin.write(b"\n")
    joined.stdin.flush()
    assert b"socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3" in read_line(tracer.stderr)
    assert b"sin_port=htons(4321)" in read_line(tracer.stderr)
    joined.communicate(b"\n", timeout=10)
    assert tracer.wait(10) == 0


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()
