"""Whether a replayed call did what the log says, and if not, whether the difference has a known cause.

The comparison is that of `diff`, with two changes: addresses and ports must be equal unless the kernel
chose them, and received bytes are compared as far as the log shows them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ptrace_net.record.diff.compare import Difference, Unifier, compare
from ptrace_net.record.diff.steps import Step, key_of
from ptrace_net.record.model import Array, Call, Data, Struct, Value, number_of
from ptrace_net.record.render import value_text
from ptrace_net.record.signatures import params

_MEMORY = frozenset(["buf_out", "iov_out", "msg_out"])


@dataclass(slots=True)
class Ports(Unifier):
    """A unifier that lets only ports chosen by the kernel differ: those in `chosen`."""

    chosen: set[int] = field(default_factory=set)

    def name(self, kind: str, left: object, right: object) -> bool:
        """Equal, or a port of the kernel's choice that has stood for the other all along."""
        if left == right:
            return True
        return kind == "port" and left in self.chosen and Unifier.name(self, kind, left, right)


def verify(recorded: Call, actual: Call, ports: Ports) -> tuple[Difference, ...]:
    """Every difference between the recorded and the replayed call."""
    steps = [Step(0, call, key_of(call), {}, ()) for call in (recorded, actual)]
    return (*compare(steps[0], steps[1], ports), *_memory(recorded, actual))


def _memory(recorded: Call, actual: Call) -> Iterator[Difference]:
    """Received bytes that differ from what the log shows of them."""
    if recorded.failed or actual.failed:
        return
    for place, param in enumerate(params(recorded.name)):
        if param.kind in _MEMORY and place < len(recorded.args):
            ours, theirs = _bytes(recorded.args[place]), _bytes(actual.args[place])
            common = min(len(ours), len(theirs))
            if ours[:common] != theirs[:common]:
                yield Difference(
                    "output",
                    f"{param.name} has other bytes",
                    value_text(recorded.args[place]),
                    value_text(actual.args[place]),
                )


def _bytes(value: Value) -> bytes:
    match value:
        case Data(data, _):
            return data
        case Array(items=items):
            return b"".join(_bytes(item) for item in items)
        case Struct():
            inner = value.get("msg_iov") or value.get("iov_base")
            return _bytes(inner) if inner is not None else b""
        case _:
            return b""


def explain(recorded: Call, actual: Call) -> str:
    """The cause of a difference where it is the machine's, not the program's or the kernel's; empty where
    not.
    """
    for applies, text in _CAUSES:
        if applies(recorded, actual):
            return text
    return ""


def _option_is(*names: str) -> Callable[[Call, Call], bool]:
    return lambda recorded, actual: recorded.name == "getsockopt" and value_text(recorded.args[2]) in names


def _errno_is(*names: str) -> Callable[[Call, Call], bool]:
    return lambda recorded, actual: actual.errno in names and recorded.errno != actual.errno


def _netlink(recorded: Call, actual: Call) -> bool:
    return recorded.name.startswith("recv") and "nlmsg" in " ".join(
        value_text(value) for value in recorded.args
    )


_CAUSES: tuple[tuple[Callable[[Call, Call], bool], str], ...] = (
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


def chosen_port(call: Call) -> int | None:
    """The port that this call shows the kernel to have chosen, or None: asked by bind with port 0, or by
    nobody.
    """
    from ptrace_net.record.sockaddr import endpoint_of

    endpoint = endpoint_of(call.arg(1)) if call.name == "getsockname" else None
    return endpoint.port if endpoint and number_of(endpoint.port) else None
