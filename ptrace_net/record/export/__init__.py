"""A log as something to run elsewhere: a C program, a Python script, strace's text, a packetdrill script.

The programs are made from the same plan that `replay` carries out, the outside world included.
"""

from collections.abc import Callable
from importlib import import_module

from ptrace_net.record.replay.plan import Plan

FORMATS = ("c", "python", "strace", "packetdrill")


def export(plan: Plan, form: str) -> str:
    """The text of `plan` in one of `FORMATS`."""
    render: Callable[[Plan], str] = import_module(f"ptrace_net.record.export.{form}").render
    return render(plan)
