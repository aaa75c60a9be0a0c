"""`--policy`: IPv4 served by IPv6, IPv6 prefixes mapped onto IPv4 ones, policies over policies.

What a policy means is looked at from three sides: a program under it, the kernel's tables of sockets, and
programs that go past it (of the family that is not translated).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from support.deadline import wait_until
from support.ports import free_port
from support.procnet import local_port, rows
from support.runner import PTRACE_NET, Runner
from support.session import Session

NEEDS = ["socat", "curl", "ip", "unshare"]

REPORT = "SYSTEM:echo $SOCAT_PEERADDR $SOCAT_SOCKADDR; cat"
LOOPBACK6 = "[0000:0000:0000:0000:0000:0000:0000:0001]"  # as socat 1.7 writes it
OWN_FAILURE = 125
# Words that run a command in a network namespace that has no IPv4 address, not even 127.0.0.1.
UNSHARE = ("unshare", "-n" if os.geteuid() == 0 else "-Urn", "--")
REMOVE_IPV4 = 'ip link set lo up && ip addr del 127.0.0.1/8 dev lo && exec "$@"'
WITHOUT_IPV4 = (*UNSHARE, "sh", "-c", REMOVE_IPV4, "sh")


def under(folder: Path, *policies: str | Path, enter: tuple[str, ...] = ()) -> AbstractContextManager:
    """A run with these policies; its programs share one ptrace-net."""
    words = [word for policy in policies for word in ("--policy", str(policy))]
    return Runner("policy", (*PTRACE_NET, *words, "--"), enter).session(folder)


def kernel_addresses(session: Session, table: str, port: int) -> set[str]:
    """The local addresses on ``port`` in /proc/net/``table``, in the kernel's hexadecimal."""
    found = [row for row in rows(table, session.pid) if local_port(row) == port]
    return {row[1].rpartition(":")[0] for row in found}


# IPv4 served by IPv6


@pytest.fixture
def six(tmp_path: Path) -> Iterator[Session]:
    with under(tmp_path, "ipv4-on-ipv6", enter=WITHOUT_IPV4) as session:
        (tmp_path / "hello").write_text("hello\n")
        yield session


def test_the_machine_has_no_ipv4() -> None:
    """The tests below mean something: natively nothing of them works there."""
    there = Runner("native", (), WITHOUT_IPV4)
    done = there.run("socat", "-u", "-", "TCP4:127.0.0.1:9", input=b"")
    assert b"Network is unreachable" in done.stderr


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_ipv4_stream_server_and_clients(six: Session, bound: str) -> None:
    """An IPv6 client, which is not translated, reaches the same server and has an IPv4 name there."""
    port = free_port()
    six.serve("socat", f"TCP4-LISTEN:{port},bind={bound},fork,reuseaddr", REPORT, port=port)
    assert kernel_addresses(six, "tcp", port) == set()
    assert len(kernel_addresses(six, "tcp6", port)) == 1
    for host in ("TCP4:127.0.0.1", "TCP6:[::1]"):
        said = six.output("socat", "-t", "5", "-", f"{host}:{port}", stdin=six.folder / "hello")
        assert said == "127.0.0.1 127.0.0.1\nhello\n"


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_ipv4_datagram_server_and_clients(six: Session, bound: str) -> None:
    port = free_port()
    six.serve("socat", f"UDP4-RECVFROM:{port},bind={bound},fork", REPORT, port=port, kind="udp")
    assert kernel_addresses(six, "udp", port) == set()
    for host in ("UDP4:127.0.0.1", "UDP6:[::1]"):
        client = six.start("socat", "-t", "5", "-,ignoreeof", f"{host}:{port}", stdin=six.folder / "hello")
        wait_until(lambda c=client: b"hello" in c.out.read_bytes(), "the echo")
        assert client.out.read_text() == "127.0.0.1\nhello\n"
        client.stop()


def test_ipv4_client_of_an_ipv6_server(six: Session) -> None:
    """As natively, where a dual-stack server calls an IPv4 client ::ffff:127.0.0.1; here they are one."""
    port = free_port()
    six.serve("socat", f"TCP6-LISTEN:{port},fork,reuseaddr", REPORT, port=port)
    said = six.output("socat", "-t", "5", "-", f"TCP4:127.0.0.1:{port}", stdin=six.folder / "hello")
    assert said == f"{LOOPBACK6} {LOOPBACK6}\nhello\n"


