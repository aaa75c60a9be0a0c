"""Opening devices from what the command line says, with the remedies where they cannot be opened."""

import errno
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_devices_capture import blocks

from ptrace_net.devices import backends, pcapng, sink, spec
from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.capture import Capture, CaptureFile
from ptrace_net.devices.hub import HubDevice
from ptrace_net.devices.identity import E1000, derived_mac
from ptrace_net.devices.impair import Impair
from ptrace_net.devices.memory import NullDevice, loopback
from ptrace_net.devices.open import Devices, open_devices
from ptrace_net.devices.stream import StreamDevice
from ptrace_net.devices.trace import Trace, TraceFile
from ptrace_net.failure import Failure
from ptrace_net.stack.addresses import format_ip, link_local, parse_ip
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.socket import TcpSocket


def opened(*words: str, now: float = 0.0) -> Devices:
    """Devices from words as on the command line: the option's name, then its value."""
    chosen: dict[str, list] = {"device": [], "capture": [], "impair": [], "frames": []}
    for option, value in zip(words[::2], words[1::2], strict=True):
        parse = spec.capture if option == "frames" else getattr(spec, option)
        chosen[option].append(parse(value))
    frames = chosen.pop("frames")
    return open_devices(*chosen.values(), now, "run", frames)


def addresses(attached: AttachedHost, name: str = "eth0") -> list[str]:
    found = attached.host.interfaces[name].addresses.values()
    return [f"{format_ip(address.ip)}/{address.length}" for address in found]


def transfer(attached: AttachedHost, data: bytes, seconds: float = 10.0) -> bytes:
    """Over 127.0.0.1 of one host, in its own time; as far as the time goes."""
    host, now, sent, received = attached.host, 0.0, 0, b""
    listener, client = host.tcp_socket(), host.tcp_socket()
    listener.bind(parse_ip("127.0.0.1"), 80)
    listener.listen(1)
    client.connect(parse_ip("127.0.0.1"), 80, now)
    server: TcpSocket | Fail = listener.accept()
    while now < seconds and len(received) < len(data):
        attached.service(now)
        server = listener.accept() if isinstance(server, Fail) else server
        taken = client.send(data[sent:])
        sent += 0 if isinstance(taken, Fail) else taken
        chunk = server.recv(1 << 20) if isinstance(server, TcpSocket) else b""
        received += b"" if isinstance(chunk, Fail) else chunk
        due = attached.deadline() or 0.0
        now = due if now < due < now + 0.1 else now + 0.001
    return received


def test_without_options_there_is_lo_and_no_packet_on_it() -> None:
    devices = opened()
    assert list(devices.attached.devices) == ["lo"]
    assert not devices.packets_on_lo
    assert devices.settle(0.0)
    data = os.urandom(100_000)
    assert transfer(devices.attached, data) == data


def test_addresses_are_those_of_a_virtual_machine_or_as_given() -> None:
    plain = opened("device", "eth0=none").attached
    local = f"{format_ip(link_local(E1000.mac))}/64"
    assert addresses(plain) == ["10.0.2.15/24", "fec0::15/64", local]
    assert plain.host.routes.lookup(parse_ip("8.8.8.8")) is None
    given = opened("device", "eth0=none,address=10.9.0.2/24,gateway=10.9.0.1").attached
    assert addresses(given) == ["10.9.0.2/24", local]
    assert given.host.routes.lookup(parse_ip("8.8.8.8")).gateway == parse_ip("10.9.0.1")
    two = opened("device", "eth0=none", "device", "eth1=none,address=10.9.0.2/24,mtu=9000").attached
    assert two.host.interfaces["eth1"].mtu == 9000


def test_runs_on_a_hub_get_addresses_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    runs = [opened("device", "eth0=hub:lab") for _ in range(3)]
    assert [addresses(run.attached)[0] for run in runs] == ["10.0.2.15/24", "10.0.2.16/24", "10.0.2.17/24"]
    assert [run.attached.devices["eth0"].mac for run in runs] == [derived_mac(E1000.mac, n) for n in range(3)]
    runs[1].close(0.0)
    again = opened("device", "eth0=hub:lab")
    assert addresses(again.attached)[0] == "10.0.2.16/24"
    device = again.attached.devices["eth0"]
    assert isinstance(device, HubDevice)
    assert device.run == "run"
    for run in (runs[0], runs[2], again):
        run.close(0.0)
    assert not list((tmp_path / "ptrace-net" / "hubs" / "lab").iterdir())


