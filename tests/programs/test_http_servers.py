"""HTTP servers that people run, dual-stack, fetched from over IPv4 and IPv6 by curl and wget."""

import hashlib
import signal
import sys
from pathlib import Path

import pytest
from support.deadline import wait_until
from support.ports import free_port
from support.session import STEP, Program, Session

NEEDS = ["nginx", "busybox", "curl"]

LOOPBACKS = ["127.0.0.1", "[::1]"]
PAGE = b"".join(b"line %d of the page\n" % number for number in range(20_000))  # more than a socket buffer


@pytest.fixture
def page(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "page.txt").write_bytes(PAGE)
    return root


def fetch(session: Session, host: str, port: int, path: str = "page.txt") -> tuple[str, str]:
    """Status, remote address and local address as curl saw them; then the SHA-256 of the body."""
    body = session.folder / "body"
    shown = "%{http_code} %{remote_ip} %{local_ip}"
    told = session.output("curl", "-sS", "-m", "10", "-o", body, "-w", shown, f"http://{host}:{port}/{path}")
    return told, hashlib.sha256(body.read_bytes()).hexdigest()


def assert_serves_page(session: Session, port: int) -> None:
    for host in LOOPBACKS:
        bare = host.strip("[]")
        assert fetch(session, host, port) == (f"200 {bare} {bare}", hashlib.sha256(PAGE).hexdigest())
        assert fetch(session, host, port, "absent")[0] == f"404 {bare} {bare}"


def test_python_http_server_on_the_wildcard(session: Session, page: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-u", "-m", "http.server", "--bind", "::", "--directory", page, str(port)]
    server = session.serve(*argv, port=port)
    assert_serves_page(session, port)
    ended = server.stop(signal.SIGINT)
    assert ended.status == 0
    assert f"Serving HTTP on :: port {port} (http://[::]:{port}/)" in ended.text
    clients = [line.split()[0] for line in ended.stderr.decode().splitlines() if '"GET /page.txt' in line]
    assert clients == ["::ffff:127.0.0.1", "::1"]


NGINX = """
daemon off; master_process on; worker_processes 2; pid nginx.pid; error_log stderr notice; user root;
events {{ worker_connections 64; }}
http {{
    access_log access.log combined;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    tcp_nopush on; sendfile on;
    server {{ listen {port}; listen [::]:{port}; root root; }}
}}
"""


def start_nginx(session: Session, port: int) -> Program:
    (session.folder / "nginx.conf").write_text(NGINX.format(port=port))
    return session.serve("nginx", "-p", session.folder, "-c", "nginx.conf", "-e", "stderr", port=port)


def test_nginx_listening_twice(session: Session, page: Path) -> None:
    """`listen PORT` and `listen [::]:PORT`: nginx makes the second IPV6_V6ONLY, and both must be had."""
    port = free_port()
    server = start_nginx(session, port)
    assert_serves_page(session, port)
    ended = server.stop(signal.SIGQUIT)
    assert ended.status == 0
    lines = [line.split() for line in (session.folder / "access.log").read_text().splitlines()]
    assert [(line[0], line[8]) for line in lines] == [
        ("127.0.0.1", "200"), ("127.0.0.1", "404"), ("::1", "200"), ("::1", "404"),
    ]  # fmt: skip


def test_nginx_reloads_with_its_listeners(session: Session, page: Path) -> None:
    """SIGHUP: the master keeps the listening sockets, new workers inherit them across fork."""
    port = free_port()
    server = start_nginx(session, port)
    # nginx listens before it takes care of signals, and writes its pid after that.
    wait_until((session.folder / "nginx.pid").exists, "nginx takes signals", STEP)
    server.send(signal.SIGHUP)
    assert_serves_page(session, port)
    assert server.stop(signal.SIGTERM).status == 0


def test_busybox_httpd_and_wget(session: Session, page: Path) -> None:
    """A static program on both sides."""
    port = free_port()
    server = session.serve("busybox", "httpd", "-f", "-vv", "-p", f"[::]:{port}", "-h", page, port=port)
    for host in LOOPBACKS:
        session.output("busybox", "wget", "-q", "-O", "got", f"http://{host}:{port}/page.txt")
        assert (session.folder / "got").read_bytes() == PAGE
        (session.folder / "got").unlink()
    missing = session.run("busybox", "wget", "-q", "-O", "got", f"http://[::1]:{port}/absent")
    assert (missing.status, b"404 Not Found" in missing.stderr) == (1, True)
    ended = server.stop()
    assert ended.status == -signal.SIGTERM
    assert "[::ffff:127.0.0.1]:" in ended.stderr.decode()
