"""Both providers in one run: which sockets and addresses are the host's, and which our own.

The host's side is played by sockets of the test itself; what is the run's own has the same addresses and
ports and never meets them.
"""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from policy_probe import Under, execute
from support.ports import free_port

# The host's address for what the program calls ::1 (policies.mapping).
THERE = {"::1": "127.6.0.1"}
ENGINES = pytest.mark.parametrize("engine", ["ptrace", "notify"])


def row(use: str, **conditions: object) -> str:
    lines = [f'use = "{use}"', *(f"{key} = {_value(value)}" for key, value in conditions.items())]
    return "[[provider]]\n" + "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@contextmanager
def listening(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A listener of the host's."""
    with socket.create_server((address, port), backlog=16) as server:
        yield server.getsockname()[1]


@contextmanager
def echoing() -> Iterator[int]:
    """A datagram socket of the host's that sends back what it gets."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)

        def echo() -> None:
            data, peer = server.recvfrom(100)
            server.sendto(data, peer)

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(30)


@ENGINES
@pytest.mark.parametrize(("family", "own"), [(2, "127.0.0.1"), (10, "::1"), (10, "::ffff:127.0.0.1")])
def test_a_connection_to_a_host_address_is_the_hosts_and_any_other_the_runs(
    family: int, own: str, engine: str, under: Under
) -> None:
    address = THERE.get(own, "127.0.0.1")
    with listening(address) as there, listening(address) as hidden:
        words = [f"socket,{family},1,6", f"connect,@,{own},{there}", "getpeername,@",
                 f"socket,{family},1,6", f"connect,@,{own},{hidden}"]  # fmt: skip
        rule = row("host", port=there, calls=["connect"])
        ran = under(*words, policy=rule, options=("--net", "stack", "--engine", engine))
    assert ran.lines == ["socket 3", "connect 0", f"getpeername {own} {there}", "getpeername 0",
                         "socket 4", "connect -111"], ran.said  # fmt: skip


@ENGINES
def test_datagrams_to_a_host_address_leave_by_a_host_socket(engine: str, under: Under) -> None:
    """One socket talks to the host and to the run, sendto by sendto."""
    with echoing() as there:
        words = [
            "socket,2,2,0", "bind,@,127.0.0.1,7777", "socket,2,2,0",
            f"sendto,@,127.0.0.1,{there},0", "recvfrom,@,0",
            "sendto,@,127.0.0.1,7777,0", "recvfrom,@0,0x40",
        ]  # fmt: skip
        rule = row("host", address="127.0.0.0/8", port=there)
        ran = under(*words, policy=rule, options=("--net", "stack", "--engine", engine))
    assert f"from 127.0.0.1 {there}" in ran.lines, ran.said
    results = [line for line in ran.lines if not line.startswith("from")]
    assert results == ["socket 3", "bind 0", "socket 4", "sendto 5", "recvfrom 5", "sendto 5", "recvfrom 5"]


@ENGINES
def test_a_connected_datagram_socket_reaches_the_host(engine: str, under: Under) -> None:
    with echoing() as there:
        words = ["socket,10,2,0", f"connect,@,::ffff:127.0.0.1,{there}", "send,@,0", "recv,@,9,0"]
        ran = under(*words, policy=row("host", port=there), options=("--net", "stack", "--engine", engine))
    assert ran.lines == ["socket 3", "connect 0", "send 5", "recv 5"], ran.said


@ENGINES
@pytest.mark.parametrize(("family", "own"), [(2, "127.0.0.1"), (10, "::1"), (10, "::")])
def test_bound_to_a_host_address_a_socket_is_the_hosts(
    family: int, own: str, engine: str, under: Under
) -> None:
    """The port is taken on the host; for a socket of the run's own it is free."""
    with listening(THERE.get(own, "127.0.0.1")) as taken:
        words = [f"socket,{family},1,6", f"bind,@,{own},{taken}"]
        options = ("--net", "stack", "--engine", engine)
        here = under(*words, policy=row("host", port=9), options=options)
        there = under(*words, policy=row("host", port=taken, calls=["bind"]), options=options)
    assert (here.lines, there.lines) == (["socket 3", "bind 0"], ["socket 3", "bind -98"]), there.said


@ENGINES
def test_a_socket_that_became_the_hosts_keeps_its_options_and_serves(engine: str, under: Under) -> None:
    port = free_port()
    words = [
        "socket,10,1,6", "setsockopt,@,1,2,1", "setsockopt,@,1,15,1", "setsockopt,@,1,8,8000",
        "setsockopt,@,6,1,1", "setsockopt,@,41,26,0", f"bind,@,::,{port}", "listen,@,5", "getsockname,@",
        "getsockopt,@,1,2", "getsockopt,@,1,15", "getsockopt,@,1,8", "getsockopt,@,6,1", "getsockopt,@,41,26",
        "socket,2,1,6", f"connect,@,127.0.0.1,{port}", "accept,@0", "getsockname,@",
    ]  # fmt: skip
    rule = row("host", port=port)
    ran = under(*words, policy=rule, options=("--net", "stack", "--engine", engine))
    assert not [line for line in ran.lines if " -" in line], ran
    values = [line for line in ran.lines if line.startswith("value")]
    assert values == ["value 1", "value 1", "value 16000", "value 1", "value 0"]
    assert [line for line in ran.lines if line.startswith("getsockname :")] == [
        f"getsockname :: {port}", f"getsockname ::ffff:127.0.0.1 {port}"]  # fmt: skip


SOCKETS = [
    # the row, a socket that it is about, one that it is not
    ({"family": "AF_INET6"}, (10, "::1"), (2, "127.0.0.1")),
    ({"type": "SOCK_STREAM"}, (2, "127.0.0.1"), None),
    ({"protocol": "IPPROTO_TCP"}, (2, "127.0.0.1"), None),
    ({"program": "prob?"}, (2, "127.0.0.1"), None),
    ({"program": "other"}, None, (2, "127.0.0.1")),
]
Made = tuple[int, str] | None


@pytest.mark.parametrize(
    ("net", "use", "engine"), [("stack", "host", "notify"), ("host", "stack", "ptrace")]
)
@pytest.mark.parametrize(("conditions", "about", "other"), SOCKETS)
def test_a_socket_is_the_hosts_or_ours_from_the_start(
    conditions: dict[str, str], about: Made, other: Made, net: str, use: str, engine: str, under: Under
) -> None:
    """A port that a listener of the host's has is taken for sockets of the host's alone."""
    with listening() as taken, listening(THERE["::1"], taken):
        for made, provider in ((about, use), (other, net)):
            if made is None:
                continue
            words = [f"socket,{made[0]},1,6", f"bind,@,{made[1]},{taken}"]
            ran = under(*words, policy=row(use, **conditions), options=("--net", net, "--engine", engine))
            assert ran.lines == ["socket 3", "bind -98" if provider == "host" else "bind 0"], ran.said


def test_on_the_host_provider_an_address_is_ours(under: Under) -> None:
    with listening() as there, listening() as ours:
        words = ["socket,2,1,6", f"connect,@,127.0.0.1,{there}",
                 "socket,2,1,6", f"connect,@,127.0.0.1,{ours}",
                 "socket,2,1,6", f"bind,@,127.0.0.1,{ours}", "listen,@,5",
                 "socket,2,1,6", f"connect,@,127.0.0.1,{ours}",
                 "socket,2,1,6", f"bind,@,127.0.0.1,{there}"]  # fmt: skip
        ran = under(*words, policy=row("stack", port=ours), options=("--net", "host"))
    assert [line for line in ran.lines if "socket" not in line] == [
        "connect 0", "connect -111", "bind 0", "listen 0", "connect 0", "bind -98"], ran.said  # fmt: skip


def test_four_answers_in_one_run(under: Under) -> None:
    """Host, our own, the kernel untouched, refused: by address, port and type."""
    with listening() as there:
        policy = (
            row("stub", answer="errno EHOSTUNREACH", address="127.9.0.0/16")
            + row("host", address="127.0.0.1", port=there)
            + row("kernel", family="AF_INET", type="SOCK_DGRAM")
        )
        words = ["socket,2,1,6", "connect,@,127.9.1.1,9", f"connect,@,127.0.0.1,{there}",
                 "socket,2,1,6", f"connect,@,127.0.0.2,{there}",
                 "socket,2,2,0", "bind,@,127.0.0.1,0", "socket,2,2,0", "connect,@,127.9.1.1,9"]  # fmt: skip
        ran = under(*words, policy=policy, options=("--net", "stack"))
    assert ran.lines == ["socket 3", "connect -113", "connect 0", "socket 4", "connect -111",
                         "socket 5", "bind 0", "socket 6", "connect -113"], ran.said  # fmt: skip


def test_the_first_row_that_fits_decides(under: Under) -> None:
    with listening() as there:
        words = ["socket,2,1,6", f"connect,@,127.0.0.1,{there}"]
        exception = row("run", port=there) + row("host", address="127.0.0.1")
        assert under(*words, policy=exception).lines == ["socket 3", "connect -111"]
        assert under(*words, policy=row("host", address="127.0.0.1")).lines == ["socket 3", "connect 0"]


def test_a_network_without_an_outside_has_no_host(under: Under) -> None:
    ran = under("socket,2,1,6", policy=row("host", port=80), options=("--net", "none"))
    assert ran.status == 125
    assert "mine.toml:1: provider: --net none has no outside" in ran.said


def test_where_the_hosts_socket_cannot_be_bound_the_own_one_is_left(under: Under) -> None:
    with listening() as taken:
        words = ["socket,2,1,6", f"bind,@,127.0.0.1,{taken}", "bind,@,127.0.0.1,0", "listen,@,1",
                 "socket,2,1,6", "bind,@,192.0.2.1,80"]  # fmt: skip
        ran = under(*words, policy=row("host", port=taken) + row("host", address="192.0.2.0/24"))
    assert ran.lines == ["socket 3", "bind -98", "bind 0", "listen 0", "socket 4", "bind -99"], ran.said


def test_ss_shows_the_sockets_of_both_by_the_names_that_programs_know(
    ptrace_net_command: list[str], tmp_path: Path
) -> None:
    port, name = free_port(), f"mixed-{free_port()}"
    file = tmp_path / "p.toml"
    file.write_text(row("host", family="AF_INET6"))
    code = (
        "import socket, subprocess, sys\n"
        f"six = socket.create_server(('::1', {port}), family=socket.AF_INET6)\n"
        "four = socket.create_server(('127.0.0.1', 4))\n"
        "print(subprocess.run(sys.argv[1:], capture_output=True, text=True).stdout)\n"
    )
    own = [*ptrace_net_command, "--policy", str(file), "--name", name, "--"]
    ran = execute([*own, sys.executable, "-c", code, *ptrace_net_command, "ss", name])
    text = "\n".join(ran.lines)
    assert f"[::1]:{port}" in text, ran
    assert "127.0.0.1:4" in text, ran
