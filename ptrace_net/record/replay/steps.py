"""The steps that a plan consists of.

Calls keep the log's descriptor numbers; the world's sockets have numbers from `WORLD_FDS` on.
"""

from dataclasses import dataclass
from typing import Literal

from ptrace_net.record.model import Call

Role = Literal["program", "setup", "world", "nudge", "fork", "exit", "skip"]

MOTHER = -2
"""The worker from which all others are forked; it never opens anything."""

WORLD = -1
"""The worker that plays the outside world."""

WORLD_FDS = 1000


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step. `group` is the descriptor table (worker) that it happens in, `index` the record it stems
    from.

    program: the log's own call, to be compared      world: the outside peer's call    skip: not made, for
    `why` setup: the log's own call, made for what follows but not compared nudge: a call of the program
    that the log does not show but that must have happened (a byte into a pipe) fork: `group` begins as a
    copy of `parent`       exit: the worker of `group` ends
    """

    role: Role
    group: int
    call: Call
    index: int = -1
    why: str = ""
    parent: int = MOTHER
