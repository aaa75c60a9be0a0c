"""Runs on a hub, through passt, and on their own loopback with its packets shown."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.capture import assert_clean, tshark
from support.runner import PTRACE_NET, Runner
from test_wire_kernel import ECHO_CLIENTS, ECHO_SERVER, digest, stopping
from wire_rig import Rig, said, until

# -- a hub: no rights needed --------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hubs of the test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "ptrace-net" / "hubs" / "lab"


def on_hub(*options: str) -> Runner:
    return Runner("hub", (*PTRACE_NET, "--net", "stack", "--device", "eth0=hub:lab", *options, "--"))


def joined(hub: Path, count: int) -> None:
    until(lambda: hub.exists() and len(list(hub.glob("*.port"))) == count)


def test_two_runs_on_a_hub(hub: Path, tmp_path: Path) -> None:
    capture = tmp_path / "eth0.pcapng"
    with stopping(on_hub("--capture", f"eth0={capture}"), "iperf3", "-s"):
        joined(hub, 1)
        client = on_hub()
        until(lambda: client.run("iperf3", "-c", "10.0.2.15", "-n", "1K").returncode == 0)
        for options in ((), ("-R",)):
            command = ("iperf3", "-c", "10.0.2.15", "-t", "1", "-J", *options)
            done = until(lambda: done if (done := client.run(*command)).returncode == 0 else None)  # noqa: B023
            assert json.loads(done.stdout)["end"]["sum_received"]["bytes"] > 5_000_000
        assert "2 received" in said(client.run("ping", "-c", "2", "-i", "0.1", "10.0.2.15"))
        assert "2 received" in said(client.run("ping", "-c", "2", "-i", "0.1", "fec0::15"))
    assert_clean(capture, flooded=True)
    assert {row[0] for row in tshark(capture, "tcp", "ip.src")} == {"10.0.2.15", "10.0.2.16"}
    assert not list(hub.glob("*.port"))


def test_a_file_between_two_runs_over_a_bad_hub(hub: Path, tmp_path: Path) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(os.urandom(2_000_000))
    with on_hub().program("socat", "-u", "TCP6-LISTEN:99", f"CREATE:{got}") as receiver:
        joined(hub, 1)
        bad = on_hub("--impair", "eth0:loss=2%,reorder=2%,delay=1ms,limit=10000")
        said(bad.run("socat", "-u", f"OPEN:{sent}", "TCP:[fec0::15]:99,retry=60,interval=0.2", seconds=100))
        assert receiver.wait(30) == 0
    assert digest(got) == digest(sent)


@pytest.mark.timeout(180)
def test_five_runs_on_a_hub(hub: Path, tmp_path: Path) -> None:
    """One serves, four fetch at the same time, forty connections each; five captures."""
    captures = [tmp_path / f"eth0-{number}.pcapng" for number in range(5)]
    served, *fetching = [on_hub("--capture", f"eth0={capture}") for capture in captures]
    with ExitStack() as running:
        running.enter_context(stopping(served, sys.executable, "-c", ECHO_SERVER))
        joined(hub, 1)
        clients = [
            running.enter_context(
                client.program(
                    sys.executable, "-c", ECHO_CLIENTS, "10.0.2.15", "40",
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )
            )
            for client in fetching
        ]  # fmt: skip
        said_by = [client.communicate(timeout=120)[0] for client in clients]
    assert said_by == [b"40\n"] * 4
    for capture, count in zip(captures, (160, 40, 40, 40, 40), strict=True):
        assert_clean(capture)
        assert len({row[0] for row in tshark(capture, "tcp.flags.fin == 1", "tcp.stream")}) == count


# -- passt: to the loopback of its machine, a namespace of the test's -----------------------------------


@pytest.fixture
def passt(wire: Rig) -> Iterator[tuple[Rig, Runner, Path]]:
    """A run behind passt, which leases the address of d0, and its capture."""
    if not shutil.which("passt"):
        pytest.skip("passt is not installed")
    for words in (
        "link add d0 type veth peer name d1", "addr add 192.0.2.2/24 dev d0", "link set d1 up",
        "link set d0 up", "route add default via 192.0.2.1", "-6 addr add fd77::2/64 dev d0 nodad",
        "-6 route add default via fd77::1",
    ):  # fmt: skip
        said(wire.kernel.run("ip", *words.split()))
    wire.folder.chmod(0o777)
    for folder in wire.folder.parents[:3]:  # passt gives up root
        folder.chmod(folder.stat().st_mode | 0o055)
    path = wire.folder / "passt.sock"
    command = ("passt", "--foreground", "--quiet", "--socket", path, "-t", "4080", "-u", "none")
    with wire.kernel.program(*command, stderr=subprocess.DEVNULL):
        until(path.exists)
        yield wire, *wire.captured(("--device", f"eth0=stream:{path},dhcp,mtu=65520"))


@pytest.mark.parametrize("gateway", ["192.0.2.1", "fd77::1"])
def test_out_through_passt(passt: tuple[Rig, Runner, Path], gateway: str) -> None:
    """passt maps its gateway's address to the loopback of the machine."""
    wire, run, capture = passt
    sent, got = wire.folder / "sent", wire.folder / "got"
    sent.write_bytes(os.urandom(1_000_000))
    family = "6" if ":" in gateway else "4"
    host = f"[{gateway}]" if ":" in gateway else gateway
    with wire.kernel.program("socat", "-u", f"TCP{family}-LISTEN:99", f"CREATE:{got}") as receiver:
        said(run.run("socat", "-u", f"OPEN:{sent}", f"TCP{family}:{host}:99,retry=20,interval=0.2"))
        assert receiver.wait(30) == 0
    assert digest(got) == digest(sent)
    assert_clean(capture)
    target = f"ipv6.dst == {gateway}" if family == "6" else f"ip.dst == {gateway}"
    assert tshark(capture, f"tcp.flags.fin == 1 && {target}", "frame.number")


