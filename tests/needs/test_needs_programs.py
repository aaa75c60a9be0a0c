"""What real programs need: the lists hold when they are tried again, one by one and together, in a second
run, and beside a profile that was written by hand.

profiles/PROGRAM.toml says what a program is given, and refuses the rest.
"""

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.media import QUIET, make_clip

from ptrace_net.needs.collect import feature_of
from ptrace_net.needs.features import ABSENT, lacks
from ptrace_net.needs.profile import without
from ptrace_net.needs.trial import Trial, perform
from ptrace_net.policies.policy import load

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
    profile = tmp_path / "profile.toml"
    once = searched(ptrace_net_command, case, argv, profile)
    essential, tolerated = once
    assert set(case.essential) <= {f"{feature.table} {feature}" for feature in essential}
    assert set(case.tolerated) <= {f"{feature.table} {feature}" for feature in tolerated}
    assert searched(ptrace_net_command, case, argv, profile) == once
    mine = load(by_hand(name))
    assert not [feature for feature in essential if lacks(mine, feature)]
    assert not [feature for feature in tolerated if not lacks(mine, feature)]
    trial = Trial(tuple(argv), case.check, 15.0, HOST)
    passing = [without(()), without(tolerated), profile.read_text()]
    assert [perform(trial._replace(policy=policy)).passed for policy in passing] == [True, True, True]
    passed = [feature for feature in essential
              if perform(trial._replace(policy=without([feature]), seconds=5.0)).passed]  # fmt: skip
    assert not passed


def searched(command: list[str], case: Case, argv: list[str], profile: Path) -> tuple[list[Any], list[Any]]:
    """What is essential, and what is tolerated."""
    told = profile.with_suffix(".json")
    check = ["--check-exit"] if case.check is None else ["--check", case.check]
    done = subprocess.run(
        [*command, "needs", *check, "--jobs", "3", "--seconds", "15", "--json", "-o", str(told),
         "--write", str(profile), "--", *argv],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "with nothing but what is kept the check fails" not in done.stderr
    lists = json.loads(told.read_text())
    return features(lists["essential"]), features(lists["tolerated"])


def by_hand(name: str) -> str:
    return str(Path(__file__).parent / "profiles" / f"{name}.toml")


def refusing(name: str) -> Iterator[tuple[str, str]]:
    """Each line of a program's profile that gives it something, and the profile where it is refused."""
    lines = Path(by_hand(name)).read_text().splitlines()
    table = ""
    for place, line in enumerate(lines):
        table = line.strip("[]").split(".")[0] if line.startswith("[") else table
        if line.endswith('= "ok"'):
            refused = line.replace('"ok"', f'"errno {ABSENT[table]}"')
            yield f"{table}: {line}", "\n".join([*lines[:place], refused, *lines[place + 1 :]])


HOST = ("--net", "host")  # as `needs` tries them: the check, and the web server, are outside of the run
QUICK = ("curl", "ip")
# Given for what they fall back on: each can be missed where what they use at first is there.
SPARE = {"node": {'ioctls: FIONBIO = "ok"'}}


def tried(name: str, folder: Path, web: int, policies: list[str], seconds: float = 15.0) -> list[bool]:
    """Whether the check passes under each of the policies, two at a time."""
    if not shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin"):
        pytest.skip(f"not installed: {name}")
    trial = Trial(tuple(argv_of(name, folder, web)), CASES[name].check, seconds, HOST)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(perform, trial._replace(policy=policy)) for policy in policies]
        return [run.result().passed for run in runs]


@pytest.mark.parametrize("name", QUICK)
def test_a_profile_by_hand_is_enough_and_nothing_of_it_too_much(name: str, tmp_path: Path, web: int) -> None:
    rows = list(refusing(name))
    passed = tried(name, tmp_path, web, [Path(by_hand(name)).read_text(), *(text for _, text in rows)])
    assert passed[0]
    assert not [line for (line, _), passes in zip(rows, passed[1:], strict=True) if passes]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(set(CASES) - set(QUICK)))
def test_a_server_has_enough_with_a_profile_by_hand(name: str, tmp_path: Path, web: int) -> None:
    rows = [row for row in refusing(name) if row[0] not in SPARE.get(name, ())]
    assert tried(name, tmp_path, web, [Path(by_hand(name)).read_text()]) == [True]
    passed = tried(name, tmp_path, web, [text for _, text in rows], 6.0)
    assert not [line for (line, _), passes in zip(rows, passed, strict=True) if passes]


def features(rows: list[dict[str, Any]]) -> list[Any]:
    return [feature_of(row) for row in rows]
