"""A plan as one C program: it makes the calls, plays the world, and checks the results.

It prints a line for every difference, naming the line of the log and the call, and ends with status 1 if
there was one; 2 if the outside world could not be played; 0 if all went as recorded. Constants are
numbers with their names in comments, so that old headers do.
"""

from collections.abc import Iterator

from ptrace_net.record.export.c_context import Context, Emitted, quoted
from ptrace_net.record.export.c_runtime import BEGIN, HEAD, PART_BEGIN, PART_END, TAIL
from ptrace_net.record.export.c_values import emit
from ptrace_net.record.export.names import Names, without_source_binds
from ptrace_net.record.model import Call, number_of
from ptrace_net.record.names import errno_number
from ptrace_net.record.render import call_text
from ptrace_net.record.replay.lowering import CannotReplay
from ptrace_net.record.replay.plan import Plan
from ptrace_net.record.replay.steps import MOTHER, PlanStep
from ptrace_net.record.signatures import NEW_DESCRIPTOR, canonical

_LIMIT = 30
"""Seconds that one call may take."""

_PART = 60
"""Steps in one function: compilers take long over long ones."""

_FUNCTIONS = {"epoll_create": "epoll_create", "eventfd2": "eventfd", "ppoll": "ppoll"}
_WITHOUT_SIZE = {"ppoll": 4, "epoll_pwait": 5}


def render(plan: Plan) -> str:
    """The program."""
    names, sizes = Names(plan), {"MEMORY": 16, "POLLED": 1, "VECTOR": 1, "EVENTS": 1, "MESSAGES": 1}
    steps = ["\n".join(_step(step, names, sizes)) for step in without_source_binds(plan.steps)]
    parts = ["\n".join(steps[at : at + _PART]) for at in range(0, len(steps), _PART)]
    fixed = "".join(f"#define {name} {size}\n" for name, size in sizes.items())
    functions = "".join(f"{PART_BEGIN % place}{part}\n{PART_END}" for place, part in enumerate(parts))
    calls = "".join(f"    part{place}();\n" for place in range(len(parts)))
    return "".join(
        (_comment(plan), "\n", fixed, HEAD, _variables(names, functions), functions, BEGIN, calls, TAIL)
    )


def _comment(plan: Plan) -> str:
    name = plan.log.name.replace("*/", "* /")
    return (
        f"/* Made by ptrace-net from {name}: {len(plan.program)} calls, and the world's between them.\n"
        "   cc -o replay replay.c && ./replay; status 0: as recorded, 1: a difference, named. */\n"
    )


def _variables(names: Names, body: str) -> str:
    lines = [f"static int {name} = -1;" for name in names.all]
    lines += [f"static int port{port} = {port};" for port in sorted(names.ports) if f"port{port}" in body]
    lines += [f"static struct sockaddr_storage last_{name};" for name in names.all if f"last_{name}" in body]
    return "\n" + "\n".join(lines) + "\n"


def _step(step: PlanStep, names: Names, sizes: dict[str, int]) -> Iterator[str]:
    if step.role == "fork":
        yield from _fork(step, names)
    elif step.role == "exit":
        yield from (f"    close({name});" for name in names.still_open(step.group))
    elif step.role == "skip":
        yield f"    /* not made, {_safe(step.why)}: {_safe(call_text(step.call))} */"
    else:
        yield from _call(step, names, sizes)


def _fork(step: PlanStep, names: Names) -> Iterator[str]:
    """A new process inherits what its parent has open; here it gets duplicates."""
    if step.parent != MOTHER:
        yield f"    /* process {step.group} begins */"
        for child, parent in names.inherited(step.parent, step.group):
            yield f"    {child} = dup({parent});"


def _call(step: PlanStep, names: Names, sizes: dict[str, int]) -> Iterator[str]:
    try:
        made = emit(Context(step, names, Emitted(), sizes))
    except CannotReplay as error:
        yield f"    /* not made, {_safe(str(error))}: {_safe(call_text(step.call))} */"
        return
    text = _safe(call_text(step.call))
    yield f"\n    /* {text} */" if step.role == "program" else f"    /* the world: {text} */"
    if step.role == "program":
        yield f"    where = {quoted(str(step.call.source).encode())};"
        yield f"    current = {quoted(call_text(step.call, result=False).encode('utf-8', 'replace'))};"
    yield f"    alarm({_LIMIT});"
    yield from (f"    {line}" for line in made.before)
    yield f"    CALL({_expression(step.call, made)});"
    yield from (f"    {line}" for line in _after(step, names, made))


def _expression(call: Call, made: Emitted) -> str:
    name = canonical(call.name)
    arguments = made.arguments[: _WITHOUT_SIZE.get(name)]
    if name == "pipe2":
        arguments = made.arguments[:2]
    return f"{_FUNCTIONS.get(name, name)}({', '.join(arguments)})"


def _after(step: PlanStep, names: Names, made: Emitted) -> Iterator[str]:
    call, name = step.call, canonical(step.call.name)
    number = number_of(call.arg(0))
    if step.role not in ("program", "setup"):
        if _makes(call) and call.result is not None:
            yield f"{names.descriptor(step.group, call.result)} = (int)got;"
        yield f"must({quoted(name.encode())});"
        yield from made.after
        return
    if step.role == "program":
        yield f"check({_wanted(call)}, {_wanted_errno(call)});"
    if _makes(call) and call.result is not None and call.errno is None:
        yield f"{names.descriptor(step.group, call.result)} = (int)got;"
    elif _makes(call):
        yield "if (got >= 0) close((int)got);"
    yield from made.after
    if name == "close" and number is not None:
        names.closed(step.group, number)


def _makes(call: Call) -> bool:
    duplicates = call.name == "fcntl" and "DUPFD" in str(call.arg(1))
    return canonical(call.name) in NEW_DESCRIPTOR or duplicates


def _wanted(call: Call) -> str:
    return "-2" if _makes(call) or call.result is None else str(call.result)


def _wanted_errno(call: Call) -> str:
    return f"{errno_number(call.errno) or 0} /* {call.errno} */" if call.errno else "0"


def _safe(text: str) -> str:
    """Text for a C comment: no end of comment, no line end, no backslash at its end."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ").replace("??", "? ?").rstrip("\\")
