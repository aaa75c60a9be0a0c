"""A listener whose queue is full: who connects waits for room, or for as long as the socket says."""

import resource
import sys
from pathlib import Path

import pytest
from support.runner import PTRACE_NET, Runner
from support.session import Session

CONNECTIONS = 4200  # a queue holds one more than net.core.somaxconn
SOMAXCONN = int(Path("/proc/sys/net/core/somaxconn").read_text())
pytestmark = [
    pytest.mark.skipif(SOMAXCONN != 4096, reason=f"net.core.somaxconn is {SOMAXCONN}, not Linux's 4096"),
    pytest.mark.skipif(
        resource.getrlimit(resource.RLIMIT_NOFILE)[1] < CONNECTIONS + 100, reason="too few descriptors"
    ),
]

SCRIPT = f"""
import errno, os, resource, socket, struct
COUNT = {CONNECTIONS}
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
read, write = os.pipe()
if os.fork() == 0:
    held = []
    for number in range(COUNT):
        held.append(socket.create_connection(listener.getsockname()))
        os.write(write, b"x")
    os._exit(0)
os.close(write)
queued = 0
while queued < 4097:
    queued += len(os.read(read, 4097 - queued))
impatient = socket.socket()
impatient.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 0, 300_000))
try:
    impatient.connect(listener.getsockname())
except OSError as error:
    print("impatient:", errno.errorcode[error.errno])
impatient.close()
taken = [listener.accept()[0] for _ in range(COUNT)]
print("accepted:", len(taken), "child:", os.wait()[1])
"""


UNDER_PTRACE = Runner("stack-ptrace", (*PTRACE_NET, "--engine", "ptrace", "--"))


def check(session: Session) -> None:
    told = session.output(sys.executable, "-c", SCRIPT, seconds=60)
    assert told == f"impatient: EINPROGRESS\naccepted: {CONNECTIONS} child: 0\n"


def test_connect_waits_for_room(session: Session) -> None:
    check(session)


def test_connect_waits_for_room_under_ptrace(tmp_path: Path) -> None:
    with UNDER_PTRACE.session(tmp_path) as session:
        check(session)