def test_hubs_without_a_runtime_directory_are_below_tmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert backends.hubs() == Path(f"/tmp/ptrace-net-{os.geteuid()}/hubs")


def test_a_hub_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    hub = tmp_path / "ptrace-net" / "hubs" / "lab"
    hub.mkdir(parents=True)
    hub.chmod(0o755)
    with pytest.raises(Failure, match=r"alone.*choose another name"):
        opened("device", "eth0=hub:lab")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    with pytest.raises(Failure, match="Not a directory; set XDG_RUNTIME_DIR to a directory of yours"):
        opened("device", "eth0=hub:lab")


def test_streams(tmp_path: Path) -> None:
    path = str(tmp_path / "stream")
    with pytest.raises(Failure, match=r"No such file.*start its other end first: passt"):
        opened("device", f"eth0=stream:{path}")
    with pytest.raises(Failure, match="start its other end first"):
        opened("device", "eth0=stream:127.0.0.1:x")
    with socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", 0)) as inet:
        unix.bind(path)
        unix.listen()
        for target in (path, f"127.0.0.1:{inet.getsockname()[1]}"):
            devices = opened("device", f"eth0=stream:{target},mtu=4000")
            device = devices.attached.devices["eth0"]
            assert isinstance(device, StreamDevice)
            assert device.mtu == 4000
            devices.close(0.0)


def test_a_lease_that_does_not_come(tmp_path: Path) -> None:
    devices = opened("device", "eth0=none,dhcp", now=time.monotonic())
    assert not devices.settled()
    assert not devices.settle(0.05)
    assert devices.leases[0].interface.configuring


def failing(number: int) -> Callable[..., None]:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOENT, "modprobe tun"), (errno.EBUSY, "another program is attached"),
        (errno.EINVAL, "not a TAP with a single queue"), (errno.EPERM, "another user.*ip tuntap add"),
        (errno.EACCES, "another user"), (errno.ENOSPC, "ip tuntap add"),
    ],
)  # fmt: skip
def test_taps_that_cannot_be_opened(number: int, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "open_tap", failing(number))
    monkeypatch.setattr(backends, "_interface", lambda name: (backends.IFF_UP, 1500))
    with pytest.raises(Failure, match=remedy):
        opened("device", "eth0=tap:tap9")


def test_interfaces_are_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="no interface nowhere0: make it as root: ip tuntap add dev nowhere0"):
        opened("device", "eth0=tap:nowhere0")
    with pytest.raises(Failure, match=r"not a TAP|another user|modprobe"):
        opened("device", "eth0=tap:lo")
    monkeypatch.setattr(backends, "_interface", lambda name: (0, 1500))
    with pytest.raises(Failure, match="tap9 is down: ip link set tap9 up"):
        opened("device", "eth0=tap:tap9")


def test_names_that_fit_no_device(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="--device eth0 is given twice"):
        opened("device", "eth0=none", "device", "eth0=none")
    with pytest.raises(Failure, match="--capture eth0: frames pass lo only; give eth0 a link with --device"):
        opened("capture", f"eth0={tmp_path}/x")
    with pytest.raises(Failure, match="--impair eth1: frames pass lo, eth0 only"):
        opened("device", "eth0=none", "impair", "eth1:loss=1%")


def test_a_capture_of_lo_and_its_impairment(tmp_path: Path) -> None:
    path = tmp_path / "lo.pcapng"
    devices = opened("capture", f"lo={path}", "impair", "lo:delay=50ms", "device", "eth0=none")
    assert devices.packets_on_lo
    data = os.urandom(50_000)
    assert transfer(devices.attached, data) == data
    devices.close(9.0)
    found = blocks(path.read_bytes())
    assert [kind for kind, _body in found if kind != 6] == [0x0A0D0D0A, 1, 5]
    first, second = (int.from_bytes(body[4:8], "little") << 32 | int.from_bytes(body[8:12], "little")
                     for _kind, body in found[2:4])  # fmt: skip
    assert 40_000_000 < second - first < 60_000_000  # one way, not there and back


