"""The links of the wire lane, the last part of `make bench`; alone: python -m bench.links [--only LINK].

A run of ptrace-net on one end, the Linux kernel (TAP) or a second run (hub) on the other, with the programs
that people measure networks with. TAPs live in a network namespace made and removed here; where that is
not allowed they are left out, with the reason.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.cases import NGINX
from bench.configurations import ROOT
from bench.facts import facts
from bench.process import Failed
from bench.process import output as process_output
from bench.table import grid, quantity
from bench.targets import LINK_TARGETS

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- links: written by `python -m bench.links --write` -->", "<!-- end of links -->"
RUN = "10.0.2.15"
SECONDS = 2.0  # of one measurement
PATIENCE = 40  # for one command
SETUP = """
set -e
ip link set lo up
ip tuntap add dev tap0 mode tap
ip addr add 10.0.2.2/24 dev tap0
ip link set tap0 up
echo ready
exec cat
"""


@dataclass(frozen=True, slots=True)
class Link:
    """``near`` starts a program on the measured run, ``far`` on the other end, whose address is ``peer``."""

    name: str
    near: tuple[str, ...]
    far: tuple[str, ...]
    peer: str


Measure = Callable[[Link, float], list[float]]  #: (link, seconds) → a value for each column
Row = tuple[str, Mapping[str, float]]  #: a link's name, and the columns that could be measured


def command(device: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "ptrace_net", "--net", "stack", "--device", f"eth0={device}", "--")


@contextmanager
def taps() -> Iterator[tuple[str, ...]]:
    """The words that run a command in a namespace with tap0; Failed where it cannot be made."""
    unshare = ["unshare", "-n" if os.geteuid() == 0 else "-Urn", "sh", "-c", SETUP]
    with subprocess.Popen(
        unshare, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as holder:
        said = holder.stdout.readline() if holder.stdout else ""
        try:
            if said != "ready\n":
                raise Failed(f"no namespace with a TAP: {said.strip()}")
            user = () if os.geteuid() == 0 else ("-U", "--preserve-credentials")
            yield ("nsenter", "-t", str(holder.pid), *user, "-n", "--")
        finally:
            if holder.stdin:
                holder.stdin.close()


@contextmanager
def running(*argv: str, ready: tuple[str, ...]) -> Iterator[None]:
    """A server for the block, once ``ready`` has succeeded; its whole session ends with the block."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(argv, start_new_session=True, **quiet) as process:
        try:
            output(*ready)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def output(*argv: str) -> tuple[str, float]:
    """What a command prints, and the processor seconds that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = process_output(argv, dict(os.environ), ROOT, PATIENCE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return printed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def listening(runner: tuple[str, ...], address: str, port: int) -> tuple[str, ...]:
    """A command that ends once somebody answers there."""
    attempt = f"(exec 3<>/dev/tcp/{address}/{port}) 2>/dev/null && exit 0; sleep 0.2"
    return (*runner, "bash", "-c", f"for _ in $(seq 100); do {attempt}; done; exit 1")


def iperf3(link: Link, seconds: float, *options: str) -> tuple[float, float]:
    """Gbit/s at the receiver, and processor seconds of the run for a gigabyte, its start left out."""
    with running(*link.far, "iperf3", "-s", ready=listening(link.near, link.peer, 5201)):
        _, start = output(*link.near, "true")
        words = ("iperf3", "-c", link.peer, "-J", "-t", str(max(1, round(seconds))), *options)
        text, used = output(*link.near, *words)
    received = json.loads(text)["end"]["sum_received"]
    return float(received["bits_per_second"]) / 1e9, max(0.0, used - start) / float(received["bytes"]) * 1e9


def throughput(*options: str) -> Measure:
    return lambda link, seconds: list(iperf3(link, seconds, *options))


def connections(link: Link, seconds: float) -> list[float]:
    """New connections per second: nginx on the run, wrk at the other end, a connection for each request."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.chmod(folder, 0o755)
        configuration = Path(folder) / "nginx.conf"
        text = NGINX.format(folder=folder, port=8080).replace("127.0.0.1:8080", "8080")
        configuration.write_text(text)
        server = ("nginx", "-p", folder, "-c", str(configuration), "-e", os.devnull)
        with running(*link.near, *server, ready=listening(link.far, RUN, 8080)):
            words = ("wrk", "-t1", "-c8", "-d", f"{max(1, round(seconds))}s", "-H", "Connection: close")
            text, _ = output(*link.far, *words, f"http://{RUN}:8080/")
    line = next(line for line in text.splitlines() if line.startswith("Requests/sec:"))
    return [float(line.split()[1])]


