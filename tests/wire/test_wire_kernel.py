"""Programs of a run against the Linux kernel over a TAP, and what tshark says of their packets."""

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.capture import assert_clean, tshark
from support.procnet import listening
from support.runner import Runner
from wire_rig import KERNEL, OURS, Rig, said, until

IPERF_PORT = 5201
VERSIONS = pytest.mark.parametrize("version", [4, 6])
NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 1000; }}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 80; listen [::]:80; root {folder}/www; location /hello {{ return 200 "hello\\n"; }} }}
}}
"""


def url(address: str, path: str = "", port: int = 80) -> str:
    return f"http://[{address}]:{port}/{path}" if ":" in address else f"http://{address}:{port}/{path}"


@contextmanager
def stopping(runner: Runner, *argv: str | Path, **how: object) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is asked to end after the block, so that what it has to finish is finished."""
    with runner.program(*argv, **how) as process:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(40)  # perhaps for a peer's last word: docs/limitations.md


@contextmanager
def nginx(runner: Runner, folder: Path) -> Iterator[None]:
    """nginx on port 80 of both families, with a file of 3 MB."""
    (folder / "www").mkdir()
    (folder / "www" / "file").write_bytes(os.urandom(3_000_000))
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    with stopping(runner, "nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"):
        yield


def fetched(runner: Runner, address: str, folder: Path) -> bool:
    """Whether the file comes as it is; the server may still be starting."""
    got = folder / "got"
    retry = ("--retry", "40", "--retry-delay", "0", "--retry-connrefused", "--retry-max-time", "15")
    said(runner.run("curl", "-sS", "-g", *retry, "-o", got, url(address, "file"), seconds=40))
    return got.read_bytes() == (folder / "www" / "file").read_bytes()


@VERSIONS
@pytest.mark.parametrize("size", ["56", "4000"])
def test_ping_both_ways(wire: Rig, version: int, size: str) -> None:
    ping = ("ping", "-c", "3", "-i", "0.1", "-s", size)
    run, capture = wire.captured()
    assert "3 received" in said(run.run(*ping, KERNEL[version]))
    assert_clean(capture)
    run, capture = wire.captured()
    with stopping(run, "sleep", "30"):
        until(lambda: wire.kernel.run("ping", "-c", "1", "-W", "1", OURS[version]).returncode == 0)
        assert "3 received" in said(wire.kernel.run(*ping, OURS[version]))
    assert_clean(capture)


@VERSIONS
def test_curl_from_the_kernels_server(wire: Rig, version: int) -> None:
    run, capture = wire.captured()
    with nginx(wire.kernel, wire.folder):
        assert fetched(run, KERNEL[version], wire.folder)
    assert_clean(capture)


@VERSIONS
def test_the_kernels_curl_from_nginx(wire: Rig, version: int) -> None:
    run, capture = wire.captured()
    with nginx(run, wire.folder):
        assert fetched(wire.kernel, OURS[version], wire.folder)
    assert_clean(capture)
    named = tshark(capture, "tcp.port == 80", "frame.comment")
    assert any(row[0].startswith("nginx[") for row in named)


def test_nginx_under_wrk(wire: Rig) -> None:
    run, capture = wire.captured()
    with nginx(run, wire.folder):
        assert fetched(wire.kernel, OURS[4], wire.folder)
        text = said(wire.kernel.run("wrk", "-t1", "-c20", "-d2s", url(OURS[4], "hello")))
        assert "Socket errors" not in text
        assert "Non-2xx" not in text
        assert int(text.split(" requests in")[0].split()[-1]) > 100
    assert_clean(capture)


@VERSIONS
@pytest.mark.parametrize("back", [(), ("-R",)])
def test_iperf3_to_the_kernel(wire: Rig, version: int, back: tuple[str, ...]) -> None:
    run, capture = wire.captured()
    with wire.kernel.program("iperf3", "-s", "-1") as server:
        until(lambda: listening(IPERF_PORT, pid=server.pid))
        text = said(run.run("iperf3", "-c", KERNEL[version], "-t", "1", "-J", *back))
    assert json.loads(text)["end"]["sum_received"]["bytes"] > 5_000_000
    assert_clean(capture, flooded=True)


