"""What real programs need: the lists hold when they are tried again, one by one and together."""

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.media import QUIET, make_clip

from ptrace_net.needs.collect import feature_of
from ptrace_net.needs.profile import without
from ptrace_net.needs.trial import Trial, perform

NGINX = """
daemon off; worker_processes 1; pid @DIR@/pid; error_log stderr; user root;
events { worker_connections 16; }
http { access_log off; server { listen 127.0.0.1:@PORT@; location / { return 200 "served\\n"; } } }
"""
SERVER = "require('http').createServer((_, answer) => answer.end('served')).listen({port}, '127.0.0.1')"
FETCH = "curl -sf --max-time 3 http://127.0.0.1:{port}/ | grep -q served"
NGINX_START = (
    "sed 's,@PORT@,{port},; s,@DIR@,{dir},' TEMPLATE >{dir}/conf && exec nginx -c {dir}/conf -e stderr"
)
RECEIVE = f"{' '.join(QUIET)} -rtsp_flags listen -i rtsp://127.0.0.1:{{port}}/live -c copy -y {{dir}}/out.mkv"
PUSH = "for _ in 1 2 3 4 5 6 7 8; do {ffmpeg} && exit 0; sleep 0.3; done; exit 1"


class Case(NamedTuple):
    """``essential`` and ``tolerated`` are some features that must be in these lists."""

    argv: list[str]
    check: str | None
    essential: list[str]
    tolerated: list[str] = []  # noqa: RUF012


CASES = {
    "nginx": Case(
        ["sh", "-c", NGINX_START],
        FETCH, ["families AF_INET", "calls listen", "calls bind"],
        ["calls accept4", "options SOL_TCP TCP_NODELAY set"],
    ),
    "redis-server": Case(
        ["redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--save", ""],
        "redis-cli -p {port} ping | grep -q PONG", ["calls accept4", "calls getpeername"],
        ["options SOL_TCP TCP_NODELAY set", "options SOL_SOCKET SO_KEEPALIVE set"],
    ),
    "node": Case(["node", "-e", SERVER], FETCH, ["families AF_INET", "calls bind"], []),
    "curl": Case(
        ["curl", "-sf", "http://127.0.0.1:SERVER/"],
        None,
        ["calls connect", "options SOL_SOCKET SO_ERROR get"],
        ["options SOL_TCP TCP_NODELAY set"],
    ),
    "ffmpeg": Case(
        ["sh", "-c", PUSH],
        RECEIVE,
        ["families AF_INET", "calls connect"], [],
    ),
    "iperf3": Case(
        ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", "{port}"],
        "iperf3 -c 127.0.0.1 -p {port} -n 100K", ["calls listen", "families AF_INET"], [],
    ),
    "ip": Case(
        ["ip", "addr"], 'test "$PTRACE_NET_STATUS" = 0 && grep -q LOOPBACK "$PTRACE_NET_OUTPUT"',
        ["families AF_NETLINK", "types AF_NETLINK SOCK_RAW", "netlink NETLINK_ROUTE RTM_GETADDR"], [],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    """The port of a web server outside of every run."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def argv_of(name: str, folder: Path, web: int) -> list[str]:
    """The words of a case, with what they stand for on this machine."""
    (folder / "template").write_text(NGINX)
    push = ""
    if name == "ffmpeg":
        words = [*QUIET, "-i", str(make_clip(folder)), "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp"]
        push = " ".join([*words, "rtsp://127.0.0.1:{port}/live"])
    replaced = {"TEMPLATE": str(folder / "template"), "SERVER": str(web), "{ffmpeg}": push}
    words = CASES[name].argv
    for old, new in replaced.items():
        words = [word.replace(old, new) for word in words]
    return words


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_the_lists_hold(name: str, tmp_path: Path, web: int, ptrace_net_command: list[str]) -> None:
    if not shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin"):
        pytest.skip(f"not installed: {name}")
    case, argv = CASES[name], argv_of(name, tmp_path, web)
    told, profile = tmp_path / "told.json", tmp_path / "profile.toml"
    check = ["--check-exit"] if case.check is None else ["--check", case.check]
    done = subprocess.run(
        [*ptrace_net_command, "needs", *check, "--jobs", "3", "--seconds", "15", "--json", "-o", str(told),
         "--write", str(profile), "--", *argv],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "with nothing but what is kept the check fails" not in done.stderr
    lists = json.loads(told.read_text())
    essential, tolerated = (features(lists[key]) for key in ("essential", "tolerated"))
    shown = [f"{feature.table} {feature}" for feature in essential]
    assert set(case.essential) <= set(shown), done.stderr
    assert set(case.tolerated) <= {f"{feature.table} {feature}" for feature in tolerated}, done.stderr
    trial = Trial(tuple(argv), case.check, 15.0)
    passing = [without(()), without(tolerated), profile.read_text()]
    assert [perform(trial._replace(policy=policy)).passed for policy in passing] == [True, True, True]
    passed = [feature for feature in essential
              if perform(trial._replace(policy=without([feature]), seconds=5.0)).passed]  # fmt: skip
    assert not passed


def features(rows: list[dict[str, Any]]) -> list[Any]:
    return [feature_of(row) for row in rows]
