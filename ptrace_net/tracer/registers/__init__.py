"""Registers of a stopped thread, one module per machine; ``MACHINE`` is the one this supervisor runs on.

``answer`` skips a call at its entry and sets the result; ``replace`` substitutes another call and returns
what ``finish`` needs at its exit; ``set_result`` changes a result at the exit; ``rewind`` makes the thread
issue its original call again. ``save`` takes all registers, and with ``issue`` the thread makes another call
before it goes on, instead of the one at whose entry it is or after the one at whose exit it is; what ``save``
gave serves as what ``replace`` gives. ``interrupted`` tells at a signal's stop which call has the result
-ERESTARTSYS (512), or -``error``: its number and arguments; None for none.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch


class Machine(Protocol):
    """What every module of this package offers."""

    ARCHES: tuple[Arch, ...]

    def answer(self, tid: int, arch: Arch, value: int) -> None: ...
    def replace(
        self, tid: int, arch: Arch, entry: tuple[int, ...], number: int, args: tuple[int, ...]
    ) -> object: ...
    def finish(self, tid: int, saved: object, value: int) -> None: ...
    def set_result(self, tid: int, value: int) -> None: ...
    def save(self, tid: int) -> object: ...
    def issue(
        self, tid: int, arch: Arch, saved: object, number: int, args: tuple[int, ...], *, entry: bool
    ) -> None: ...
    def interrupted(self, tid: int, audit: int, error: int = 512) -> tuple[int, ...] | None: ...
    def rewind(self, tid: int, saved: object) -> None: ...


def arches() -> tuple[Arch, ...]:
    """The architectures of programs that run on this computer."""
    from ptrace_net.abi.arch import AARCH64, I386, X86_64

    return {"x86_64": (X86_64, I386), "aarch64": (AARCH64,)}[os.uname().machine]


def machine() -> Machine:
    """The module for this computer; ImportError names the one that is missing."""
    return cast(Machine, import_module(f"ptrace_net.tracer.registers.{os.uname().machine}"))
