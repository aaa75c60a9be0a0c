"""ffmpeg pushes H.264 over RTSP (RTP in TCP, RTP in UDP) and RTMP; what arrives is decoded and compared.

The clip is sent as it is (`-c copy`), so that every picture that arrived must decode to the one sent.
"""

import signal
from pathlib import Path

import pytest
from support.media import FRAMES, QUIET, codec, decoded, make_clip
from support.ports import free_port
from support.session import Program, Session

NEEDS = ["ffmpeg", "ffprobe", "nginx"]

PACE = ["-readrate", "2"]  # twice real time: a receiver of datagrams must keep up
LOST_AT_MOST = 5  # pictures, over RTP in UDP
HOSTS = ["127.0.0.1", "[::1]"]


@pytest.fixture(scope="session")
def clip(programs: Path) -> Path:
    return make_clip(programs)


def receive(session: Session, url: str, port: int, output: Path) -> Program:
    listen = ["-rtsp_flags", "listen", "-i", url, "-c", "copy", "-y", output]
    return session.serve(*QUIET, *listen, port=port)


@pytest.mark.parametrize("host", HOSTS)
def test_rtsp_over_tcp(session: Session, clip: Path, host: str) -> None:
    port = free_port()
    url, output = f"rtsp://{host}:{port}/live", session.folder / "received.mkv"
    receiver = receive(session, url, port, output)
    session.output(*QUIET, *PACE, "-i", clip, "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", url)
    assert receiver.wait().status == 0
    assert codec(output) == "h264"
    assert decoded(output) == decoded(clip)


@pytest.mark.parametrize("host", HOSTS)
def test_rtsp_over_udp(session: Session, clip: Path, host: str) -> None:
    """RTP and RTCP in datagrams between a pair of ports on each side, that ffmpeg picks itself."""
    port = free_port()
    url, output = f"rtsp://{host}:{port}/live", session.folder / "received.mkv"
    receiver = receive(session, url, port, output)
    session.output(*QUIET, *PACE, "-i", clip, "-c", "copy", "-f", "rtsp", "-rtsp_transport", "udp", url)
    assert receiver.wait().status == 0
    assert codec(output) == "h264"
    assert len(set(decoded(output)) & set(decoded(clip))) >= FRAMES - LOST_AT_MOST


NGINX_RTMP = """
load_module {module};
daemon off; worker_processes 1; pid nginx.pid; error_log stderr notice; user root;
events {{ worker_connections 64; }}
rtmp {{
    access_log access.log;
    server {{
        listen {port}; listen [::]:{port} ipv6only=on;
        application live {{ live on; record all; record_path recorded; record_unique off; }}
    }}
}}
"""
RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


def test_rtmp_to_nginx(session: Session, clip: Path) -> None:
    port = free_port()
    (session.folder / "recorded").mkdir(mode=0o777)
    (session.folder / "nginx.conf").write_text(NGINX_RTMP.format(port=port, module=RTMP_MODULE))
    server = session.serve("nginx", "-p", session.folder, "-c", "nginx.conf", "-e", "stderr", port=port)
    for name, host in zip("ab", HOSTS, strict=True):
        url = f"rtmp://{host}:{port}/live/{name}"
        session.output(*QUIET, *PACE, "-i", clip, "-c", "copy", "-f", "flv", url)
    assert server.stop(signal.SIGQUIT).status == 0
    log = (session.folder / "access.log").read_text().splitlines()
    assert [line.split()[0] for line in log] == ["127.0.0.1", "::1"]
    for name in "ab":
        recording = session.folder / "recorded" / f"{name}.flv"
        assert codec(recording) == "h264"
        assert decoded(recording) == decoded(clip)