def test_a_line_for_each_frame_of_lo(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    devices = opened("frames", f"lo={path}", "device", "eth0=none")
    assert devices.packets_on_lo
    assert not isinstance(devices.attached.devices["eth0"], Trace)
    data = os.urandom(5_000)
    assert transfer(devices.attached, data) == data
    devices.close(9.0)
    lines = path.read_text().splitlines()
    assert [line.split("[")[1].split("]")[0] for line in lines[:3]] == ["S", "SA", "A"]
    assert all(" lo <- " in line for line in lines), "what passes lo is told once"
    with pytest.raises(Failure, match="--frames eth1: frames pass lo, eth0 only"):
        opened("device", "eth0=none", "frames", "eth1=x")
    with pytest.raises(Failure, match=f"--frames {tmp_path}: Is a directory; choose another"):
        opened("frames", str(tmp_path))


def test_lines_for_a_slow_reader_and_for_one_that_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "LIMIT", 1000)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = TraceFile(sink.open_sink(str(fifo)))
    for number in range(3000):
        file.write(f"{number} " + "x" * 94)
    said = os.read(reader, 1 << 20)
    file.write("after")
    file.write("last")
    said += os.read(reader, 1 << 20)
    lines = said.decode().splitlines()
    whole = len(lines) - 2
    assert [line.split()[0] for line in lines[:whole]] == [str(number) for number in range(whole)]
    assert lines[whole:] == [f"... {3000 - whole} frames are missing here", "after"]
    os.close(reader)
    file.write("unheard")
    file.write("not tried")
    assert isinstance(file.error, BrokenPipeError)
    file.finish()


def test_one_file_for_all_devices(tmp_path: Path) -> None:
    path = tmp_path / "all.pcapng"
    devices = opened("capture", str(path), "device", "eth0=none")
    assert devices.packets_on_lo
    assert isinstance(devices.attached.devices["eth0"], Capture)
    devices.close(1.0)
    assert [kind for kind, _body in blocks(path.read_bytes())] == [0x0A0D0D0A, 1, 1, 5, 5]
    plain = opened("capture", f"eth0={path}", "device", "eth0=none", "impair", "eth0:loss=1%")
    assert not plain.packets_on_lo
    assert isinstance(plain.attached.devices["eth0"].inner, Impair)
    assert isinstance(plain.attached.devices["eth0"].inner.inner, NullDevice)
    plain.close(1.0)


def test_a_capture_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No such file or directory; choose another"):
        opened("capture", str(tmp_path / "nowhere" / "x.pcapng"))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(Failure, match=f"start its reader first: wireshark -k -i {fifo}"):
        opened("capture", str(fifo))


def test_a_slow_reader_loses_frames_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "LIMIT", 20_000)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    target = sink.open_sink(str(fifo))
    file = CaptureFile(target.write, 0.0)
    interface = file.add(loopback())
    for number in range(60):
        file.packet(interface, Frame(bytes(2000)), float(number), 0, "", 0)
    said = os.read(reader, 1 << 20)
    file.packet(interface, Frame(bytes(60)), 60.0, 0, "", 0)
    said += os.read(reader, 1 << 20)
    file.finish(61.0)
    target.close()
    said += os.read(reader, 1 << 20)
    os.close(reader)
    packets = [body for kind, body in blocks(said) if kind == 6]
    taken = len(packets) - 1
    assert 30 < taken < 60
    option = pcapng.EPB_DROPCOUNT.to_bytes(2, "little") + b"\x08\x00"
    assert option + (60 - taken).to_bytes(8, "little") in packets[-1]
    assert (60 - taken).to_bytes(8, "little") in blocks(said)[-1][1]
    assert file.error is None


def test_a_reader_that_goes_away_ends_the_capture(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    target = sink.open_sink(str(fifo))
    target.write(bytes(1 << 17))
    file = CaptureFile(target.write, 0.0)
    os.close(reader)
    file.packet(file.add(loopback()), Frame(bytes(60)), 0.0, 0, "", 0)
    assert isinstance(file.error, BrokenPipeError)
    target.close()


def test_a_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(1000))
    target = sink.open_sink(str(path))
    target.write(b"abc")
    target.close()
    assert path.read_bytes() == b"abc"