def test_http_over_ipv4(six: Session) -> None:
    port = free_port()
    argv = [sys.executable, "-u", "-m", "http.server", "--bind", "0.0.0.0", str(port)]
    server = six.serve(*argv, port=port)
    told = six.output(
        "curl", "-sS", "-m", "10", "-w", "%{stderr}%{http_code}", f"http://127.0.0.1:{port}/hello",
    )  # fmt: skip
    assert told == "hello\n"
    assert server.err.read_text().startswith("127.0.0.1 - - [")


ADDRESSES = """
import errno, socket
for call in "bind", "connect":
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        for address in {addresses!r}:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, kind) as sock:
                try:
                    getattr(sock, call)((address, 9999))
                    print(call, address, "0")
                except OSError as error:
                    print(call, address, errno.errorcode[error.errno])
"""


def errors(session: Session, *addresses: str) -> set[str]:
    """What binding and connecting to addresses gives, over TCP and UDP: ``"bind ADDRESS ERRNO"``."""
    return set(session.output(sys.executable, "-c", ADDRESSES.format(addresses=addresses)).splitlines())


def test_the_rest_of_127_stays_on_the_machine(six: Session) -> None:
    assert errors(six, "127.0.0.2") == {"bind 127.0.0.2 EADDRNOTAVAIL", "connect 127.0.0.2 ENETUNREACH"}


# IPv6 prefixes mapped onto IPv4 ones

MAP = """
[map]
"2001:db8:7::/120" = "127.77.5.0/24"
"fd00::9/128" = "127.88.0.9/32"
"""
MAPPED = {"2001:db8:7::21": "127.77.5.33", "fd00::9": "127.88.0.9"}


@pytest.fixture(params=["here", "no-ipv6"])
def mapped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    enter = request.getfixturevalue("without_ipv6") if request.param == "no-ipv6" else ()
    (tmp_path / "map.toml").write_text(MAP)
    (tmp_path / "hello").write_text("hello\n")
    with under(tmp_path, tmp_path / "map.toml", enter=enter) as session:
        session.without_inet6 = bool(enter)
        yield session


def in_hex(four: str) -> str:
    """An IPv4 address as /proc/net has it: a word in host order."""
    return "".join(f"{int(part):02X}" for part in reversed(four.split(".")))


@pytest.mark.parametrize("address", MAPPED)
def test_server_at_a_mapped_address(mapped: Session, address: str) -> None:
    """Its name is the one that it bound, whoever asks; ::1 at the same port is another server."""
    port = free_port()
    argv = [sys.executable, "-u", "-m", "http.server", "--bind", address, str(port)]
    server = mapped.serve(*argv, port=port)
    assert kernel_addresses(mapped, "tcp", port) == {in_hex(MAPPED[address])}
    assert f"http://[{address}]:{port}/" in server.out.read_text()
    told = mapped.output(
        "curl", "-sS", "-m", "10", "-w", "%{remote_ip}", f"http://[{address}]:{port}/hello",
    )  # fmt: skip
    assert told == f"hello\n{address}"
    assert mapped.run("curl", "-sS", "-m", "10", f"http://[::1]:{port}/").status == 7


def test_wildcard_server_reached_at_mapped_addresses(mapped: Session) -> None:
    port = free_port()
    mapped.serve("socat", f"TCP6-LISTEN:{port},fork,reuseaddr", REPORT, port=port)
    for address in MAPPED:
        said = mapped.output("socat", "-t5", "-", f"TCP6:[{address}]:{port}", stdin=mapped.folder / "hello")
        assert IPv6Address(said.split()[1].strip("[]")) == IPv6Address(address)
        assert said.endswith("hello\n")


def test_datagrams_at_a_mapped_address(mapped: Session) -> None:
    """The answer comes from the address that was asked, or the connected client would not take it."""
    port = free_port()
    address = "2001:db8:7::21"
    mapped.serve("socat", f"UDP6-RECVFROM:{port},bind=[{address}],fork", "PIPE", port=port, kind="udp")
    dial = ["socat", "-t", "5", "-,ignoreeof", f"UDP6:[{address}]:{port}"]
    client = mapped.start(*dial, stdin=mapped.folder / "hello")
    wait_until(lambda: client.out.read_bytes() == b"hello\n", "the echo")
    client.stop()


