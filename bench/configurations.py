"""The columns of the benchmark: ways to run a program.

A configuration is a prefix of the command line. It is measured when `prefix /bin/true` succeeds; otherwise
the reason is reported and the column left out, so a peer that is not installed costs nothing.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROBE_SECONDS = 20


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
            done = subprocess.run(
                [*self.prefix, "/bin/true"],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
            )
        except FileNotFoundError:
            return "not installed"
        except subprocess.TimeoutExpired:
            return f"/bin/true does not end within {PROBE_SECONDS} s"
        said = done.stderr.strip().splitlines()
        # The dynamic loader goes on without a preload library that it does not find.
        if done.returncode == 0 and not any("cannot be preloaded" in line for line in said):
            return None
        return said[-1] if said else f"exit status {done.returncode}"


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
    Configuration("pasta", ("pasta", "--config-net", "-q", "--"), peer=True),
    Configuration("runsc", ("runsc", "--rootless", "--network=host", "do"), peer=True),
    Configuration("uml", ("sh", str(ROOT / "bench" / "uml.sh")), peer=True),
)
