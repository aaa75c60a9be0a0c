"""Programs of different runs, and programs outside, meet as they do natively on one machine.

::1 is mapped onto the host without memory of who asked, so that one run reaches another's ::1. With the stack
provider the runs are joined.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.deadline import read_line, wait_until
from support.ports import free_port
from support.runner import Runner
from support.session import Session

pytestmark = pytest.mark.not_for("stack", reason="each command has a network of its own: see \"joined\"")

SERVER = """
import socket, sys
family, host, port, only6, name = sys.argv[1:]
family = getattr(socket, family)
with socket.socket(family) as s:
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only6))
    s.bind((host, int(port)))
    s.listen()
    print('up', s.getsockname()[:2], flush=True)
    while True:
        client, peer = s.accept()
        client.sendall(f'{name} sees {peer[0]}'.encode())
        client.close()
"""
CLIENT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as s:
        print(s.makefile().read(), '| peer', s.getpeername()[0], '| self', s.getsockname()[0])
except OSError as error:
    print(type(error).__name__)
"""


@contextmanager
def serving(
    runner: Runner, family: str, host: str, port: int, name: str, only6: bool = False
) -> Iterator[None]:
    words = [sys.executable, "-c", SERVER, family, host, str(port), str(int(only6)), name]
    with runner.program(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        assert read_line(server.stdout).decode() == f"up ('{host}', {port})\n"
        yield


def dial(runner: Runner, host: str, port: int) -> str:
    done = runner.run(sys.executable, "-c", CLIENT, host, str(port))
    return done.stdout.decode().strip() or done.stderr.decode()


def met(name: str, host: str, seen: str | None = None) -> str:
    return f"{name} sees {seen or host} | peer {host} | self {host}"


@pytest.fixture
def outside(runner: Runner) -> Runner:
    """Native, in the same namespace."""
    return Runner("outside", enter=runner.enter)


@pytest.fixture
def port() -> int:
    return free_port()


def test_dual_stack_listener_is_reached_from_everywhere(runner: Runner, outside: Runner, port: int) -> None:
    with serving(runner, "AF_INET6", "::", port, "dual"):
        assert dial(runner, "::1", port) == met("dual", "::1")
        assert dial(runner, "127.0.0.1", port) == met("dual", "127.0.0.1", "::ffff:127.0.0.1")
        assert dial(outside, "127.0.0.1", port) == met("dual", "127.0.0.1", "::ffff:127.0.0.1")


def test_v6only_listener_is_not_reached_over_ipv4(runner: Runner, outside: Runner, port: int) -> None:
    with serving(runner, "AF_INET6", "::", port, "six", only6=True):
        assert dial(runner, "::1", port) == met("six", "::1")
        assert dial(runner, "127.0.0.1", port) == "ConnectionRefusedError"
        assert dial(outside, "127.0.0.1", port) == "ConnectionRefusedError"


@pytest.mark.parametrize("four_first", [True, False])
def test_both_families_on_one_port_in_one_run(
    session: Session, outside: Runner, port: int, four_first: bool
) -> None:
    """Two processes, 0.0.0.0 and a V6ONLY [::], in either order: each client gets to the right one."""
    python = (sys.executable, "-c")
    words = [("AF_INET", "0.0.0.0", str(port), "0", "four"), ("AF_INET6", "::", str(port), "1", "six")]
    for family, *rest in words if four_first else reversed(words):
        server = session.start(*python, SERVER, family, *rest)
        wait_until(lambda s=server: s.out.read_bytes(), f"the {family} server up")
    for host, name in (("127.0.0.1", "four"), ("::1", "six")):
        assert session.output(*python, CLIENT, host, str(port)).strip() == met(name, host)
    assert dial(outside, "127.0.0.1", port) == met("four", "127.0.0.1")


@pytest.mark.parametrize("four_first", [True, False])
def test_both_families_on_one_port_of_two_runs(supervised: Runner, port: int, four_first: bool) -> None:
    """Runs do not know of each other, and the host has one port for both families: docs/limitations.md."""
    servers = [("AF_INET", "0.0.0.0", port, "four"), ("AF_INET6", "::", port, "six", True)]
    first, second = servers if four_first else reversed(servers)
    only6 = str(int(second[-1] is True))
    words = [sys.executable, "-c", SERVER, second[0], second[1], str(port), only6, "late"]
    with serving(supervised, *first):
        refused = supervised.run(*words)
    assert refused.returncode == 1
    assert b"Address already in use" in refused.stderr


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("AF_INET6", "::", False), ("AF_INET6", "::", False)),
        (("AF_INET6", "::", False), ("AF_INET", "0.0.0.0", False)),
        (("AF_INET", "0.0.0.0", False), ("AF_INET6", "::", False)),
        (("AF_INET6", "::1", False), ("AF_INET6", "::", True)),
        (("AF_INET6", "::", True), ("AF_INET6", "::1", False)),
    ],
)
def test_taken_port(
    runner: Runner, port: int, first: tuple[str, str, bool], second: tuple[str, str, bool]
) -> None:
    """Where Linux says EADDRINUSE, it comes from another run's listener as well."""
    family, host, only6 = first
    with serving(runner, family, host, port, "first", only6):
        family, host, only6 = second
        words = [family, host, str(port), str(int(only6)), "second"]
        refused = runner.run(sys.executable, "-c", SERVER, *words)
    assert refused.returncode == 1
    assert re.search(r"OSError: \[Errno 98\] Address already in use", refused.stderr.decode())