def test_iperf3_from_the_kernel_and_udp(wire: Rig) -> None:
    """Between two tests the server opens its listener anew: a client that comes too early comes again."""

    def measured(*options: str) -> dict | None:
        done = wire.kernel.run("iperf3", "-c", OURS[4], "-J", *options)
        return json.loads(done.stdout)["end"] if done.returncode == 0 else None

    run, capture = wire.captured()
    with stopping(run, "iperf3", "-s"):
        until(lambda: measured("-n", "1K"))
        assert until(lambda: measured("-t", "1"))["sum_received"]["bytes"] > 5_000_000
        end = until(lambda: measured("-t", "1", "-u", "-b", "5M"))
        assert end["sum"]["packets"] > 100
        assert end["sum"]["lost_percent"] < 20
    assert_clean(capture, flooded=True)


@pytest.mark.parametrize(("mtu", "versions"), [(576, (4,)), (9000, (4, 6))])
def test_other_mtus(wire: Rig, versions: tuple[int, ...]) -> None:
    run, capture = wire.captured()
    with nginx(run, wire.folder):
        for version in versions:
            assert fetched(wire.kernel, OURS[version], wire.folder)
    assert_clean(capture)


def test_an_interface_without_offload(wire: Rig) -> None:
    run, capture = wire.captured(("--device", "eth0=tap:tap0,offload=off"))
    with nginx(wire.kernel, wire.folder):
        assert fetched(run, KERNEL[4], wire.folder)
    assert_clean(capture)
    assert max(int(row[0]) for row in tshark(capture, "tcp", "frame.len")) == 1514


