"""Another user of the machine finds no way to the sockets of a run, nor to its supervisor."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import construct
import psutil
import pytest
from support.deadline import read_line
from support.runner import environment

import ptrace_net

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")

DAEMON, NOBODY = 1, 65534  # user ids that every Debian has
INTRUDER = Path(__file__).parent / "py" / "intruder.py"
PYTHON = "/usr/bin/python3"  # that of the tests may be in root's home
PACKAGES = [Path(package.__file__).parents[1] for package in (ptrace_net, construct)]
COMMAND = [PYTHON, "-m", "ptrace_net"]

# Its own connection is the first in the queue: whoever gets in comes behind it.
SERVER = """
import select, socket, sys
IP_RECVERR = 11
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("::1", 0))
told = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
told.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
told.connect(("127.0.0.1", 9))
asking = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
asking.bind((0, 1))
watched = [listener, client, accepted, udp, told, asking, sys.stdin]
print("up", flush=True)
print("seen", *(watched.index(one) for one in select.select(watched, [], [])[0]))
"""
LEFT_ALONE = b"seen 6\n"  # the end of standard input

WAYS = {"ptrace": ("--engine", "ptrace"), "named": ("--name", f"alone-{os.getpid()}")}
IN_AS_OWNER = {"descriptor", "duplicate", "list", "memory", "trace"}
CLOSED = {"EACCES", "ECONNREFUSED", "ENOENT", "EPERM", "EPROTOTYPE"}


@contextmanager
def run_of(user: int, way: str) -> Iterator[subprocess.Popen[bytes]]:
    path = os.pathsep.join(map(str, PACKAGES))
    how = {"user": user, "group": user, "extra_groups": (), "cwd": "/"}
    how["env"] = {**environment(), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    tried = subprocess.run([*COMMAND, "--version"], **how, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"user {user} cannot run ptrace-net with {PYTHON}: {tried.stderr.splitlines()[-1]}")
    words = [*COMMAND, "--net", "none", *WAYS[way], "--", PYTHON, "-c", SERVER]
    with subprocess.Popen(words, **how, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        try:
            assert read_line(run.stdout) == b"up\n"
            yield run
        finally:
            run.kill()


def processes(run: subprocess.Popen[bytes]) -> list[int]:
    return [run.pid, *(child.pid for child in psutil.Process(run.pid).children(recursive=True))]


def inodes(pids: list[int]) -> set[str]:
    links = [os.readlink(link) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir()]
    return {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}


def ways_in(user: int, pids: list[int]) -> dict[str, set[str]]:
    words = [PYTHON, "-c", INTRUDER.read_text(), ",".join(inodes(pids)), ",".join(map(str, pids))]
    done = subprocess.run(
        words, cwd="/", user=user, group=user, extra_groups=(), capture_output=True, text=True,
        timeout=30, check=True,
    )  # fmt: skip
    return {way: set(seen) for way, *seen in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("owner", [0, DAEMON])
def test_no_way_in(owner: int, way: str) -> None:
    with run_of(owner, way) as run:
        found = ways_in(NOBODY, processes(run))
        assert set(found) == {"path", "abstract", "descriptor", "duplicate", "list", "memory", "trace"}
        assert not {way: seen for way, seen in found.items() if not seen <= CLOSED}
        assert run.communicate(timeout=10) == (LEFT_ALONE, None)
        assert run.returncode == 0


def test_the_intruder_would_get_in() -> None:
    """What is tried above is what succeeds for the run's own user."""
    with run_of(DAEMON, "named") as run:
        found = ways_in(DAEMON, processes(run))
        assert {way for way, seen in found.items() if "in" in seen} == IN_AS_OWNER
        assert run.communicate(timeout=10)[0] != LEFT_ALONE
