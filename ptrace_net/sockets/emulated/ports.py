"""Who holds which port of a run: one table for TCP, one for UDP.

Conflicts are ``stack.bindings``' (bind(2), ``inet_csk_bind_conflict``). A holder that is in the way is asked
whether its program has closed it, since nobody tells: so a port is free as soon as it is natively.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from ptrace_net.policies.mapping import ANY4, ANY6
from ptrace_net.stack.bindings import Binding
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.names import Name

LOW, HIGH = 32768, 60999  # net.ipv4.ip_local_port_range
_TRIES = 64  # ports of the range looked at one by one before the dead are looked for, and asked the host for


class Holder(Protocol):
    """A socket with a local port."""

    binding: Binding | None
    peer: Name | None

    def is_gone(self) -> bool:
        """Whether the program has closed it; what it held is then let go."""


class Former(Binding):
    """A port that has been let go, and that getsockname(2) names all the same."""

    __slots__ = ()


class PortTable:
    """The holders of each port, the latest first, as the kernel's hash chains have them."""

    def __init__(self) -> None:
        self._holders: dict[int, list[Holder]] = {}
        self.reserve: Callable[[Binding, int], bool] | None = None  # whether a port is free outside too
        self.version = 0  # changes whenever another holder may be found for the same name
        self._next = _anywhere()

    def holders(self, port: int) -> list[Holder]:
        return self._holders.get(port, [])

    def all(self) -> Iterable[Holder]:
        return [holder for holders in self._holders.values() for holder in holders]

    def take(self, holder: Holder, binding: Binding) -> None:
        """Give ``holder`` what it wants; port 0 becomes a free one. Raises Errno(EADDRINUSE)."""
        if not binding.port:
            binding.port = self._reserved(binding)
        elif self.conflict(holder, binding):
            raise Errno(errno.EADDRINUSE)
        self._add(holder, binding)

    def take_outgoing(self, holder: Holder, binding: Binding) -> int:
        """A port for a connection: one that nobody has; Errno(EADDRNOTAVAIL) when there is none."""
        binding.port = port = self._free(errno.EADDRNOTAVAIL)
        self._add(holder, binding)
        return port

    def conflict(self, holder: Holder, binding: Binding) -> bool:
        return any(
            other is not holder
            and other.binding is not None
            and binding.conflicts(other.binding)
            and not other.is_gone()
            for other in list(self.holders(binding.port))
        )

    def release(self, holder: Holder) -> None:
        binding, holder.binding = holder.binding, None
        if binding is None:
            return
        self.version += 1
        others = self._holders.get(binding.port, ())
        if holder in others:
            if len(others) == 1:
                del self._holders[binding.port]
            else:
                self._holders[binding.port].remove(holder)

    def let_go(self, holder: Holder) -> None:
        """A connection has failed: a port that nobody asked for is anybody's then (inet_put_port)."""
        binding = holder.binding
        if binding is not None and binding.ephemeral:
            self.release(holder)
            holder.binding = Former(binding.address, binding.port, v6only=binding.v6only, ephemeral=True)

    def _add(self, holder: Holder, binding: Binding) -> None:
        holder.binding = binding
        self.version += 1
        others = self._holders.get(binding.port)
        if others is None:
            self._holders[binding.port] = [holder]
        else:
            others.insert(0, holder)

    def _reserved(self, binding: Binding) -> int:
        """A free port that is free outside too; any, where several are not.

        What others have lies side by side (connections closed a moment ago), so the next one is far off.
        """
        first = port = self._free()
        for _ in range(_TRIES):
            if self.reserve is None or self.reserve(binding, port):
                return port
            self._next = _anywhere()
            port = self._free()
        return first

    def _free(self, number: int = errno.EADDRINUSE) -> int:
        """The next port without any holder; where few are left, one whose holders are gone."""
        port: int = self._next
        for _ in range(_TRIES):
            following = LOW if port == HIGH else port + 1
            if port not in self._holders:
                self._next = following
                return port
            port = following
        for port in (*range(self._next, HIGH + 1), *range(LOW, self._next)):
            if all(holder.is_gone() for holder in list(self.holders(port))):
                self._next = LOW if port == HIGH else port + 1
                return port
        raise Errno(number)


def _anywhere() -> int:
    return LOW + int.from_bytes(os.urandom(4), "little") % (HIGH - LOW + 1)


def covers(binding: Binding, address: bytes) -> bool:
    """Whether what is sent to ``address`` is for a socket bound so."""
    if binding.address == address:
        return True
    if len(address) == 4:
        return binding.address == ANY4 or (binding.address == ANY6 and not binding.v6only)
    return binding.address == ANY6


def rank(binding: Binding, address: bytes) -> int:
    """How well a binding fits (``compute_score`` of the kernel's look-ups): exact before wildcard, an IPv4
    wildcard before ``::``.
    """
    if binding.address == address:
        return 2
    return 1 if len(binding.address) == len(address) else 0
