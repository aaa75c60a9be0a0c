"""Why a replayed call may differ from the log without anything being wrong: causes that are known.

Some lie in the machine, those of the stack provider in its sockets, which are AF_UNIX ones underneath.
"""

from collections.abc import Callable

from ptrace_net.record.model import Array, Call, Change, Struct, Symbol, Value
from ptrace_net.record.render import value_text

Applies = Callable[[Call, Call], bool]


def explain(recorded: Call, actual: Call, on_stack: bool = False) -> str:
    """The cause of a difference where it lies in the machine, or in our own stack; empty where not."""
    for applies, text in (*_CAUSES, *(_ON_STACK if on_stack else ())):
        if applies(recorded, actual):
            return text
    return ""


def _option_is(*names: str) -> Applies:
    return lambda recorded, actual: recorded.name == "getsockopt" and value_text(recorded.args[2]) in names


def _errno_is(*names: str) -> Applies:
    return lambda recorded, actual: actual.errno in names and recorded.errno != actual.errno


def _netlink(recorded: Call, actual: Call) -> bool:
    return recorded.name.startswith("recv") and "nlmsg" in " ".join(
        value_text(value) for value in recorded.args
    )


_CAUSES: tuple[tuple[Applies, str], ...] = (
    (_option_is("SO_RCVBUF", "SO_SNDBUF"), "buffer sizes are limited by this machine's net.core.[rw]mem_max"),
    (_option_is("TCP_INFO", "TCP_MAXSEG"), "what it reports depends on the path and the moment"),
    (_errno_is("EADDRNOTAVAIL"), "the address is not this machine's; the replay has no network of its own"),
    (_errno_is("EADDRINUSE"), "the port is taken here; the replay has no network of its own"),
    (_errno_is("EACCES", "EPERM"), "it takes a privilege that the replay does not have here"),
    (_errno_is("EMFILE", "ENFILE"), "this machine's limit of open files is lower"),
    (_netlink, "the kernel's own answer: this machine's interfaces are not the log's"),
    (lambda recorded, _: recorded.errno in ("ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"),
     "what the network answered then cannot be played on loopback"),
)  # fmt: skip


def _early_pipe(recorded: Call, actual: Call) -> bool:
    return recorded.name in ("write", "writev", "sendto", "sendmsg") and (
        recorded.errno is None and actual.errno == "EPIPE"
    )


def _not_reset(recorded: Call, actual: Call) -> bool:
    return recorded.name == "shutdown" and recorded.errno == "ENOTCONN" and actual.errno is None


def _hangs_up(recorded: Call, actual: Call) -> bool:
    """The same events, but that HUP stands beside RDHUP, or beside IN where RDHUP was not asked for."""
    ours, theirs = (
        [each for value in call.args for each in _events(value)] for call in (recorded, actual)
    )
    added = {frozenset(("EPOLLHUP",)), frozenset(("POLLHUP",)), frozenset()}
    return (
        recorded.result == actual.result
        and ours != theirs
        and len(ours) == len(theirs)
        and all(before <= now and now - before in added for before, now in zip(ours, theirs, strict=True))
    )


def _events(value: Value) -> list[frozenset[str]]:
    match value:
        case Change(_, after):
            return _events(after)
        case Array(items=items):
            return [each for item in items for each in _events(item)]
        case Struct():
            found = value.get("revents") or value.get("events")
            return [frozenset(found.text.split("|"))] if isinstance(found, Symbol) else []
    return []


_ON_STACK: tuple[tuple[Applies, str], ...] = (
    (_early_pipe, "the stack tells at the first write that the peer has closed, TCP at the second"),
    (_not_reset, "nothing was sent to the peer that has closed, so no reset came back"),
    (_hangs_up, "on the stack HUP is told as soon as the peer has closed"),
)
