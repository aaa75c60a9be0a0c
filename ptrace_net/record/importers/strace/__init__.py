"""strace's text as a `Log`, in all the forms that strace has for it.

`line` takes a line's frame apart, `join` puts the halves of interrupted calls together and keeps the
clock, `scan` reads values, `call` makes a `Call` of them, `settle` gives what only the whole call tells.
"""

import re
from collections.abc import Iterable

from ptrace_net.record.importers.strace.join import QUOTED, Joiner
from ptrace_net.record.model import Log
from ptrace_net.record.signatures import SOCKET_FAMILY

_LOOKS = re.compile(
    r"^(?:\[pid +\d+(?:<[^>]*>)?\] |\d+(?:<[^>]*>)? +)?(?:[\d:. ()+]+ )?(?:\[[ \da-f?]+\] ){0,2}"
    r"[a-z_0-9]+\(.*\)\s*= (?:-?\d|\?|0x)"
)


def looks_like(line: str) -> bool:
    """Whether `line` could be strace's, or quotes a line of strace that is about a socket."""
    text = line.replace("\\_", "_").strip().strip("`")
    quoted = QUOTED.search(text)
    return bool(_LOOKS.match(text) or (quoted and quoted[1] in SOCKET_FAMILY))


def read(name: str, lines: Iterable[str], task: int = 0) -> Log:
    """Read strace's lines. `task` is the task of lines that name none (one file of ``strace -ff``)."""
    log = Log(name, "strace")
    joiner = Joiner(name, task, log.lost)
    log.records.extend(joiner.run(lines))
    log.records = joiner.who.named(log.records)
    return log
