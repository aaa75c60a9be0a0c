"""Features: what a program asks of a kernel's sockets, as keys of a policy's tables (policies.support).

A feature is a table and a key in it, so that "this kernel lacks it" and "a run without it" are an entry of
that table. ``features_of`` says which ones a call uses, and what values go with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.policies.support import TABLES
from ptrace_net.policies.text import key_words
from ptrace_net.policies.values import Behaviour, Entry, Key, Policy
from ptrace_net.policing.support import (
    CREATING,
    FILE_CALLS,
    FLAG_PLACES,
    OPTION_CALLS,
    TYPE_MASK,
    absolute,
    bits,
    find,
)
from ptrace_net.syscalls.memory import read_int
from ptrace_net.syscalls.seam import Errno
from ptrace_net.syscalls.table import ARGUMENTS

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Call

SOL_SOCKET, SO_DOMAIN, SO_PROTOCOL, AF_NETLINK = 1, 39, 38, 16
_FILES = ("/proc/net/", "/proc/self/net/", "/proc/sys/net/", "/sys/class/net/")
_PLACES = {call: (way, place) for way, calls in FILE_CALLS.items() for call, place in calls}

# What a kernel without the feature answers, table by table.
ABSENT = {
    "families": "EAFNOSUPPORT", "types": "ESOCKTNOSUPPORT", "protocols": "EPROTONOSUPPORT", "calls": "ENOSYS",
    "flags": "EINVAL", "options": "ENOPROTOOPT", "control": "EINVAL", "ioctls": "ENOTTY",
    "netlink": "EOPNOTSUPP", "files": "ENOENT",
}  # fmt: skip


class Feature(NamedTuple):
    """One key of one table."""

    table: str
    key: Key

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(key_words(TABLES[self.table], self.key))

    def __str__(self) -> str:
        return " ".join(word for word in self.words if word != "*" or self.table == "options")


def absent(feature: Feature) -> Entry:
    """The entry that takes the feature away."""
    from ptrace_net.abi.constants.errno import ERRNO

    return Entry(Behaviour("errno", ERRNO[ABSENT[feature.table]]), "needs")


def lacks(policy: Policy, feature: Feature) -> Entry | None:
    """The entry by which the kernel of ``policy`` does not have ``feature``; None where it has."""
    if feature.table == "files":
        entries = policy.table("files").items()
        found = [entry for (path, way), entry in entries if _covers(str(path), str(feature.key[0]))
                 and way in (None, feature.key[1])]  # fmt: skip
        entry = found[0] if found else None
    else:
        entry = find(policy.table(feature.table), *feature.key)
    return None if entry is None or entry.behaviour.verb == "ok" else entry


def _covers(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def features_of(call: Call, netlink_protocol: int) -> Iterator[tuple[Feature, str]]:
    """The features that ``call`` uses, each with a value worth telling, or "".

    ``netlink_protocol`` is that of the socket it is made on, -1 for any other socket.
    """
    if call.name in _PLACES:
        way, place = _PLACES[call.name]
        path = absolute(call, place)
        if path.startswith(_FILES):
            yield Feature("files", (path, way)), ""
        return
    if call.name == "ioctl":
        if call.task.socket_inode(call.args[0]):
            yield Feature("ioctls", (call.args[1],)), ""
        return
    if call.name not in ARGUMENTS:
        return
    yield Feature("calls", (call.name,)), ""
    if call.name in CREATING:
        family, kind, protocol = call.args[0], call.args[1] & TYPE_MASK, call.args[2]
        yield Feature("families", (family,)), ""
        yield Feature("types", (family, kind)), ""
        yield Feature("protocols", (family, kind, protocol)), ""
    if call.name in OPTION_CALLS:
        key = (call.args[1], call.args[2], OPTION_CALLS[call.name])
        yield Feature("options", key), _value(call)
    name = "recvmmsg" if call.name == "recvmmsg_time64" else call.name
    if name in FLAG_PLACES:
        mask = ~TYPE_MASK if name in CREATING else -1
        for bit in bits(call.args[FLAG_PLACES[name]] & mask & 0xFFFFFFFF):
            yield Feature("flags", (name, bit)), ""
    yield from _messages(call, netlink_protocol)


def _messages(call: Call, netlink_protocol: int) -> Iterator[tuple[Feature, str]]:
    from ptrace_net.policing.messages import control_of, netlink_types

    try:
        if call.name in ("sendmsg", "sendmmsg"):
            for level, kind in control_of(call):
                yield Feature("control", (level, kind)), ""
        if netlink_protocol >= 0 and call.name in ("sendto", "send", "sendmsg"):
            for kind in netlink_types(call)[0]:
                yield Feature("netlink", (netlink_protocol, kind)), ""
    except Errno:
        return  # the kernel answers bad memory


def _value(call: Call) -> str:
    """What an option is set to, where it is an int."""
    if call.name != "setsockopt" or call.args[4] != 4:
        return ""
    try:
        return str(read_int(call.task, call.arch, call.args[3]))
    except Errno:
        return ""


def program_name(path: str) -> str:
    return os.path.basename(path) or "?"
