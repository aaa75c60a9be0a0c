"""What a program loses by being supervised by an ordinary user, said once for each program.

A set-user-ID program runs without its privilege (no_new_privs), and one that may not be dumped (prctl(2),
PR_SET_DUMPABLE: its file is not readable) keeps its memory and descriptors from us.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable


def executed(say: Callable[[str], None]) -> Callable[[int], None]:
    """A function for ``Engine.executed``: looks at the program that thread ``tid`` has become."""
    told: set[str] = set()

    def look(tid: int) -> None:
        program, loss = _name(tid), _loss(tid)
        if loss and program not in told:
            told.add(program)
            say(f"{program}: {loss}")

    return look


def _loss(tid: int) -> str:
    if os.geteuid() == 0:
        return ""
    try:
        if os.stat(f"/proc/{tid}/fd").st_uid != os.geteuid():
            return (
                "its sockets do not work, being out of reach (unreadable file); run as root, "
                "or with --net host, where those of IPv4 do"
            )
        file = os.stat(f"/proc/{tid}/exe")
    except OSError:
        return ""
    if file.st_mode & stat.S_ISUID and file.st_uid != os.geteuid():
        return "set-user-ID, but runs without that privilege here (no_new_privs); run as root to keep it"
    return ""


def _name(tid: int) -> str:
    try:
        with open(f"/proc/{tid}/comm") as comm:
            return comm.read().strip()
    except OSError:
        return str(tid)