def test_name_with_two_addresses(runner: Runner, port: int) -> None:
    """A client that tries ::1 first and is refused goes on to 127.0.0.1."""
    found = [(10, 1, 6, "", ("::1", port)), (2, 1, 6, "", ("127.0.0.1", port))]
    script = f"import socket; socket.getaddrinfo = lambda *_: {found}\n{CLIENT}"
    with serving(runner, "AF_INET", "127.0.0.1", port, "four"):
        done = runner.run(sys.executable, "-c", script, "some.name", str(port))
    assert done.stdout.decode().strip() == met("four", "127.0.0.1")


SORTED = """
import socket
for family in ("AF_UNSPEC", "AF_INET6", "AF_INET"):
    found = socket.getaddrinfo(None, 80, getattr(socket, family), socket.SOCK_STREAM)
    print(family, [entry[4][0] for entry in found])
for entry in socket.getaddrinfo('::ffff:127.0.0.1', 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST):
    print(entry[4][0])
"""
SOURCES = """
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for host in ("::1", "::ffff:127.0.0.1", "::1", "::ffff:127.0.0.2"):
    s.connect((host, 9))
    print(s.getsockname()[0], s.getpeername()[0])
    print(libc.connect(s.fileno(), bytes(16), 16), s.getsockname()[0], s.getsockname()[1] == 0)
"""


def test_addresses_are_sorted(runner: Runner) -> None:
    """getaddrinfo(3) connects one AF_INET6 datagram socket to each address to learn its source (RFC 6724)."""
    done = runner.run(sys.executable, "-c", SORTED)
    assert done.stderr == b""
    assert done.stdout.decode().splitlines() == [
        "AF_UNSPEC ['::1', '127.0.0.1']",
        "AF_INET6 ['::1']",
        "AF_INET ['127.0.0.1']",
        "::ffff:127.0.0.1",
    ]


def test_source_address_follows_the_peer(runner: Runner) -> None:
    """A datagram socket connected to one address after another, dissolved (AF_UNSPEC) in between."""
    done = runner.run(sys.executable, "-c", SOURCES)
    assert done.stderr == b""
    dissolved = "0 :: True"
    assert done.stdout.decode().splitlines() == [
        "::1 ::1", dissolved, "::ffff:127.0.0.1 ::ffff:127.0.0.1", dissolved,
        "::1 ::1", dissolved, "::ffff:127.0.0.1 ::ffff:127.0.0.2", dissolved,
    ]  # fmt: skip


def test_listener_of_an_address_that_is_not_here(runner: Runner, port: int) -> None:
    words = ["AF_INET6", "2001:db8::1", str(port), "0", "nowhere"]
    refused = runner.run(sys.executable, "-c", SERVER, *words)
    assert "OSError: [Errno 99] Cannot assign requested address" in refused.stderr.decode()
