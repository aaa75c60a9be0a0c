"""Programs that ask about their network through libraries, natively in a namespace and under ptrace-net."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours
from support.build import build_once, compile_c, compile_go

HERE = Path(__file__).parent
NODE = "console.log(JSON.stringify(require('os').networkInterfaces(), null, 1))"


@pytest.fixture
def linux():
    with kernel() as side:
        yield side


def same(linux, ptrace_net_command: list[str], script: str, *options: str) -> str:
    """The output, which must be the same in both worlds."""
    expected = natively(linux, script)
    got = ours(ptrace_net_command, script, *options)
    assert got.splitlines() == expected.splitlines()
    return got


def test_glibc(linux, ptrace_net_command: list[str], tmp_path: Path) -> None:
    text = same(linux, ptrace_net_command, str(compile_c(HERE / "c" / "getifaddrs.c", tmp_path)))
    assert "fec0::5054:98ff:fe76:5433" in text


def test_musl(linux, ptrace_net_command: list[str], tmp_path: Path) -> None:
    source = HERE / "c" / "getifaddrs.c"
    program = build_once(tmp_path / "musl", ["musl-gcc", "-static", "-O1", "-o", "{}", source])
    text = same(linux, ptrace_net_command, str(program))
    assert "fec0::5054:98ff:fe76:5433" in text


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
def test_go(linux, ptrace_net_command: list[str], tmp_path: Path, engine: str) -> None:
    program = compile_go(HERE / "go" / "interfaces.go", tmp_path)
    same(linux, ptrace_net_command, str(program), "--engine", engine, "--views", "on")


def test_node(linux, ptrace_net_command: list[str]) -> None:
    assert shutil.which("node")
    text = same(linux, ptrace_net_command, f'node -e "{NODE}"')
    assert "52:54:98:76:54:33" in text


def test_python(linux, ptrace_net_command: list[str]) -> None:
    """psutil reads /proc/net for connections, pyroute2 changes addresses and routes."""
    script = f"{sys.executable} {HERE / 'py' / 'interfaces.py'} 8081"
    text = same(linux, ptrace_net_command, script, "--views", "on")
    assert "'10.9.9.9'" in text
    assert "(8081, 'LISTEN')" in text


def test_small_tools(linux, ptrace_net_command: list[str]) -> None:
    same(linux, ptrace_net_command, "hostname -I; getent ahosts 127.0.0.1; getent ahosts ::1")


def test_ping_answers(ptrace_net_command: list[str]) -> None:
    """lo, own addresses and the gateway, over IPv4 and IPv6, by an ordinary program."""
    addresses = "127.0.0.1 10.0.2.15 10.0.2.2 ::1 fec0::5054:98ff:fe76:5433 fec0::2"
    script = f"for each in {addresses}; do ping -n -c2 -i0.2 $each; done"
    text = ours(ptrace_net_command, script)
    assert text.count(" 0% packet loss") == 6
    assert len(re.findall(r"64 bytes from (\S+): icmp_seq=[12] ttl=64 time=", text)) == 12


def test_ping_natively_looks_the_same(linux, ptrace_net_command: list[str]) -> None:
    script = "ping -n -c2 -i0.2 127.0.0.1; ping -n -c1 ::1; ping -n -c1 10.0.2.15"
    texts = [
        [re.sub(r"[\d.]+( ms|/|(?=ms))|time \S+", "#", line) for line in text.splitlines()]
        for text in (natively(linux, script), ours(ptrace_net_command, script))
    ]
    assert texts[0] == texts[1]
