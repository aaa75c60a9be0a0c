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
    """One step, in the worker `group`, from record `index`.

    The roles:

        program   the log's own call, to be compared
        setup     the log's own call, made for what follows but not compared
        world     the outside peer's call
        nudge     a call of the program that must have happened unseen (a byte into a pipe)
        fork      `group` begins as a copy of `parent`
        exit      the worker of `group` ends
        skip      not made, for `why`

    `raced`: another task waited for the same at the same time, so that what this one saw was chance.
    """

    role: Role
    group: int
    call: Call
    index: int = -1
    why: str = ""
    parent: int = MOTHER
    raced: bool = False
