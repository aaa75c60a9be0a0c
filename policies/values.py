"""What a policy says, as values; the other modules of this package read them from files and write them.

Imported on the way to every program, so nothing heavy is.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from ptrace_net.policies.mapping import DEFAULT_PAIRS, AddressMap, Pair

Word: TypeAlias = int | str | None  # one word of a key; None: any
Key: TypeAlias = tuple[Word, ...]
Table: TypeAlias = Mapping[Key, "Entry"]
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Behaviour(NamedTuple):
    """``number`` is the errno, the result, or the signal; ``text`` what a panic says."""

    verb: str  # "ok", "errno", "ignore", "return", "kill", "panic"
    number: int = 0
    text: str = ""

    def __str__(self) -> str:
        match self.verb:
            case "errno":
                from ptrace_net.abi.constants.errno import ERRNO

                return f"errno {ERRNO.name(self.number)}"
            case "return":
                return f"return {self.number}"
            case "kill" if self.number != signal.SIGKILL:
                name = next((each.name for each in signal.Signals if each == self.number), str(self.number))
                return f"kill {name}"
            case "panic" if self.text:
                return f"panic {self.text}"
        return self.verb

    @property
    def result(self) -> int | None:
        """What the call returns where that is all there is to it, -errno for a failure."""
        if self.verb == "errno":
            return -self.number
        return self.number if self.verb in ("ignore", "return") else None


class Entry(NamedTuple):
    """How something behaves, and the file and line that say so."""

    behaviour: Behaviour
    where: str


class When(NamedTuple):
    """Which of the calls: ``first``, and up to ``last`` every ``step``-th after it (``last`` 0: no end)."""

    first: int = 1
    last: int = 0
    step: int = 1

    def holds(self, count: int) -> bool:
        inside = count >= self.first and (not self.last or count <= self.last)
        return inside and (count - self.first) % self.step == 0


class Where(NamedTuple):
    """What a call must be about; None: anything."""

    fd: int | None = None
    address: tuple[int, int, int] | None = None  # (prefix, its length, bits of an address)
    ports: tuple[int, int] | None = None
    program: str | None = None
    outside: bool = False  # any address that is not this machine's loopback

    @property
    def named(self) -> bool:
        """Whether an address has to be known."""
        return self.address is not None or self.ports is not None or self.outside


class Fault(NamedTuple):
    """One rule. ``result``: the call is not made and returns this (negative errno); None: it is made."""

    text: str
    calls: frozenset[str]
    result: int | None = None
    signal: int = 0
    delay_enter: float = 0.0
    delay_exit: float = 0.0
    short: int = 0
    when: When = When()
    where: Where = Where()
    probability: float = 1.0
    after: float = 0.0  # seconds since the program began
    until: float | None = None

    @property
    def constant(self) -> bool:
        """Whether registers alone say what happens, every time."""
        plain = self.when == When() and self.probability == 1 and not self.after and self.until is None
        alone = not (self.signal or self.delay_enter or self.delay_exit or self.short)
        return self.result is not None and plain and alone and not (self.where.named or self.where.program)


class Provider(NamedTuple):
    """What fits every condition is serviced by ``use``: by ``stub`` with ``answer``."""

    use: str  # "run", "host", "stack", "kernel", "stub"
    answer: Behaviour | None = None
    family: Word = None
    type: Word = None
    protocol: Word = None
    calls: tuple[str, ...] = ()
    where: Where = Where()
    told: str = ""  # file and line

    @property
    def of_addresses(self) -> bool:
        """Whether it decides when an address is named, instead of when the socket is made."""
        return self.where.named


class Impaired(NamedTuple):
    """A link with an impairment, in the words of `--impair`: DEV:delay=20ms,loss=1%."""

    text: str
    after: float = 0.0  # seconds since the program began
    until: float | None = None

    @property
    def timed(self) -> bool:
        return bool(self.after) or self.until is not None


class Limits(NamedTuple):
    """None: no limit but the provider's."""

    backlog: int | None = None
    sndbuf: int | None = None
    rcvbuf: int | None = None
    descriptors: int | None = None
    ports: tuple[int, int] | None = None


class Policy(NamedTuple):
    """``serve`` is the host's family that serves the other one: "ipv4" or "ipv6"."""

    serve: str = "ipv4"
    pairs: tuple[Pair, ...] = DEFAULT_PAIRS
    title: str = ""
    tables: Mapping[str, Table] = _NOTHING  # of support.TABLES; what is not there has no entries
    providers: tuple[Provider, ...] = ()  # the first that fits decides
    ports: Mapping[int, int] = _NOTHING  # the program's port -> the host's
    limits: Limits = Limits()
    faults: tuple[Fault, ...] = ()
    impairments: tuple[Impaired, ...] = ()
    seed: int = 0
    lane: str = "express"  # or "wire": connections within the run make packets too

    @property
    def addresses(self) -> AddressMap:
        return AddressMap(self.pairs)

    @property
    def wants_host(self) -> bool:
        """Whether it is about the host's sockets: which addresses and ports stand for the program's."""
        return self.serve != "ipv4" or self.pairs != DEFAULT_PAIRS or bool(self.ports)

    def mixes(self, net: str) -> bool:
        """Whether some sockets or addresses have another provider than ``net``, the run's."""
        other = "stack" if net == "host" else "host"
        return any(provider.use == other for provider in self.providers)

    def table(self, name: str) -> Table:
        return self.tables.get(name, _NOTHING)

    @property
    def restricts(self) -> bool:
        """Whether it says more than how addresses are mapped."""
        extra = (any(self.tables.values()), self.providers, self.ports, self.limits != Limits(), self.faults)
        return any(extra)
