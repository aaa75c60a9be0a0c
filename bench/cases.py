"""The rows of the benchmark: what is run and which number is read from it.

Every case is one command that runs client and server together, so that both are under the configuration.
Rates are better when higher, times and sizes when lower.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log /dev/null crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "hello\\n"; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """What a command line is built from: programs, a scratch folder, seconds to run for, a free port."""

    programs: Path
    folder: Path
    seconds: float
    port: int

    def program(self, name: str) -> str:
        return str(self.programs / name)

    def with_server(self, server: list[str], client: list[str]) -> list[str]:
        return [self.program("with_server"), str(self.port), *server, "--", *client]


@dataclass(frozen=True, slots=True)
class Case:
    """One row: the words before the configuration's prefix and behind it, and what reads the output."""

    name: str
    unit: str
    inside: Callable[[Place], list[str]]
    read: Callable[[str], float] = float
    outside: Callable[[Place], list[str]] = lambda place: []
    needs: tuple[str, ...] = ()

    @property
    def is_rate(self) -> bool:
        return self.unit.endswith("/s")


def free_port() -> int:
    """A TCP port that was free on 127.0.0.1 a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def micro(name: str, unit: str, program: str, *arguments: str) -> Case:
    """A case of bench/c: the program times itself and prints the rate."""
    return Case(name, unit, lambda place: [place.program(program), str(place.seconds), *arguments])


def iperf3(*options: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        seconds, to = str(max(1, round(2 * place.seconds))), ["-c", "127.0.0.1", "-p", str(place.port)]
        server = ["iperf3", "-s", "-p", str(place.port), "-B", "127.0.0.1"]
        return place.with_server(server, ["iperf3", *to, "-t", seconds, "-J", *options])

    return command


def read_iperf3(output: str) -> float:
    """Gbit/s at the receiver."""
    return float(_received(output)["bits_per_second"]) / 1e9


def read_datagrams(output: str) -> float:
    """Datagrams per second that have arrived."""
    received = _received(output)
    return float(received["packets"] - received["lost_packets"]) / float(received["seconds"])


def _received(output: str) -> dict[str, float]:
    report = json.loads(output)
    if "error" in report:
        raise ValueError(report["error"])
    received: dict[str, float] = report["end"]["sum_received"]
    return received


def redis(test: str, *options: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        port = str(place.port)
        options_here = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(place.folder)]
        requests = str(round((2_000_000 if options else 80_000) * place.seconds))
        client = ["redis-benchmark", "-p", port, "-t", test, "-n", requests, "--csv", *options]
        return place.with_server(["redis-server", *options_here], client)

    return command


def read_redis(output: str) -> float:
    """Requests per second: the second column of the line of the test."""
    line = next(line for line in output.splitlines() if line.startswith(('"GET"', '"SET"')))
    return float(line.split(",")[1].strip('"'))


def nginx(*options: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        configuration = place.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=place.folder, port=place.port))
        server = ["nginx", "-p", str(place.folder), "-c", str(configuration), "-e", os.devnull]
        seconds = f"{max(1, round(2 * place.seconds))}s"
        client = ["wrk", "-t1", "-c8", "-d", seconds, *options, f"http://127.0.0.1:{place.port}/"]
        return place.with_server(server, client)

    return command


def read_wrk(output: str) -> float:
    line = next(line for line in output.splitlines() if line.startswith("Requests/sec:"))
    return float(line.split()[1])


def spawn(what: str) -> Callable[[Place], list[str]]:
    return lambda place: [place.program("spawn"), what, "5"]


def beside(place: Place) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("beside.py"))]


def idle(*counts: int) -> Callable[[Place], list[str]]:
    return lambda place: [place.program("idle"), *map(str, counts)]


def true(place: Place) -> list[str]:
    return ["/bin/true"]


REDIS = ("redis-server", "redis-benchmark")

DATAGRAMS = iperf3("-u", "-b", "0", "-l", "64")  # as many as it can, from a connected socket

CASES = (
    micro("getppid", "calls/s", "getppid"),
    micro("getsockname", "calls/s", "getsockname"),
    micro("socket+setsockopt+close", "rounds/s", "sockopt"),
    micro("connections", "conn/s", "connections"),
    micro("connections, IPv6", "conn/s", "connections", "6"),
    *(
        micro(f"serviced calls, processes: {count}", "calls/s", "getsockname_many", str(count))
        for count in (1, 8, 64)
    ),
    *(micro(f"connections, {count:,} others open", "conn/s", "held", str(count)) for count in (10, 10_000)),
    Case("memory of an idle connection", "bytes", idle(10, 10_000), outside=beside),
    micro("TCP ping-pong, 1 byte", "trips/s", "tcp_pingpong"),
    micro("UDP ping-pong, 1 byte", "trips/s", "udp_pingpong"),
    micro("UDP one way, 1 byte", "dgrams/s", "udp_oneway"),
    micro("UDP one way, sendmmsg", "dgrams/s", "udp_oneway", "64"),
    Case("iperf3 TCP", "Gbit/s", iperf3(), read_iperf3, needs=("iperf3",)),
    Case("iperf3 UDP, 64 bytes", "dgrams/s", DATAGRAMS, read_datagrams, needs=("iperf3",)),
    Case("redis GET", "req/s", redis("get"), read_redis, needs=REDIS),
    Case("redis SET", "req/s", redis("set"), read_redis, needs=REDIS),
    Case("redis GET -P 16", "req/s", redis("get", "-P", "16"), read_redis, needs=REDIS),
    Case("nginx keep-alive", "req/s", nginx(), read_wrk, needs=("nginx", "wrk")),
    Case("nginx close", "req/s", nginx("-H", "Connection: close"), read_wrk, needs=("nginx", "wrk")),
    Case("start-up of /bin/true", "ms", true, outside=spawn("time")),
    Case("peak memory of /bin/true", "MB", true, outside=spawn("memory")),
)
