"""ffmpeg outside of a run pushes to, and pulls from, an RTSP server within it, through published ports.

The server is GStreamer's. Over UDP it answers to the ports that ffmpeg names in SETUP, from ports that it
names itself: the host's of the same numbers. Whom the server sees is compared with ffmpeg's own sockets.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from support.deadline import read_line
from support.media import FRAMES, GROUP, QUIET, decoded, make_clip
from support.ports import free_port
from support.runner import PTRACE_NET, Runner, environment

NEEDS = ["ffmpeg"]
PYTHON = "/usr/bin/python3"  # Debian's, which has GStreamer's bindings
SERVER = Path(__file__).parent / "py" / "rtsp_server.py"
LOOK = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None)"
LOST_AT_MOST = {"tcp": 5, "udp": GROUP}  # pictures: the last ones before TEARDOWN; what a datagram spoils

WAYS = [
    Runner("native"),
    Runner("notify", (*PTRACE_NET, "--engine", "notify", "--")),
    Runner("ptrace", (*PTRACE_NET, "--engine", "ptrace", "--")),
]
PATHS = [("127.0.0.1", "tcp"), ("127.0.0.1", "udp"), ("::1", "udp")]
Seen = set[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs; `recording` is what was pushed to it, H.264 as it is."""

    process: subprocess.Popen[bytes]
    url: str
    recording: Path

    def watch(self, ffmpeg: subprocess.Popen[bytes], end: bytes) -> Seen:
        """Whom the server sees until it says ``end``: sockets that ffmpeg has in that time, every one."""
        seen: Seen = set()
        owned: Seen = set()
        while (line := read_line(self.process.stdout)) != end:
            seen.add(tuple(line.decode().split()))
            owned |= sockets_of(ffmpeg.pid)  # at the first datagram it has all
        assert seen <= owned
        return seen


def sockets_of(pid: int) -> Seen:
    """("udp", address, port) for each; one bound to the wildcard sends from either loopback."""
    found: Seen = set()
    for one in psutil.net_connections("inet"):
        if one.pid != pid:
            continue
        kind = one.type.name.removeprefix("SOCK_").replace("STREAM", "tcp").replace("DGRAM", "udp")
        wild = one.laddr.ip in ("0.0.0.0", "::")
        for address in ("127.0.0.1", "::1") if wild else (one.laddr.ip,):
            found.add((kind, address, str(one.laddr.port)))
    return found


@pytest.fixture(scope="session")
def registry(programs: Path) -> str:
    """GStreamer's list of plugins, made once and not in anybody's home."""
    words = f"GST_REGISTRY={programs / 'gstreamer.registry'}"
    made = subprocess.run(["env", words, PYTHON, "-c", LOOK], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no GStreamer RTSP server: {made.stderr.splitlines()[-1]}")
    return words


@pytest.fixture(scope="session")
def clip(programs: Path) -> Path:
    return make_clip(programs)


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def serve(
    request: pytest.FixtureRequest, registry: str, clip: Path, tmp_path: Path
) -> Callable[[str], Iterator[Server]]:
    runner: Runner = request.param

    @contextmanager
    def start(host: str) -> Iterator[Server]:
        port, recording = free_port(), tmp_path / "pushed.h264"
        words = ["env", registry, PYTHON, SERVER, host, str(port), clip, recording]
        with runner.program(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert read_line(process.stdout) == b"ready\n"
            url = f"rtsp://{f'[{host}]' if ':' in host else host}:{port}"
            yield Server(process, url, recording)
            process.terminate()
            assert process.communicate(timeout=10) == (b"", b"")

    return start


def ffmpeg(*words: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*QUIET, *map(str, words)], env=environment(), stderr=subprocess.DEVNULL)


def kinds(seen: Seen) -> set[str]:
    return {kind for kind, *_ in seen}


@pytest.mark.parametrize(("host", "transport"), PATHS)
def test_pull(serve: Callable, clip: Path, tmp_path: Path, host: str, transport: str) -> None:
    output = tmp_path / "pulled.mkv"
    with serve(host) as server:
        source = ["-rtsp_transport", transport, "-i", f"{server.url}/play"]
        with ffmpeg(*source, "-c", "copy", output) as puller:
            seen = server.watch(puller, b"played\n")
        assert puller.returncode == 0
    assert kinds(seen) == {"tcp", transport}
    assert all(address == host for _, address, _ in seen)
    assert_arrived(output, clip, transport)


@pytest.mark.parametrize(("host", "transport"), PATHS)
def test_push(serve: Callable, clip: Path, host: str, transport: str) -> None:
    with serve(host) as server:
        source = ["-readrate", "1", "-i", clip, "-c", "copy"]
        with ffmpeg(*source, "-f", "rtsp", "-rtsp_transport", transport, f"{server.url}/push") as pusher:
            seen = server.watch(pusher, b"recorded\n")
        assert pusher.returncode == 0
    assert kinds(seen) == {"tcp", transport}
    assert all(address == host for _, address, _ in seen)
    assert_arrived(server.recording, clip, transport)


def assert_arrived(file: Path, clip: Path, transport: str) -> None:
    received, sent = decoded(file, whole=transport == "tcp"), decoded(clip)
    if transport == "tcp":
        assert received == sent[: len(received)]
    assert len(set(received) & set(sent)) >= FRAMES - LOST_AT_MOST[transport]
