"""Sockets by inode: kept while a process holds them or may get them from a message, dropped when gone."""

import os
import socket
import subprocess
import sys

from ptrace_net.sockets.registry import Registry, sockets_of

GONE = 1 << 40  # an inode that no socket has


def inode(sock: socket.socket) -> int:
    return os.fstat(sock.fileno()).st_ino


def registry(*processes: int) -> Registry[str]:
    return Registry(lambda: processes)


def test_add_get_remove() -> None:
    table = registry()
    assert not table
    table.add(5, "five")
    assert (len(table), table.get(5), table.get(0), table.items()) == (1, "five", None, [(5, "five")])
    table.remove(5)
    table.remove(5)
    assert table.get(5) is None


def test_only_the_second_sweep_drops() -> None:
    """A descriptor may be on its way in a message, held by no process at all."""
    table = registry(os.getpid())
    with socket.socket() as held:
        table.add(inode(held), "held")
        table.add(GONE, "gone")
        table.sweep()
        assert table.get(GONE) == "gone"
        table.sweep()
        assert table.get(GONE) is None
        assert table.get(inode(held)) == "held"


def test_what_comes_back_between_sweeps_is_kept() -> None:
    processes: list[int] = []
    table: Registry[str] = Registry(lambda: processes)
    with socket.socket() as held:
        table.add(inode(held), "travels")
        for holders in ([], [os.getpid()], [], [os.getpid()], []):
            processes[:] = holders
            table.sweep()
        assert table.get(inode(held)) == "travels"
        table.sweep()
        assert table.get(inode(held)) is None


def test_a_full_table_sweeps_itself() -> None:
    table = registry(os.getpid())
    for number in range(5000):
        table.add(GONE + number, "gone")
    assert len(table) < 1500


def test_processes_that_are_gone_hold_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert sockets_of(process.pid) == []


def test_every_socket_and_only_sockets() -> None:
    with socket.socket() as first, socket.socket(socket.AF_UNIX) as second, open(os.devnull) as file:
        found = sockets_of(os.getpid())
        assert (inode(first), first.fileno()) in found
        assert (inode(second), second.fileno()) in found
        assert file.fileno() not in [fd for _, fd in found]
