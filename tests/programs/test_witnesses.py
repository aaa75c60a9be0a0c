"""The witnesses that other tests call on see what they are there to see: each is shown an AF_INET6 socket."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.deadline import read_line
from support.domains import inet6_descriptors
from support.namespace import namespace_without_ipv6
from support.procnet import inet6_in_use, listening
from support.runner import Runner

OPEN = "import socket; s = socket.socket(socket.AF_INET6); print(s.fileno(), flush=True); input()"
LISTEN = """
import socket
s = socket.create_server(('::', 4000), family=socket.AF_INET6)
print('up', flush=True)
input()
"""
DIAL = "import socket; socket.create_connection(('::1', 4000))"
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


@pytest.mark.skipif(not socket.has_ipv6, reason="Python without IPv6")
def test_descriptor_of_another_process() -> None:
    with Runner("native").program(sys.executable, "-c", OPEN, **PIPES) as holder:
        descriptor = int(read_line(holder.stdout))
        assert inet6_descriptors(holder.pid) == [descriptor]


def test_sockstat6_of_a_namespace() -> None:
    """A wildcard listener is possible even there, ::1 is not, and the kernel's count shows the listener."""
    with namespace_without_ipv6() as enter:
        native = Runner("native", enter=enter)
        assert b"Cannot assign requested address" in native.run(sys.executable, "-c", DIAL).stderr
        with native.program(sys.executable, "-c", LISTEN, **PIPES) as holder:
            read_line(holder.stdout)
            assert inet6_in_use(holder.pid) == {"TCP6": 1}
            assert listening(4000, pid=holder.pid)
            assert not listening(4000, "udp", pid=holder.pid)


def test_kernel_refuses_inet6_where_it_may(without_ipv6: tuple[str, ...], tmp_path: Path) -> None:
    """In the surroundings of the runner "host-no6" a native AF_INET6 socket cannot be had."""
    if "cgroup.procs" not in " ".join(without_ipv6):
        pytest.skip("needs root and a control group that takes BPF programs; sockstat6 is watched instead")
    refused = Runner("native", enter=without_ipv6).run(sys.executable, "-c", OPEN)
    assert b"PermissionError: [Errno 1] Operation not permitted" in refused.stderr