def test_in_through_passt(passt: tuple[Rig, Runner, Path]) -> None:
    wire, run, capture = passt
    with stopping(run, sys.executable, "-c", ECHO_SERVER.replace(", 7,", ", 4080,")):
        talk = ("socat", "-t", "5", "-", "TCP4:127.0.0.1:4080")

        def answered() -> bool:
            return wire.kernel.run(*talk, input=b"hello\n").stdout == b"hello\n"

        until(answered)
    assert_clean(capture)
    assert tshark(capture, "tcp.flags.fin == 1 && tcp.srcport == 4080", "frame.number")


# -- lo -----------------------------------------------------------------------------------------------

TALK = """
import socket, threading
for address in ("127.0.0.1", "::1"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 0), family=family)
    def serve():
        s, peer = listener.accept()
        while data := s.recv(65536):
            s.sendall(data)
        s.close()
    thread = threading.Thread(target=serve)
    thread.start()
    client = socket.create_connection(listener.getsockname()[:2])
    client.sendall(b"x" * 100000)
    client.shutdown(socket.SHUT_WR)
    total = 0
    while data := client.recv(65536):
        total += len(data)
    thread.join()
    u, v = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    u.bind((address, 0))
    v.sendto(b"datagram", u.getsockname())
    data, peer = u.recvfrom(100)
    print(address, total, data.decode(), peer[1] == v.getsockname()[1])
    try:
        socket.create_connection((address, 9))
    except OSError as error:
        print(type(error).__name__)
"""


def test_a_capture_of_lo_shows_a_conversation(tmp_path: Path) -> None:
    """The same is said natively; on the wire lane there are packets of it."""
    capture = tmp_path / "lo.pcapng"
    talk = (sys.executable, "-c", TALK)
    natively = said(Runner("native").run(*talk))
    shown = Runner("lo", (*PTRACE_NET, "--net", "stack", "--capture", f"lo={capture}", "--"))
    assert said(shown.run(*talk)) == natively
    assert_clean(capture)
    flags = [row[0] for row in tshark(capture, "tcp.stream == 0", "tcp.flags.str")]
    assert flags[0].endswith("S·") or "S" in flags[0]
    assert any("F" in flag for flag in flags)
    assert tshark(capture, "udp && ip.addr == 127.0.0.1", "frame.number")
    assert tshark(capture, "udp && ipv6.addr == ::1", "frame.number")


