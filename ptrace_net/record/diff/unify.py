"""What stands for what in two logs: open files, ports and hosts of one by those of the other."""

from dataclasses import dataclass, field

from ptrace_net.record.flows import Flow
from ptrace_net.record.sockaddr import Endpoint


@dataclass(slots=True)
class Unifier:
    """What stands for what: flows, ports and hosts of the left log by those of the right, and back."""

    flows: dict[int, int] = field(default_factory=dict)
    back: dict[int, int] = field(default_factory=dict)
    names: dict[tuple[str, object], object] = field(default_factory=dict)

    def flow(self, left: Flow, right: Flow) -> bool:
        """Take `left` for `right`; False where either already stands for another."""
        return (
            self.flows.setdefault(left.id, right.id) == right.id
            and self.back.setdefault(right.id, left.id) == left.id
        )

    def name(self, kind: str, left: object, right: object) -> bool:
        """The same for a port or a host."""
        forth = self.names.setdefault((f"{kind}>", left), right)
        return forth == right and self.names.setdefault((f"{kind}<", right), left) == left


def same_endpoint(left: Endpoint | None, right: Endpoint | None, unifier: Unifier) -> bool:
    if left is None or right is None:
        return True
    if (
        left.family != right.family
        or left.wildcard != right.wildcard
        or (left.port == 0) != (right.port == 0)
    ):
        return False
    same_port = left.port == 0 or unifier.name("port", left.port, right.port)
    return same_port and (left.wildcard or unifier.name("host", left.host, right.host))
