"""Steps for the tables of a policy (policies.support): what this kernel does not have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ptrace_net.policies.values import Behaviour, Entry, Key, Policy, Table
from ptrace_net.policing.calls import Go, ask_option, onward, string_at
from ptrace_net.policing.outcome import Outcomes
from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import Answer, Call, Errno

if TYPE_CHECKING:
    from ptrace_net.policies.values import Word

TYPE_MASK = 0xF
CREATING = ("socket", "socketpair")
OPTION_CALLS = {"setsockopt": "set", "getsockopt": "get"}
# call -> the place of its flags
FLAG_PLACES = {
    "socket": 1, "socketpair": 1, "accept4": 3, "send": 3, "recv": 3, "sendto": 3, "recvfrom": 3,
    "sendmsg": 2, "recvmsg": 2, "sendmmsg": 3, "recvmmsg": 3,
}  # fmt: skip
# way -> (call, the place of its path)
FILE_CALLS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "open": (("open", 0), ("creat", 0), ("openat", 1), ("openat2", 1)),
    "readlink": (("readlink", 0), ("readlinkat", 1)),
    "stat": (
        ("stat", 0), ("lstat", 0), ("stat64", 0), ("lstat64", 0), ("newfstatat", 1), ("fstatat64", 1),
        ("statx", 1), ("access", 0), ("faccessat", 1), ("faccessat2", 1),
    ),
}  # fmt: skip
# linux/sockios.h: 0x8900 to 0x89ff; and FIONBIO, FIONREAD, SIOCOUTQ, FIOASYNC, which other files have too.
SOCKET_REQUESTS = 0x8900
FILE_REQUESTS = (0x5421, 0x541B, 0x5411, 0x5452)
_AT_FDCWD = 0xFFFFFF9C


def find(table: Table, *words: Word) -> Entry | None:
    """The entry that answers for ``words``: of those that fit, the one most exact in its first words."""
    candidates: list[Key] = [()]
    for word in words:
        candidates = [(*key, each) for key in candidates for each in (word, None)]
    for key in candidates:
        entry = table.get(key)
        if entry is not None:
            return entry
    return None


class Support:
    """The steps of one policy."""

    def __init__(self, policy: Policy, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._families, self._types = policy.table("families"), policy.table("types")
        self._protocols, self._options = policy.table("protocols"), policy.table("options")
        self._calls, self._ioctls = policy.table("calls"), policy.table("ioctls")
        self._flags = policy.table("flags")
        self._paths = [(str(key[0]), key[1], entry) for key, entry in policy.table("files").items()]
        self._paths.sort(key=lambda row: (row[0].endswith("*"), -len(row[0]), row[1] is None))

    def call(self, call: Call, go: Go) -> Answer:
        return self._decided(find(self._calls, call.name), call) or go(call)

    def create(self, call: Call, go: Go) -> Answer:
        """Family, then type, then protocol, as net/socket.c and every kernel looks at them."""
        family, kind, protocol = call.args[0], call.args[1] & TYPE_MASK, call.args[2]
        stages = (
            find(self._families, family),
            find(self._types, family, kind),
            find(self._protocols, family, kind, protocol),
        )
        for entry in stages:
            answer = self._decided(entry, call)
            if answer is not None:
                return answer
        return go(call)

    def option(self, call: Call, go: Go) -> Answer:
        entry = find(self._options, call.args[1], call.args[2], OPTION_CALLS[call.name])
        return self._decided(entry, call) or go(call)

    def ioctl(self, call: Call, go: Go) -> Answer:
        """Of sockets only: another file may have a request of that number. ``*``: those that sockets have."""
        request = call.args[1]
        known = (request,) in self._ioctls or request & ~0xFF == SOCKET_REQUESTS or request in FILE_REQUESTS
        entry = find(self._ioctls, request)
        if entry is None or not known or not call.task.socket_inode(call.args[0]):
            return go(call)
        return self._decided(entry, call) or go(call)

    def flags(self, call: Call, go: Go) -> Answer:
        """Every flag that is set has its word; those to be ignored are cleared."""
        name = "recvmmsg" if call.name == "recvmmsg_time64" else call.name
        place = FLAG_PLACES[name]
        flags = call.args[place] & 0xFFFFFFFF
        left = flags
        for bit in bits(flags & (~TYPE_MASK if name in CREATING else 0xFFFFFFFF)):
            entry = find(self._flags, name, bit)
            if entry is None:
                continue
            if entry.behaviour.verb == "ignore":
                left &= ~bit
                continue
            answer = self._decided(entry, call)
            if answer is not None:
                return answer
        if left == flags:
            return go(call)
        return onward(go, call, (*call.args[:place], left, *call.args[place + 1 :]))

    def file(self, call: Call, go: Go) -> Answer:
        way, place = _FILE_PLACES[call.name]
        path = absolute(call, place)
        for pattern, wanted, entry in self._paths if path else ():
            same = path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
            if same and wanted in (way, None):
                return self._decided(entry, call) or go(call)
        return go(call)

    def _decided(self, entry: Entry | None, call: Call) -> Answer | None:
        return None if entry is None else self._outcomes.of(entry, call)


_FILE_PLACES = {call: (way, place) for way, calls in FILE_CALLS.items() for call, place in calls}


def bits(flags: int) -> list[int]:
    return [1 << place for place in range(32) if flags >> place & 1]


def absolute(call: Call, place: int) -> str:
    """The path as from the root, without symbolic links looked at; /proc/PID of the caller is /proc/self."""
    path = string_at(call.task, call.args[place])
    if not path:
        return ""
    if not path.startswith("/"):
        if place and call.args[0] & 0xFFFFFFFF != _AT_FDCWD:
            return ""
        try:
            path = os.path.join(os.readlink(f"/proc/{call.task.tid}/cwd"), path)
        except OSError:
            return ""
    own = f"/proc/{call.task.tgid}/"
    path = os.path.normpath(path)
    return "/proc/self/" + path.removeprefix(own) if path.startswith(own) else path


class Netlink:
    """What a program sends to netlink: every message of a datagram is looked at."""

    def __init__(self, policy: Policy, outcomes: Outcomes, ask: Go) -> None:
        self._table, self._outcomes, self._ask = policy.table("netlink"), outcomes, ask

    def step(self, call: Call, go: Go) -> Answer:
        from ptrace_net.policing.messages import netlink_types

        if ask_option(self._ask, call, call.args[0], 1, _SO_DOMAIN) != _AF_NETLINK:
            return go(call)
        protocol = ask_option(self._ask, call, call.args[0], 1, _SO_PROTOCOL) or 0
        try:
            types, size = netlink_types(call)
        except Errno:
            return go(call)
        for kind in types:
            entry = find(self._table, protocol, kind)
            if entry is None or (entry.behaviour.verb == "errno" and not _is_kernels(call)):
                continue
            answer = self._outcomes.carry_out(_sent(entry, size), call, entry.where)
            if answer is not None:
                return answer
        return go(call)


def _is_kernels(call: Call) -> bool:
    """Whether the host's kernel gets the message: it cannot be made to refuse it, so that the call fails."""
    try:
        with hostcalls.borrowed(call.task, call.args[0]) as handle:
            return hostcalls.get_int(handle, 1, _SO_DOMAIN) == _AF_NETLINK
    except Errno:
        return False


_SO_DOMAIN, _SO_PROTOCOL, _AF_NETLINK = 39, 38, 16


def _sent(entry: Entry, size: int) -> Behaviour:
    """``ignore`` is a datagram that was sent and is never answered."""
    return Behaviour("return", size) if entry.behaviour.verb == "ignore" else entry.behaviour


class Control:
    """Control messages in sendmsg and sendmmsg."""

    def __init__(self, policy: Policy, outcomes: Outcomes) -> None:
        self._table, self._outcomes = policy.table("control"), outcomes

    def step(self, call: Call, go: Go) -> Answer:
        from ptrace_net.policing.messages import control_of, without_control

        try:
            found = control_of(call)
        except Errno:
            return go(call)
        dropped: set[tuple[int, int]] = set()
        for level, kind in found:
            entry = find(self._table, level, kind)
            if entry is None:
                continue
            if entry.behaviour.verb == "ignore":
                dropped.add((level, kind))
                continue
            answer = self._outcomes.of(entry, call)
            if answer is not None:
                return answer
        return without_control(call, go, dropped) if dropped else go(call)

