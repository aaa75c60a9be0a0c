"""A log as strace would have written it (``strace -f``), whatever it came from: for tools that read strace.

Only what strace would print: what a kernel noted during a call is left out, values that no log shows are
``?``. Nothing is abbreviated that is known, as with a large ``-s``.
"""

from collections.abc import Iterator

from ptrace_net.record.model import Call, Record
from ptrace_net.record.render import call_text, event_text
from ptrace_net.record.replay.plan import Plan

_COLUMN = 40


def render(plan: Plan) -> str:
    """The text of the log that `plan` was made from."""
    return "".join(f"{line}\n" for line in lines(plan.log.records))


def lines(records: list[Record]) -> Iterator[str]:
    """One line for each call, signal and exit."""
    for record in records:
        if isinstance(record, Call):
            yield f"{record.task:<5} {_clock(record)}{_call(record)}{_spent(record)}"
        elif record.kind in ("signal", "exit", "killed"):
            yield f"{record.task:<5} {_clock(record)}{event_text(record)}"


def _call(call: Call) -> str:
    left = call_text(call, None, result=False)
    if call.outcome in ("unfinished", "panicked") and call.errno is None:
        return f"{left[:-1]} <unfinished ...>"
    right = call_text(call, None)[len(left) + 3 :]
    return f"{left + ' ':<{_COLUMN - 6}}= {right}"


def _clock(record: Record) -> str:
    return "" if record.started is None else f"{record.started:.6f} "


def _spent(call: Call) -> str:
    return "" if call.duration is None else f" <{call.duration:.6f}>"
