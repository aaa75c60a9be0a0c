"""Finding a supervisor and asking it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from ptrace_net.failure import Failure
from ptrace_net.lab.entrance import Found, supervisors
from ptrace_net.lab.messages import PATIENCE, Message, owner_of, receive, send


class Gone(Failure):
    """The run has ended meanwhile, or what was found is a child of its supervisor before its exec."""


def named(name: str) -> Found:
    """The run of that name; Failure where there is none."""
    for found in supervisors():
        if found.name == name and _answers(found):
            return found
    raise Failure(f"there is no run named {name}; `ptrace-net ps` shows those there are")


def _answers(found: Found) -> bool:
    try:
        connect(found).close()
    except Failure:
        return False
    return True


def connect(found: Found) -> socket.socket:
    """A connection to a supervisor of our own user; Gone where that is none."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.settimeout(PATIENCE)
    try:
        peer.connect(found.path)
        if owner_of(peer) != (found.pid, os.geteuid()):
            raise ConnectionRefusedError
    except TimeoutError:
        peer.close()
        raise Failure(f"the supervisor {found.pid} does not answer") from None
    except OSError:
        peer.close()
        raise Gone(f"the run of process {found.pid} has just ended") from None
    return peer


def ask(found: Found, what: str) -> Message:
    """One answer; Failure when the supervisor is gone or does not answer."""
    return next(answers(found, what), {})


def answers(found: Found, what: str) -> Iterator[Message]:
    """The answers up to the last one."""
    with connect(found) as peer:
        try:
            send(peer, {"do": what})
            while not (message := receive(peer)[0]).get("end"):
                yield message
        except TimeoutError:
            raise Failure(f"the supervisor {found.pid} does not answer") from None
        except OSError:
            raise Gone(f"the run of process {found.pid} has just ended") from None


def wanted(word: str) -> Found:
    """The run of that name, or whose supervisor or its guard has that process id; else Failure."""
    if not word.isdecimal():
        return named(word)
    pid, runs = int(word), supervisors()
    for found in runs:
        if found.pid == pid and _answers(found):
            return found
    for found in runs:
        if _guard_of(found) == pid:
            return found
    raise Failure(f"process {word} supervises no run of yours; `ptrace-net ps` shows those there are")


def _guard_of(found: Found) -> int:
    try:
        return int(ask(found, "about").get("guard", 0))
    except Failure:
        return 0
