"""A call of a log as numbers and memory: what goes into the registers, what the pointers point to.

Each kind of argument (see `signatures`) has a function, in `arguments` or `waits`. A call that the log
does not show well enough to make raises `CannotReplay` with the reason. `Lowered.outs` says which blocks
come back and for which argument.
"""

from collections.abc import Callable

from ptrace_net.record.model import Call, Unknown
from ptrace_net.record.names import syscall_number
from ptrace_net.record.replay import arguments, waits
from ptrace_net.record.replay.lowering import MACHINE, WAIT_LIMIT_MS, CannotReplay, Context, Kind, Lowered
from ptrace_net.record.signatures import canonical, params

_KINDS: dict[str, Kind] = arguments.KINDS | waits.KINDS


def lower(call: Call, descriptor: Callable[[int], int], patience: int = WAIT_LIMIT_MS) -> Lowered:
    """Lower `call`; `descriptor` gives the actual number of a recorded one or raises `CannotReplay`.

    `patience` is how many milliseconds a wait may last that returned something in the log.
    """
    name = canonical(call.name)
    number = syscall_number(name, MACHINE)
    if number is None:
        raise CannotReplay(f"{call.name} is not a system call of {MACHINE}")
    prototype = params(name)
    if not prototype or len(call.args) < min(len(prototype), _least(name)):
        raise CannotReplay("its arguments are not in the log")
    context = Context(call, descriptor, Lowered(number), patience)
    for place, (value, param) in enumerate(zip(call.args, prototype, strict=False)):
        if isinstance(value, Unknown):
            raise CannotReplay(f"{param.name} is not in the log")
        context.made.arguments.append(_KINDS.get(param.kind, arguments.plain)(context, place, value, param))
    return context.made


def _least(name: str) -> int:
    """Arguments that must be there: fcntl and ioctl have commands without an argument."""
    return 2 if name in ("fcntl", "ioctl") else len(params(name))
