"""Ports that a program does not choose itself, and tells its clients: they are reached by that number.

The first number is followed by some that the host has in use when the next one is chosen.
"""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from support.deadline import read_line, wait_until
from support.ports import free_port
from support.runner import PTRACE_NET, Runner, environment

NEEDS = ["curl", "node"]
DEBIANS_PYTHON = "/usr/bin/python3"  # which has pyftpdlib
LOW, HIGH = 32768, 60999  # net.ipv4.ip_local_port_range
IN_USE = 8
PATIENCE = 30  # seconds
FAMILIES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

NATIVE = Runner("native")
SUPERVISED = [
    Runner("notify", (*PTRACE_NET, "--engine", "notify", "--")),
    Runner("ptrace", (*PTRACE_NET, "--engine", "ptrace", "--")),
]
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

SERVERS = """
import socket, sys
family, kind, host, bound = (getattr(socket, word, word) for word in sys.argv[1:])
kept = []
while sys.stdin.readline():
    server = socket.socket(family, kind)
    if bound == "bound":
        server.bind((host, 0))
    if kind == socket.SOCK_STREAM:
        server.listen()
    kept.append(server)
    print(server.getsockname()[1], flush=True)
    if not sys.stdin.readline():
        break
    if kind == socket.SOCK_STREAM:
        client, _ = server.accept()
        client.sendall(b"here")
        client.close()
    else:
        _, client = server.recvfrom(100)
        server.sendto(b"here", client)
"""
SHAPES = [
    ("AF_INET", "SOCK_STREAM", "127.0.0.1", "bound", "127.0.0.1"),
    ("AF_INET", "SOCK_STREAM", "", "unbound", "127.0.0.1"),
    ("AF_INET6", "SOCK_STREAM", "::", "bound", "127.0.0.1"),
    ("AF_INET6", "SOCK_STREAM", "::", "bound", "::1"),
    ("AF_INET6", "SOCK_STREAM", "", "unbound", "::1"),
    ("AF_INET", "SOCK_DGRAM", "0.0.0.0", "bound", "127.0.0.1"),
    ("AF_INET6", "SOCK_DGRAM", "::", "bound", "127.0.0.1"),
    ("AF_INET6", "SOCK_DGRAM", "::1", "bound", "::1"),
]


@pytest.fixture(params=[NATIVE, *SUPERVISED], ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Runner:
    return request.param


@pytest.fixture(params=SUPERVISED, ids=lambda way: way.name)
def supervised(request: pytest.FixtureRequest) -> Runner:
    return request.param


@contextmanager
def in_use(kind: socket.SocketKind, first: int, count: int = IN_USE) -> Iterator[None]:
    """Both loopback addresses of the numbers, but for those that somebody has already."""
    with ExitStack() as held:
        for number in range(first, first + count):
            port = LOW + (number - LOW) % (HIGH - LOW + 1)
            for family, address in FAMILIES:
                one = held.enter_context(socket.socket(family, kind))
                with suppress(OSError):
                    one.bind((address, port))
        yield


def told(process: subprocess.Popen[bytes]) -> bytes:
    return read_line(process.stdout, PATIENCE)


def next_port(server: subprocess.Popen[bytes]) -> int:
    server.stdin.write(b"\n")
    server.stdin.flush()
    return int(told(server))


def answer(server: subprocess.Popen[bytes], kind: socket.SocketKind, host: str, port: int) -> bytes:
    """What a client outside gets from the port."""
    server.stdin.write(b"\n")
    server.stdin.flush()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as client:
        client.settimeout(PATIENCE)
        client.connect((host, port))
        if kind == socket.SOCK_DGRAM:
            client.send(b"who is there?")
        return client.recv(100)


def ended(server: subprocess.Popen[bytes]) -> tuple[bytes, int]:
    """What it said, and its status."""
    _, said = server.communicate(timeout=PATIENCE)
    return said, server.returncode


@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_the_number_is_the_hosts_too(way: Runner, shape: tuple[str, ...]) -> None:
    *words, host = shape
    kind = getattr(socket, words[1])
    with way.program(sys.executable, "-c", SERVERS, *words, **PIPES) as server:
        first = next_port(server)
        assert answer(server, kind, host, first) == b"here"
        with in_use(kind, first + 1):
            second = next_port(server)
            assert answer(server, kind, host, second) == b"here"
        assert ended(server) == (b"", 0)


# Processes that have every port between them, and end with this one.
EVERY_PORT = """
import os, resource, socket, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
low, high, kind = int(sys.argv[1]), int(sys.argv[2]), getattr(socket, sys.argv[3])
life, life_end = os.pipe()
for start in range(8):
    ready, ready_end = os.pipe()
    if not os.fork():
        os.close(life_end)
        kept = [socket.socket(type=kind) for port in range(low + start, high + 1, 8)]
        for port, one in zip(range(low + start, high + 1, 8), kept):
            one.bind(("127.0.0.1", port))
        os.write(ready_end, b"1")
        os.read(life, 1)
        os._exit(0)
    assert os.read(ready, 1) == b"1"
sys.exit(os.waitstatus_to_exitcode(os.spawnvp(os.P_WAIT, sys.argv[4], sys.argv[4:]) << 8))
"""


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=lambda kind: kind.name)
def test_where_the_host_has_no_port_left(
    supervised: Runner, without_ipv6: tuple[str, ...], kind: socket.SocketKind
) -> None:
    """The run has one all the same, and says that nobody outside reaches it."""
    every = (sys.executable, "-c", EVERY_PORT, str(LOW), str(HIGH), kind.name)
    run = Runner("full", (*every, *supervised.supervise), without_ipv6)
    words = [sys.executable, "-c", SERVERS, "AF_INET", kind.name, "127.0.0.1", "bound"]
    with run.program(*words, **PIPES) as server:
        port = next_port(server)
        said = read_line(server.stderr, PATIENCE).decode()
        assert said == f"ptrace-net: port {port} cannot be published: Address already in use\n"
        assert ended(server) == (b"", 0)


