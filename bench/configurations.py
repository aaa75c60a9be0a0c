"""The columns of the benchmark: ways to run a program.

A configuration is a prefix of the command line. It is measured when it runs a shell and /bin/true; otherwise
the reason is reported and the column left out, so a peer that is not installed costs nothing.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.process import Failed, output

ROOT = Path(__file__).resolve().parent.parent
PROBE_SECONDS = 20
# The dynamic loader goes on without a preload library that it does not find, but says so.
PROBE = ("sh", "-c", "echo ok; /bin/true 2>&1")


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way to run a program: the words put before it, and what it adds to the environment."""

    name: str
    prefix: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    peer: bool = False

    def environment(self) -> dict[str, str]:
        return {**os.environ, **dict(self.variables)}

    def obstacle(self) -> str | None:
        """Why this configuration cannot be measured here; None when it can."""
        try:
            said = output([*self.prefix, *PROBE], self.environment(), Path.cwd(), PROBE_SECONDS)
        except FileNotFoundError:
            return "not installed"
        except Failed as problem:
            return str(problem)
        return None if said == "ok\n" else said.strip()


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

# Its sockets go into the scratch folder that every run has as its working directory.
SOCKET_WRAPPER = ("env", "LD_PRELOAD=libsocket_wrapper.so", "SOCKET_WRAPPER_DIR=.")

CONFIGURATIONS = (
    NATIVE,
    *(ptrace_net(provider, engine) for provider in ("host", "stack") for engine in ("ptrace", "notify")),
    STRACE,
    Configuration("proot", ("proot",), peer=True),
    Configuration("socket_wrapper", SOCKET_WRAPPER, peer=True),
    Configuration("runsc", ("runsc", "--rootless", "--network=host", "do"), peer=True),
    Configuration("uml", ("sh", str(ROOT / "bench" / "uml.sh")), peer=True),
)
