"""A listening socket: its SYN queue, its accept queue, and SYN cookies when the former is full."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..addresses import IP
from ..bindings import Binding
from .states import State
from .tcb import Owner, Tcb, UserOptions

SOMAXCONN = 4096


@dataclass(slots=True, eq=False)
class Listener:
    """Its address may be the wildcard of its family; ``dual`` also takes IPv4 on ``::``."""

    binding: Binding
    backlog: int
    opts: UserOptions
    owner: Owner
    dual: bool = False
    interface: str | None = None
    gone: Callable[[], bool] | None = None  #: asked before a handshake begins: whether the owner is no more
    handshakes: dict[Tcb, None] = field(default_factory=dict)
    ready: deque[Tcb] = field(default_factory=deque)
    overflows: int = 0
    cookies_sent: int = 0

    @property
    def key(self) -> tuple[IP, int]:
        return self.binding.address, self.binding.port

    @property
    def full(self) -> bool:
        """The accept queue holds backlog + 1 connections, as in Linux."""
        return len(self.ready) > self.backlog

    def queue_full(self, limit: int) -> bool:
        return len(self.handshakes) >= min(limit, max(self.backlog, 8))

    def established(self, tcb: Tcb) -> None:
        self.handshakes.pop(tcb, None)
        self.ready.append(tcb)

    def forget(self, tcb: Tcb) -> None:
        """A handshake failed.  Connections that wait to be accepted stay, so that accept can return them."""
        self.handshakes.pop(tcb, None)

    def accept(self) -> Tcb | None:
        """The oldest connection that is complete."""
        return self.ready.popleft() if self.ready else None

    def pending(self) -> list[Tcb]:
        """What has to be reset when the listener closes."""
        return [tcb for tcb in (*self.handshakes, *self.ready) if tcb.state is not State.CLOSED]
