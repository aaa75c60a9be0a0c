"""`ptrace-net needs`: what is told of a run, and against a kernel; a search that is interrupted goes on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from policy_probe import build, execute

SECONDS = 60
USES = [
    "socket,10,0x80001,6",
    "setsockopt,@,1,2,1",
    "setsockopt,@,1,2,0",
    "getsockopt,@,41,26",
    "bind,@,::1,0",
    "listen,@,5",
    "socketpair,1,2,0",
    "sendmsg,@,0x4000,1,1",
    "sendto,0,::1,9,0",
    "socket,16,3,0",
    "netlink,@,18",
    "open,/proc/net/tcp",
    "ioctl,@0,0x8913",
]


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("probe", tmp_path_factory)


def needs(command: list[str], *words: str, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, "needs", *words], capture_output=True, text=True, timeout=seconds, check=False
    )


def test_everything_that_is_used_is_told(ptrace_net_command: list[str], probe: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    done = needs(
        ptrace_net_command,
        "--json",
        "-o",
        str(told),
        "--against",
        "starry-ipv6",
        "--against",
        "linux",
        "--",
        str(probe),
        *USES,
    )
    assert done.returncode == 0
    whole = json.loads(told.read_text())
    seen = {(row["table"], *(word for word in row["key"])): row for row in whole["features"]}
    for feature in (
        ("families", "AF_INET6"),
        ("families", "AF_UNIX"),
        ("families", "AF_NETLINK"),
        ("types", "AF_INET6", "SOCK_STREAM"),
        ("types", "AF_NETLINK", "SOCK_RAW"),
        ("protocols", "AF_INET6", "SOCK_STREAM", "IPPROTO_TCP"),
        ("calls", "listen"),
        ("calls", "getsockopt"),
        ("flags", "socket", "SOCK_CLOEXEC"),
        ("flags", "sendmsg", "MSG_NOSIGNAL"),
        ("options", "SOL_SOCKET", "SO_REUSEADDR", "set"),
        ("options", "SOL_IPV6", "IPV6_V6ONLY", "get"),
        ("control", "SOL_SOCKET", "SCM_RIGHTS"),
        ("netlink", "NETLINK_ROUTE", "RTM_GETLINK"),
        ("files", "/proc/net/tcp", "open"),
        ("ioctls", "SIOCGIFFLAGS"),
    ):
        assert feature in seen, feature
    reuse = seen["options", "SOL_SOCKET", "SO_REUSEADDR", "set"]
    assert (reuse["count"], reuse["values"], reuse["programs"]) == (2, {"1": 1, "0": 1}, {"probe": 2})
    lacking = {(each["table"], each["key"][0]) for each in whole["lacks"]["starry-ipv6"]}
    assert {("families", "AF_NETLINK"), ("families", "AF_UNIX"), ("calls", "sendmsg")} <= lacking
    assert ("options", "SOL_IPV6") not in lacking  # a starry-ipv6 entry for set alone
    assert whole["lacks"]["linux"] == []
    assert "recvmmsg" in whole["unused"]
    assert "bind" not in whole["unused"]


def test_where_in_the_program(ptrace_net_command: list[str], tmp_path: Path) -> None:
    """The function of the C library, and the one of the program that called it."""
    source, program = tmp_path / "where.c", tmp_path / "where"
    source.write_text(
        "#include <sys/socket.h>\n"
        "__attribute__((noinline)) int open_the_door(void) { int fd = socket(AF_INET, SOCK_STREAM, 0);\n"
        ' __asm__ volatile("" ::: "memory"); return fd; }\n'
        "int main(void) { int fd = open_the_door(); return listen(fd, 1) ? 2 : 0; }\n"
    )
    subprocess.run(["gcc", "-O1", "-o", program, source], check=True)
    done = needs(ptrace_net_command, "--", str(program))
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    place = lines[next(index for index, line in enumerate(lines) if line.startswith("  AF_INET ")) + 1]
    assert "socket (libc.so.6) < open_the_door (where)" in place
    place = lines[next(index for index, line in enumerate(lines) if line.startswith("  listen ")) + 1]
    assert "listen (libc.so.6) < main (where)" in place


def test_with_sockets_of_our_own(ptrace_net_command: list[str], probe: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    words = [
        "--net",
        "stack",
        "--json",
        "-o",
        str(told),
        "--",
        str(probe),
        "socket,2,1,0",
        "setsockopt,@,6,1,1",
    ]
    assert needs(ptrace_net_command, *words).returncode == 0
    keys = [row["key"] for row in json.loads(told.read_text())["features"]]
    assert ["AF_INET", "SOCK_STREAM"] in keys
    assert ["SOL_TCP", "TCP_NODELAY", "set"] in keys


def test_the_exit_status_is_the_programs(ptrace_net_command: list[str]) -> None:
    assert needs(ptrace_net_command, "--", "sh", "-c", "exit 3").returncode == 3
    assert needs(ptrace_net_command, "--", "no-such-program").returncode == 127
    assert needs(ptrace_net_command).returncode == 125
    assert needs(ptrace_net_command, "--against", "nothing", "--", "true").returncode == 125
    assert needs(ptrace_net_command, "--write", "x.toml", "--", "true").returncode == 125


CLIENT = (
    "import os, socket, sys, time\n"
    "server = socket.socket()\n"
    "try: server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "except OSError: pass\n"
    "for family in (socket.AF_INET6, socket.AF_UNIX):\n"
    "    try: socket.socket(family, socket.SOCK_DGRAM); break\n"
    "    except OSError: pass\n"
    "else: sys.exit(1)\n"
    "server.bind(('127.0.0.1', 0)); server.listen()\n"
)


def test_essential_tolerated_and_alternatives(ptrace_net_command: list[str], tmp_path: Path) -> None:
    """The program tolerates a failing option, and needs one of two families."""
    told, profile = tmp_path / "told.json", tmp_path / "least.toml"
    words = ["--check-exit", "--jobs", "2", "--json", "-o", str(told), "--write", str(profile)]
    done = needs(ptrace_net_command, *words, "--", sys.executable, "-c", CLIENT, seconds=110)
    assert done.returncode == 0, done.stderr
    whole = json.loads(told.read_text())
    lists = {name: {" ".join(each["key"]) for each in whole[name]} for name in ("essential", "tolerated")}
    assert {"AF_INET", "socket", "bind", "listen"} <= lists["essential"]
    assert {"setsockopt", "SOL_SOCKET SO_REUSEADDR set", "AF_INET6"} <= lists["tolerated"] | lists[
        "essential"
    ]
    assert not whole["alternatives"]  # AF_UNIX is never asked for where AF_INET6 is there
    under = execute([*ptrace_net_command, "--policy", str(profile), "--", sys.executable, "-c", CLIENT])
    assert under.status == 0, profile.read_text()


def test_a_check_that_fails_at_once(ptrace_net_command: list[str]) -> None:
    done = needs(ptrace_net_command, "--check-exit", "--", "sh", "-c", "echo reason; exit 4")
    assert done.returncode == 1
    assert "the check fails with nothing taken away\nreason" in done.stderr


def test_an_interrupted_search_goes_on(ptrace_net_command: list[str], tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    command = [
        *ptrace_net_command,
        "needs",
        "--check-exit",
        "--jobs",
        "2",
        "--state",
        str(state),
        "--json",
        "-o",
        str(tmp_path / "told.json"),
        "--",
        sys.executable,
        "-c",
        CLIENT,
    ]
    with open(log, "wb") as said:
        first = subprocess.Popen(command, stderr=said, start_new_session=True)
        until = time.monotonic() + SECONDS
        while log.read_text().count("without") < 3 and time.monotonic() < until:
            time.sleep(0.05)
        first.send_signal(signal.SIGINT)
        assert first.wait(20) == 130
    assert "the same command goes on from" in log.read_text()
    known = json.loads(state.read_text())["results"]
    assert len(known) >= 3
    second = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert second.returncode == 0, second.stderr
    assert known.items() <= json.loads(state.read_text())["results"].items()
    whole = needs(ptrace_net_command, "--check-exit", "--state", str(state), "--", "other")
    assert whole.returncode == 125
    assert "the state of another search" in whole.stderr
    state.write_text("{}")
    assert "no state of a search" in needs(ptrace_net_command, *command[command.index("needs") + 1 :]).stderr
