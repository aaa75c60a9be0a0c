"""Kernel profiles under real programs: what they do where the kernel lacks something.

The documents are cited as in test_policy_profiles.py.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest
from policy_probe import Under, build, execute
from support.build import M32
from support.media import QUIET, make_clip


def test_python_under_starry_falls_back_to_ipv4(ptrace_net_command: list[str]) -> None:
    """000:19-25: socket(AF_INET6) is -97, and the program goes on with AF_INET."""
    script = (
        "import socket\n"
        "try: socket.socket(socket.AF_INET6)\n"
        "except OSError as error: print(error.errno)\n"
        "print(socket.create_server(('127.0.0.1', 0)).family.name, socket.has_dualstack_ipv6())\n"
    )
    ran = execute([*ptrace_net_command, "--policy", "starry", "--", sys.executable, "-c", script])
    assert (ran.lines, ran.status) == (["97", "AF_INET False"], 0)


@pytest.mark.skipif(not shutil.which("ip"), reason="iproute2 is not installed")
def test_ip_addr_panics_on_netlink(ptrace_net_command: list[str]) -> None:
    ran = execute([*ptrace_net_command, "--policy", "starry-ipv6", "--", "ip", "addr"])
    assert ran.status == 137
    assert "Address Family not supported: 16" in ran.said
    assert "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE)" in ran.said


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_ffmpeg_dies_of_netlink_in_getaddrinfo(ptrace_net_command: list[str], tmp_path: Path) -> None:
    """001:298: libc asks the kernel for its addresses before ffmpeg connects to anything by name."""
    clip = make_clip(tmp_path)
    words = [*QUIET, "-i", str(clip), "-c", "copy", "-f", "rtsp", "rtsp://localhost:9/live"]
    ran = execute([*ptrace_net_command, "--policy", "starry-ipv6", "--", *words])
    assert ran.status == 137
    assert re.search(r"Address Family not supported: 16|not implemented \(address family 1\)", ran.said)
    mine = tmp_path / "mine.toml"
    mine.write_text('[families]\n"*" = "errno EAFNOSUPPORT"\nAF_INET = "ok"\nAF_INET6 = "ok"\n')
    goes_on = execute([*ptrace_net_command, "--policy", "starry-ipv6", "--policy", str(mine), "--", *words])
    assert goes_on.status not in (0, 137)
    assert "Connection refused" in goes_on.said


def test_mediaserver_opens_its_udp_port_as_in_the_log(under: Under) -> None:
    """001:48-76: what ZLMediaKit does with an AF_INET6 datagram socket, call for call; then 001:27."""
    words = [
        "socket,10,2,17",
        "setsockopt,@,1,2,1",
        "setsockopt,@,1,15,1",
        "ioctl,@,21537",
        "setsockopt,@,1,7,262144",
        "setsockopt,@,1,8,262144",
        "setsockopt,@,1,13,0",
        "setsockopt,@,41,26,0",
        "bind,@,::,0",
        "getpeername,@",
    ]
    ran = under(*words, names=("starry-ipv6",))
    results = [int(line.split()[1]) for line in ran.lines]
    assert (results, ran.status) == ([3, 0, 0, 0, 0, 0, 0, 0, 0, -107], 0)


def test_a_32_bit_program_meets_the_same_kernel(
    ptrace_net_command: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through socketcall(2) or its own numbers: what it is told names the number it used."""
    probe = build("probe", tmp_path_factory, *M32)
    ran = execute(
        [
            *ptrace_net_command,
            "--policy",
            "starry-ipv6",
            "--",
            str(probe),
            "socket,10,2,17",
            "setsockopt,@,1,15,1",
            "setsockopt,@,41,26,0",
            "sendmsg,@,0",
        ]
    )
    assert (ran.lines, ran.status) == (["socket 3", "setsockopt 0", "setsockopt 0"], 137)
    assert "unknown syscall id: 370" in ran.said