SEND = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("size", "bad"),
    [
        pytest.param(2_000_000, "delay=1ms,loss=2%,reorder=2%", id="2MB"),
        pytest.param(100_000_000, "loss=5%,reorder=5%,delay=1ms", id="100MB", marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(550)
def test_a_file_over_a_bad_link(wire: Rig, size: int, bad: str) -> None:
    """socat both ways: every byte, whatever is lost."""
    sent, got = wire.folder / "sent", wire.folder / "got"
    sent.write_bytes(os.urandom(size))
    run = wire.net("--impair", f"eth0:{bad},limit=10000")
    listen = ("socat", "-u", "TCP-LISTEN:99", f"CREATE:{got}")
    with wire.kernel.program(*listen) as receiver:
        send = ("socat", "-u", f"OPEN:{sent}", f"TCP:{KERNEL[4]}:99,retry=20,interval=0.2")
        said(run.run(*send, seconds=260))
        assert receiver.wait(30) == 0
    assert digest(got) == digest(sent)
    with run.program(*listen) as receiver:
        send = ("socat", "-u", f"OPEN:{sent}", f"TCP:{OURS[4]}:99,retry=60,interval=0.2")
        said(wire.kernel.run(*send, seconds=260))
        assert receiver.wait(60) == 0
    assert digest(got) == digest(sent)


ECHO_SERVER = """
import asyncio
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", 7, backlog=1000)
    await server.serve_forever()
asyncio.run(main())
"""
ECHO_CLIENTS = """
import asyncio, sys
async def client(number, gate):
    for attempt in range(100):
        try:
            reader, writer = await asyncio.open_connection(sys.argv[1], 7)
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
    gate.append(number)
    while len(gate) < int(sys.argv[2]):
        await asyncio.sleep(0.05)
    for round in range(3):
        data = bytes([number % 256]) * (1000 + number)
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
async def main():
    gate = []
    await asyncio.gather(*(client(number, gate) for number in range(int(sys.argv[2]))))
    print(len(gate))
asyncio.run(main())
"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("inward", [True, False])
def test_five_hundred_connections_at_once(wire: Rig, inward: bool) -> None:
    run, capture = wire.captured()
    server, clients = (run, wire.kernel) if inward else (wire.kernel, run)
    address = (OURS if inward else KERNEL)[4]
    with stopping(server, "python3", "-c", ECHO_SERVER):
        done = clients.run("python3", "-c", ECHO_CLIENTS, address, "500", seconds=150)
        assert said(done) == "500\n"
    assert_clean(capture)
    assert len({row[0] for row in tshark(capture, "tcp.flags.fin == 1", "tcp.stream")}) == 500


REFUSED = """
import errno, select, socket, sys, time
def outcome(port):
    s = socket.socket()
    s.settimeout(10)
    return s.connect_ex((sys.argv[1], port))
print(errno.errorcode[outcome(81)])
s = socket.socket()
s.setblocking(False)
print(errno.errorcode[s.connect_ex((sys.argv[1], 81))])
poll = select.poll()
poll.register(s, select.POLLIN | select.POLLOUT)
events = poll.poll(5000)[0][1]
print(bool(events & select.POLLOUT), bool(events & select.POLLERR), bool(events & select.POLLHUP))
print(errno.errorcode[s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, (1).to_bytes(8, "little") + bytes(8))
start = time.monotonic()
print(errno.errorcode[s.connect_ex((sys.argv[2], 81))], 0.9 < time.monotonic() - start)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.connect((sys.argv[1], 82))
u.send(b"x")
for _ in range(100):
    number = u.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        break
    time.sleep(0.05)
print(errno.errorcode[number])
"""


def test_what_a_refused_connection_looks_like(wire: Rig) -> None:
    """The same as natively, where the kernel talks to itself over lo; nobody has 10.0.2.99."""
    program = ("python3", "-c", REFUSED)
    natively = said(wire.kernel.run(*program, KERNEL[4], "10.0.2.99"))
    assert said(wire.net().run(*program, KERNEL[4], "10.0.2.99")) == natively
    assert natively.splitlines()[0] == "ECONNREFUSED"


ENDS = """
import select, socket, struct, sys, threading, time
def events(s):
    poll = select.poll()
    poll.register(s, select.POLLIN | select.POLLRDHUP)
    return [hex(e) for _, e in poll.poll(3000)]
def attempt(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return type(error).__name__
def connected():
    for _ in range(100):
        try:
            return socket.create_connection((sys.argv[1], 90))
        except ConnectionRefusedError:
            time.sleep(0.1)
s = connected(); s.send(b"half"); print(s.recv(10)); print(events(s)); print(s.recv(10))
print(attempt(s.send, b"x")); time.sleep(0.3); print(attempt(s.send, b"y")); s.close()
s = connected(); s.send(b"reset"); print(events(s)[0][-1:]); print(attempt(s.recv, 10))
print(attempt(s.recv, 10)); print(attempt(s.send, b"x")); s.close()
s = connected(); s.send(b"wait"); s.shutdown(socket.SHUT_WR); print(s.recv(10)); print(s.recv(10)); s.close()
s = connected(); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); s.send(b"linger")
s.recv(2); s.close()
s = connected(); s.send(b"said"); print(s.recv(100)); s.close()
"""
ENDS_SERVER = """
import socket, struct, time
listener = socket.create_server(("0.0.0.0", 90))
said = []
while True:
    s, peer = listener.accept()
    data = s.recv(100)
    if data == b"half":
        s.send(b"answer"); s.shutdown(socket.SHUT_WR); s.recv(1)
    elif data == b"reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif data == b"wait":
        said.append(s.recv(10)); s.send(b"after")
    elif data == b"linger":
        s.send(b"go")
        try:
            said.append(s.recv(10))
        except ConnectionResetError:
            said.append(b"ECONNRESET")
    else:
        s.send(repr(said).encode())
    s.close()
"""


def test_every_way_to_end_a_connection(wire: Rig) -> None:
    """Client and server natively, then one of them under ptrace-net, then the other."""
    outcomes = []
    for server, client, address in (
        (wire.kernel, wire.kernel, KERNEL[4]), (wire.kernel, wire.net(), KERNEL[4]),
        (wire.net(), wire.kernel, OURS[4]),
    ):  # fmt: skip
        with server.program("python3", "-c", ENDS_SERVER):
            outcomes.append(said(client.run("python3", "-c", ENDS, address)))
    assert [text.splitlines() for text in outcomes] == [outcomes[0].splitlines()] * 3
    assert "ECONNRESET" in outcomes[0]
