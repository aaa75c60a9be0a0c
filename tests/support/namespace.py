"""A network namespace without IPv6, as far as a namespace can be: no ::1, no address, no route.

Made with unshare(1), as root or in a user namespace of one's own, and kept by a process that sleeps until
its standard input ends; commands join it through nsenter(1). `net.ipv6.conf.*.disable_ipv6` takes away the
addresses; creating AF_INET6 sockets stays possible there, which `no_inet6` forbids where it may.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from . import leftovers
from .no_inet6 import forbidding_cgroup

SETUP = """
set -e
for name in all default lo; do
    ! [ -e /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6
done
ip link set lo up
echo ready
exec cat
"""
ENTER_CGROUP = 'echo $$ > "$0" && exec "$@"'


def _unshare() -> list[str]:
    """An ordinary user stays one inside: as its root, servers would fail to change their user."""
    return ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Un", "--map-current-user", "--keep-caps"]


def _enter(holder: int) -> list[str]:
    user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
    return ["nsenter", "-t", str(holder), *user, "-n", "--"]


@contextmanager
def namespace_without_ipv6() -> Iterator[tuple[str, ...]]:
    """The words to put before a command so that it runs in a fresh namespace; it lives as long as the block.

    Raises RuntimeError with unshare's message where namespaces cannot be made.
    """
    with subprocess.Popen(
        [*_unshare(), "sh", "-c", SETUP], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as holder:  # fmt: skip
        said = holder.stdout.readline()
        if said != "ready\n":
            raise RuntimeError(f"no network namespace: {said.strip()}")
        leftovers.spared.add(holder.pid)
        try:
            yield tuple(_enter(holder.pid))
        finally:
            holder.stdin.close()
            leftovers.spared.discard(holder.pid)


@contextmanager
def no_ipv6() -> Iterator[tuple[str, ...]]:
    """Like `namespace_without_ipv6`, and AF_INET6 sockets are refused by the kernel where BPF is allowed."""
    with namespace_without_ipv6() as enter, forbidding_cgroup() as cgroup:
        forbid = ["sh", "-c", ENTER_CGROUP, str(cgroup / "cgroup.procs")] if cgroup else []
        yield (*enter, *forbid)
