"""Running the demonstration: a dual-stack HTTP server and two clients inside one ptrace-net run."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PAGE = "hello from a dual-stack server\n"
RUN_SECONDS = 60

# Runs under ptrace-net. The host's socket tables are read while the server listens (0A is TCP_LISTEN); grep
# makes no socket calls, so that the trace holds the server and the clients only.
SCRIPT = """\
{python} -u -m http.server --bind :: --directory www {port} >server.log 2>&1 &
server=$!
tries=100
until grep -q Serving server.log; do
    tries=$((tries - 1))
    if [ $tries = 0 ] || ! kill -0 $server; then cat server.log >&2; exit 1; fi
    sleep 0.1
done
for table in tcp tcp6; do
    grep -c ":{port:04X} 0*:0000 0A" /proc/net/$table >$table.count
done
{client} http://127.0.0.1:{port}/ >by-ipv4.txt && {client} 'http://[::1]:{port}/' >by-ipv6.txt
status=$?
kill $server
wait $server
exit $status
"""

PYTHON_CLIENT = """\
import sys, urllib.request as u
opener = u.build_opener(u.ProxyHandler({}))
sys.stdout.buffer.write(opener.open(sys.argv[1], timeout=10).read())
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run left: status, messages, the pages fetched, listening sockets on the host, the trace."""

    status: int
    messages: str
    client: str
    port: int
    by_ipv4: str
    by_ipv6: str
    server_log: str
    host_tcp: int
    host_tcp6: int
    trace: list[str]

    @property
    def worked(self) -> bool:
        return self.status == 0 and self.by_ipv4 == self.by_ipv6 == PAGE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def client_command() -> str:
    """curl, or where it is missing Python's own client, as words for the shell."""
    if shutil.which("curl"):
        return "curl -sS --noproxy '*' --max-time 10"
    return shlex.join([sys.executable, "-c", PYTHON_CLIENT])


def environment() -> dict[str, str]:
    """This one, where the ptrace_net that runs now can be imported from any folder."""
    found_in = str(Path(__file__).resolve().parents[2])
    path = filter(None, [found_in, os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def read(path: Path) -> str:
    """A file that the run wrote; empty when it did not come to that."""
    return path.read_text(errors="replace") if path.exists() else ""


def run(folder: Path) -> Outcome:
    """Run everything in a scratch folder; raises subprocess.TimeoutExpired when it does not end."""
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text(PAGE)
    port, client = free_port(), client_command()
    script = SCRIPT.format(python=shlex.quote(sys.executable), client=client, port=port)
    options = ["--net", "host", "--trace=trace.txt"]
    done = subprocess.run(
        [sys.executable, "-m", "ptrace_net", *options, "--", "sh", "-c", script],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=RUN_SECONDS,
    )
    return Outcome(
        status=done.returncode,
        messages=done.stderr,
        client=Path(shlex.split(client)[0]).name,
        port=port,
        by_ipv4=read(folder / "by-ipv4.txt"),
        by_ipv6=read(folder / "by-ipv6.txt"),
        server_log=read(folder / "server.log"),
        host_tcp=int(read(folder / "tcp.count") or 0),
        host_tcp6=int(read(folder / "tcp6.count") or 0),
        trace=read(folder / "trace.txt").splitlines(),
    )