@pytest.mark.parametrize("place", ["file", "-"])
def test_the_frames_of_lo_as_text(tmp_path: Path, place: str) -> None:
    path = tmp_path / "frames"
    option = f"lo={path}" if place == "file" else "-"
    traced = Runner("lo", (*PTRACE_NET, "--net", "stack", "--frames", option, "--"))
    done = traced.run(sys.executable, "-c", TALK)
    assert "127.0.0.1 100000 datagram True" in said(done)
    lines = (path.read_text() if place == "file" else done.stderr.decode()).splitlines()
    assert all(" lo <- " in line for line in lines)
    assert [line.split("[")[1].split("]")[0] for line in lines[:3]] == ["S", "SA", "A"]
    assert any("IP6 ::1." in line and "UDP len 8" in line for line in lines)


def test_a_policy_asks_for_packets_on_lo(tmp_path: Path) -> None:
    """Round trips are measured where there are packets; within the express lane there are none."""
    policy = tmp_path / "packets.toml"
    policy.write_text('lane = "wire"\n')
    text = said(Runner("policy").run(*PTRACE_NET, "policy", "show", str(policy)))
    assert 'lane = "wire"' in text
    ask = "import socket; l = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(" + (
        "l.getsockname()); i = c.getsockopt(6, 11, 256); print(int.from_bytes(i[16:20], 'little') > 60000)"
    )
    for options, answer in ((("--policy", str(policy)), "True\n"), ((), "False\n")):
        run = Runner("lo", (*PTRACE_NET, "--net", "stack", *options, "--"))
        told = said(run.run(sys.executable, "-c", ask))
        assert (told, options) == (answer, options)


def test_an_impaired_lo_is_slow(tmp_path: Path) -> None:
    slow = Runner("lo", (*PTRACE_NET, "--net", "stack", "--impair", "lo:delay=100ms", "--"))
    timed = TALK.replace("import socket", "import time; start = time.monotonic(); import socket", 1)
    text = said(slow.run(sys.executable, "-c", timed + "print(time.monotonic() - start)"))
    assert "127.0.0.1 100000 datagram" in text
    assert float(text.split()[-1]) > 1.0  # two round trips and more, twice


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--device", "eth0=tap:nowhere0"), "no interface nowhere0: make it as root: ip tuntap add"),
        (("--device", "eth0"), "a device is NAME=tap:INTERFACE"),
        (("--impair", "lo:speed=1"), "unknown impairment 'speed'"),
        (("--capture", "eth0=x"), "give eth0 a link with --device"),
        (("--net", "host", "--device", "eth0=none"), "concern our own stack: --net stack"),
        (("--net", "host", "-p", "8080:80"), "with --net host the program's ports are the host's"),
        (("--net", "none", "-p", "8080:80"), "with --net none nothing is published"),
        (("--device", "eth0=none", "-p", "8080:80"), "with --device nothing is published"),
        (("-p", "80"), "two ports are wanted"),
    ],
)
def test_what_cannot_be_done_is_said(options: tuple[str, ...], sentence: str) -> None:
    command = [*PTRACE_NET, "--net", "stack", *options, "--", "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 125
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_live_capture_to_a_pipe(tmp_path: Path) -> None:
    """tshark reads from a FIFO what happens while it happens."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = ["tshark", "-l", "-n", "-i", str(fifo), "-Y", "udp"]
    with subprocess.Popen(reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tshark_live:
        try:
            assert any("Capturing on" in line for line in tshark_live.stderr)
            live = Runner("lo", (*PTRACE_NET, "--net", "stack", "--capture", f"lo={fifo}", "--"))
            with live.program(sys.executable, "-c", TALK + "import time; time.sleep(20)"):
                assert "127.0.0.1" in tshark_live.stdout.readline()
        finally:
            tshark_live.kill()