def test_a_port_that_was_asked_for_is_not_chosen() -> None:
    """-p says which of the host's is meant for which of the run's: nobody else is given either number."""
    words = ["AF_INET", "SOCK_STREAM", "127.0.0.1", "bound"]
    published = [f"-p{port}:{port + 2}" for port in range(LOW + 1, HIGH, 4)]
    run = Runner("-p", (*PTRACE_NET, *published, "--"))
    with run.program(sys.executable, "-c", SERVERS, *words, **PIPES) as server:
        for _ in range(8):
            port = next_port(server)
            assert port % 2 == 0
            assert answer(server, socket.SOCK_STREAM, "127.0.0.1", port) == b"here"
        assert ended(server) == (b"", 0)


BINDS = """
import socket, sys
one = socket.socket()
one.bind(("127.0.0.1", 0))
print(one.getsockname()[1], flush=True)
sys.stdin.readline()
if sys.argv[1] == "listen":
    one.close()
    two = socket.create_server(("127.0.0.1", int(sys.stdin.readline())))
    print("listens", flush=True)
    client, _ = two.accept()
    client.sendall(b"here")
else:
    server = socket.create_server(("127.0.0.2", 0))
    getattr(one, sys.argv[1])(*([server.getsockname()] if sys.argv[1] == "connect" else []))
    print("done", flush=True)
sys.stdin.readline()
"""


def bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tell(process: subprocess.Popen[bytes], line: str = "") -> None:
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()


def test_it_is_held_before_somebody_listens(way: Runner) -> None:
    """And by whoever takes the number over: programs look for a free port so."""
    with way.program(sys.executable, "-c", BINDS, "listen", **PIPES) as process:
        port = int(told(process))
        assert not bindable(port)
        tell(process)
        tell(process, str(port))
        assert told(process) == b"listens\n"
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            assert client.recv(100) == b"here"
        assert ended(process) == (b"", 0)


@pytest.mark.parametrize("end", ["close", "connect"])
def test_it_is_given_back(supervised: Runner, end: str) -> None:
    """Where nobody will listen on it: the socket is closed, or a client's."""
    with supervised.program(sys.executable, "-c", BINDS, end, **PIPES) as process:
        port = int(told(process))
        assert not bindable(port)
        tell(process)
        assert told(process) == b"done\n"
        wait_until(lambda: bindable(port), "the host has it back", PATIENCE)
        assert ended(process) == (b"", 0)


NODE = """
const http = require("http"), readline = require("readline");
readline.createInterface({input: process.stdin}).on("line", () => {
  const server = http.createServer((request, response) => response.end("here"));
  server.listen(0, () => console.log(server.address().port));
}).on("close", () => process.exit(0));
"""


def test_node_listens_on_any_port(way: Runner) -> None:
    with way.program("node", "-e", NODE, **PIPES) as server:
        first = next_port(server)
        with in_use(socket.SOCK_STREAM, first + 1):
            second = next_port(server)
            for host in ("127.0.0.1", "[::1]"):
                assert curl(f"http://{host}:{second}/").stdout == b"here"
        assert ended(server) == (b"", 0)


def curl(*words: str) -> subprocess.CompletedProcess[bytes]:
    command = ["curl", "-q", "-sSv", "-m", str(PATIENCE), *words]
    return subprocess.run(command, env=environment(), capture_output=True, check=True)


def retrieved(mode: str, url: str) -> tuple[bytes, int]:
    """The file, and the port that it came from: 227 of PASV (RFC 959), 229 of EPSV (RFC 2428)."""
    done = curl(mode, url)
    said = done.stderr.decode()
    if found := re.search(r"\n< 227 .*\(127,0,0,1,(\d+),(\d+)\)", said):
        return done.stdout, 256 * int(found[1]) + int(found[2])
    return done.stdout, int(re.search(r"\n< 229 .*\(\|\|\|(\d+)\|\)", said)[1])


@pytest.fixture
def shared(tmp_path: Path) -> bytes:
    found = subprocess.run([DEBIANS_PYTHON, "-c", "import pyftpdlib"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"no FTP server: {found.stderr.decode().splitlines()[-1]}")
    content = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(content)
    return content


@pytest.mark.parametrize(
    ("host", "mode"),
    [("127.0.0.1", "--disable-epsv"), ("127.0.0.1", "--ftp-pasv"), ("::1", "--ftp-pasv")],
    ids=["PASV", "EPSV", "EPSV, IPv6"],
)
def test_passive_ftp(way: Runner, tmp_path: Path, shared: bytes, host: str, mode: str) -> None:
    port = free_port()
    url = f"ftp://{f'[{host}]' if ':' in host else host}:{port}/file"
    words = [DEBIANS_PYTHON, "-m", "pyftpdlib", "-i", host, "-p", str(port), "-d", tmp_path]
    with way.program(*words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        while b"concurrency model" not in read_line(server.stderr, PATIENCE):
            pass
        content, first = retrieved(mode, url)
        assert content == shared
        with in_use(socket.SOCK_STREAM, first + 1):
            assert retrieved(mode, url)[0] == shared
        server.terminate()
        assert b"ptrace-net:" not in ended(server)[0]
