"""The columns of the benchmark: ways to run a program.

A configuration is a prefix of the command line. It is measured when it runs a shell and /bin/true; otherwise
the reason is reported and the column left out, so a peer that is not installed costs nothing. Peers are other
tools that answer a program's network calls, or trace them; docs/benchmarks.md says what each of them is.
"""

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.process import Failed, nothing_left, output

ROOT = Path(__file__).resolve().parent.parent
PROBE_SECONDS = 20
# The dynamic loader goes on without a preload library that it does not find, but says so.
PROBE = ("sh", "-c", "echo ok; /bin/true 2>&1")
UNLOADED = "cannot be preloaded (cannot open shared object file)"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way to run a program: the words put before it, and what it adds to the environment.

    A peer has the Debian packages that it comes from; `program` is looked for where the prefix is a wrapper.
    """

    name: str
    prefix: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    program: str = ""

    @property
    def peer(self) -> bool:
        return bool(self.packages)

    def environment(self) -> dict[str, str]:
        return {**os.environ, **dict(self.variables)}

    def obstacle(self) -> str | None:
        """Why this configuration cannot be measured here; None when it can."""
        program = self.program or next(iter(self.prefix), "sh")
        if shutil.which(program) is None:
            return self.absent()
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
            try:
                with nothing_left():
                    said = output([*self.prefix, *PROBE], self.environment(), Path(scratch), PROBE_SECONDS)
            except (Failed, OSError) as problem:
                said = str(problem)
        if said == "ok\n":
            return None
        return self.absent() if UNLOADED in said else said.strip() or "a shell's output is lost"

    def absent(self) -> str:
        return "not installed" + (f"; Debian: {' '.join(self.packages)}" if self.peer else "")


def ptrace_net(provider: str, engine: str) -> Configuration:
    """The command installed beside this interpreter, as its users start it; without one, the checkout."""
    options = ("--net", provider, "--engine", engine, "--")
    script = Path(sys.executable).with_name("ptrace-net")
    if script.exists():
        return Configuration(f"{provider} {engine}", (str(script), *options))
    command = (sys.executable, "-m", "ptrace_net", *options)
    return Configuration(f"{provider} {engine}", command, (("PYTHONPATH", str(ROOT)),))


NATIVE = Configuration("native", ())
STRACE = Configuration(
    "strace", ("strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=network")
)

# Its sockets go into the scratch folder, where every run works.
SOCKET_WRAPPER = ("env", "LD_PRELOAD=libsocket_wrapper.so", "SOCKET_WRAPPER_DIR=.")


def runsc(network: str) -> tuple[str, ...]:
    return ("runsc", "--rootless", f"--network={network}", "do")


def pasta() -> tuple[str, ...]:
    """No port is forwarded, so that nobody outside reaches the servers. As root it would become nobody, whom
    neither the namespace nor the scratch folder belongs to."""
    closed = (word for option in ("-t", "-u", "-T", "-U") for word in (option, "none"))
    root = ("--runas", "0") if os.geteuid() == 0 else ()
    return ("pasta", "-q", *root, "--config-net", *closed, "--")


PEERS = (
    Configuration("proot", ("proot", "-v", "-1"), packages=("proot",)),
    Configuration("socket_wrapper", SOCKET_WRAPPER, packages=("libsocket-wrapper",)),
    Configuration("pasta", pasta(), packages=("passt",)),
    Configuration("runsc host", runsc("host"), packages=("runsc",)),
    Configuration("runsc netstack", runsc("none"), packages=("runsc",)),
    Configuration(
        "uml",
        ("sh", str(ROOT / "bench" / "uml.sh")),
        packages=("user-mode-linux", "kmod"),
        program="linux.uml",
    ),
)
PACKAGES = tuple(dict.fromkeys(package for peer in PEERS for package in peer.packages))

CONFIGURATIONS = (
    NATIVE,
    *(ptrace_net(provider, engine) for provider in ("host", "stack") for engine in ("ptrace", "notify")),
    STRACE,
    *PEERS,
)