def test_addresses_outside_the_map(mapped: Session) -> None:
    outside = ["2001:db8:7::100", "2001:db8::1", "fd00::8", "fd00::a"]
    told = {f"bind {address} EADDRNOTAVAIL" for address in outside}
    assert errors(mapped, *outside) == told | {f"connect {address} ENETUNREACH" for address in outside}


# Policies over policies


def test_later_policies_win(tmp_path: Path) -> None:
    """A later row for the same prefix decides; what it does not mention stays."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    rows_first = '"fd00::5/128" = "127.77.6.5/32"\n"fd00::6/128" = "127.77.6.6/32"\n'
    first.write_text(f'serve = "ipv6"\n[map]\n{rows_first}')
    second.write_text('serve = "ipv4"\n[map]\n"fd00::5/128" = "127.77.6.9/32"\n')
    with under(tmp_path, first, second) as session:
        for address, host in (("fd00::5", "127.77.6.9"), ("fd00::6", "127.77.6.6")):
            port = free_port()
            session.serve("socat", f"TCP6-LISTEN:{port},bind=[{address}]", "PIPE", port=port)
            assert kernel_addresses(session, "tcp", port) == {in_hex(host)}


# The command


def policy(*words: str | Path) -> subprocess.CompletedProcess[bytes]:
    return Runner("policy").run(*PTRACE_NET, "policy", *words)


def test_list_and_check_what_comes_along() -> None:
    names = [line.split()[0] for line in policy("list").stdout.decode().splitlines()]
    assert {"ipv4-on-ipv6", "ipv6-on-ipv4", "linux"} <= set(names)
    done = policy("check", *names)
    assert (done.returncode, done.stdout.decode()) == (0, "".join(f"{name}: right\n" for name in names))


def test_what_is_shown_is_a_policy_itself(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    shown = policy("show", "ipv4-on-ipv6", tmp_path / "map.toml").stdout
    assert b'serve = "ipv6"' in shown
    assert b'"2001:db8:7::/120" = "127.77.5.0/24"' in shown
    (tmp_path / "shown.toml").write_bytes(shown)
    again = policy("show", tmp_path / "shown.toml").stdout
    assert again.startswith(shown)
    (tmp_path / "again.toml").write_bytes(again)
    assert policy("check", tmp_path / "again.toml").returncode == 0


BAD = {
    "not-TOML": ("serve = ipv4\n", ":1: "),
    "no-such-key": ('serve = "ipv4"\n\nprovide = "x"\n', ":3: provide: unknown key; known are "),
    "no-such-value": ('serve = "ipv5"\n', ":1: serve: 'ipv5' is neither"),
    "sizes": ('[map]\n"::1/128" = "127.0.0.1/32"\n"::/64" = "10.0.0.0/8"\n', ":3: ::/64: "),
    "direction": ('[map]\n"10.0.0.0/8" = "::/104"\n', ":2: 10.0.0.0/8: "),
    "not-a-prefix": ('[map]\n"::5" = "ten"\n', ":2: ::5: 'ten' is not ADDRESS/LENGTH"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file(tmp_path: Path, name: str) -> None:
    """One line with the file, the line and the key; the same from the command and from a run."""
    text, said = BAD[name]
    file = tmp_path / "bad.toml"
    file.write_text(text)
    run = Runner("policy").run(*PTRACE_NET, "--policy", file, "--", "echo", "ran")
    for done in (policy("check", file), policy("show", file), run):
        assert (done.returncode, done.stdout) == (OWN_FAILURE, b"")
        assert done.stderr.decode().startswith(f"ptrace-net: policy {file}{said}")
        assert done.stderr.count(b"\n") == 1


def test_absent_file(tmp_path: Path) -> None:
    for verb in ("check", "show"):
        done = policy(verb, tmp_path / "absent.toml")
        assert (done.returncode, done.stdout) == (OWN_FAILURE, b"")
        assert b"absent.toml: No such file or directory; `ptrace-net policy list`" in done.stderr