def redis(clients: int, requests: int) -> Measure:
    """Round trips of one client, in microseconds; of many, requests per second."""

    def measure(link: Link, seconds: float) -> list[float]:
        server = ("redis-server", "--port", "6379", "--protected-mode", "no", "--save", "")
        with running(*link.near, *server, ready=listening(link.far, RUN, 6379)):
            words = ("redis-benchmark", "-h", RUN, "-t", "get", "--csv", "-c", str(clients))
            text, _ = output(*link.far, *words, "-n", str(round(requests * seconds)))
        line = next(line for line in text.splitlines() if line.startswith('"GET"'))
        rate = float(line.split(",")[1].strip('"'))
        return [1e6 / rate if clients == 1 else rate]

    return measure


def gbit(value: float) -> str:
    return f"{value:.2f} Gbit/s"


def cpu(value: float) -> str:
    return f"{value:.1f} s"


def rate(value: float) -> str:
    return f"{quantity(value)} /s"


def micro(value: float) -> str:
    return f"{quantity(value)} µs"


#: what is measured together, and how each column is shown
MEASURES: tuple[tuple[dict[str, Callable[[float], str]], Measure], ...] = (
    ({"out": gbit, "CPU per GB out": cpu}, throughput()),
    ({"in": gbit, "CPU per GB in": cpu}, throughput("-R")),
    ({"connections": rate}, connections),
    ({"round trip": micro}, redis(1, 1000)),
    ({"requests of 1,000 clients": rate}, redis(1000, 5000)),
)
COLUMNS = {name: show for columns, _ in MEASURES for name, show in columns.items()}


def links(enter: tuple[str, ...]) -> list[Link]:
    """Those over a TAP where there is a namespace, and the hub."""
    found = []
    if enter:
        for name, device in (("TAP, offload", "tap:tap0"), ("TAP, plain frames", "tap:tap0,offload=off")):
            found.append(Link(name, (*enter, *command(device)), enter, "10.0.2.2"))
    mac = "52:54:98:76:54:44"
    far = command(f"hub:bench{os.getpid()},address=10.0.2.99/24,mac={mac}")
    near = command(f"hub:bench{os.getpid()},address={RUN}/24")
    found.append(Link("hub", near, far, "10.0.2.99"))
    return found


def measured(link: Link, seconds: float) -> Row:
    """The columns of one link; what failed is said, and missing."""
    found: dict[str, float] = {}
    for columns, measure in MEASURES:
        names = list(columns)
        print(f"bench: {link.name} · {names[0]}", file=sys.stderr)
        try:
            found.update(zip(names, measure(link, seconds), strict=True))
        except (Failed, LookupError, ValueError, StopIteration) as problem:
            print(f"bench: {link.name} · {names[0]}: {problem}", file=sys.stderr)
    return link.name, found


def run(seconds: float, only: str = "") -> list[Row]:
    """Every link that this machine allows; the reason for the others goes to standard error."""
    environment = {name: os.environ.get(name, "") for name in ("PYTHONPATH", "PATH")}
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment["PYTHONPATH"]]))
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        with taps() as enter:
            return [measured(link, seconds) for link in links(enter) if only in link.name]
    except Failed as problem:
        print(f"bench: left out: the TAPs ({problem})", file=sys.stderr)
        return [measured(link, seconds) for link in links(()) if only in link.name]
    finally:
        os.environ.update(environment)


def failed(rows: Sequence[Row]) -> bool:
    return any(found.keys() != COLUMNS.keys() for _link, found in rows)


def report(rows: Sequence[Row]) -> str:
    """What was measured when and where, the table, and the targets."""
    about = ", ".join(f"{name} {value}" for name, value in facts().items())
    when = f"{time.strftime('%Y-%m-%d', time.gmtime())}: {about}, load {os.getloadavg()[0]:.1f}."
    body = [
        [link, *(show(found[name]) if name in found else "failed" for name, show in COLUMNS.items())]
        for link, found in rows
    ]
    judged = [target.judge(found) for target in LINK_TARGETS for link, found in rows if link == target.link]
    parts = [when, grid([["link", *COLUMNS], *body])]
    if rows_judged := [each for each in judged if each]:
        parts.append(grid([["target", "measured", "met"], *rows_judged]))
    return "\n\n".join(parts)


def write(text: str) -> None:
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if not tail:
        raise SystemExit(f"bench: {PAGE.name} has no place for the links ({BEGIN})")
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.links", description="The links of the wire lane.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one measurement (default: 2)")
    parser.add_argument("--only", default="", metavar="LINK", help="links whose name has this")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    rows = run(options.seconds, options.only)
    text = report(rows)
    print(text)
    if options.write:
        write(text)
    return int(failed(rows))


if __name__ == "__main__":
    sys.exit(main())
