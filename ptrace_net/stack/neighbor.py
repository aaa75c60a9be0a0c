"""The neighbor cache (RFC 4861, 7.3), used for NDP and, as Linux does, for ARP.

Entries go INCOMPLETE -> REACHABLE -> STALE -> DELAY -> PROBE; PERMANENT ones are set by hand and stay.
The cache sends nothing itself: ``expire`` returns what is to be asked and which packets could not be
delivered.  Reachability is confirmed by solicited answers only; REACHABLE turns into STALE by the clock,
without a timer.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from .addresses import IP, MAC
from .frame import Frame

REACHABLE_TIME = 30.0
RETRANS_TIME = 1.0
DELAY_FIRST_PROBE = 5.0
MAX_PROBES = 3
MAX_HELD = 64
MAX_ENTRIES = 1024


class State(Enum):
    """NUD states under the names of linux/neighbour.h; NUD_STALE includes a REACHABLE whose time is over."""

    INCOMPLETE = 1
    REACHABLE = 2
    STALE = 4
    DELAY = 8
    PROBE = 16
    PERMANENT = 128


class Solicit(NamedTuple):
    """Ask who has ``address``: everybody, or the one whose ``mac`` is known."""

    address: IP
    mac: MAC | None


class Unresolved(NamedTuple):
    """Nobody answered; ``held`` are the frames that waited."""

    address: IP
    held: list[Frame]


@dataclass(slots=True)
class Entry:
    address: IP
    state: State = State.INCOMPLETE
    mac: MAC | None = None
    deadline: float = 0.0
    probes: int = 0
    router: bool = False
    changed: float = 0.0  #: when its link address or state was last learned
    held: list[Frame] = field(default_factory=list)


@dataclass(slots=True)
class NeighborCache:
    """One per interface and family."""

    reachable_time: float = REACHABLE_TIME
    retrans_time: float = RETRANS_TIME
    entries: dict[IP, Entry] = field(default_factory=dict)
    _timed: dict[IP, Entry] = field(default_factory=dict)

    def resolve(self, address: IP, now: float) -> MAC | None:
        """The link address to send to, or None where it must be asked for (then ``hold`` the frame)."""
        entry = self.entries.get(address)
        if entry is None:
            return None
        if entry.state is State.REACHABLE and now >= entry.deadline:
            entry.state = State.STALE
        if entry.state is State.STALE:
            entry.state, entry.deadline, entry.probes = State.DELAY, now + DELAY_FIRST_PROBE, 0
            self._timed[address] = entry
        return entry.mac

    def hold(self, address: IP, frame: Frame, now: float) -> Solicit | None:
        """Keep a frame until the address resolves; the first one asks for a solicitation."""
        entry = self.entries.get(address)
        fresh = entry is None
        if entry is None:
            self._make_room()
            entry = self.entries[address] = Entry(address, deadline=now + self.retrans_time, probes=1)
            self._timed[address] = entry
        entry.held.append(frame)
        del entry.held[:-MAX_HELD]
        return Solicit(address, None) if fresh else None

    def observe(self, address: IP, mac: MAC, now: float) -> list[Frame]:
        """An address heard in somebody's own request: STALE, or refreshed where it is unchanged.

        Returns the frames that waited for it.
        """
        entry = self.entries.get(address)
        if entry is None:
            self._make_room()
            entry = self.entries[address] = Entry(address)
        if entry.mac != mac and entry.state is not State.PERMANENT:
            self._settle(entry, mac, State.STALE, now)
        return self._release(entry)

    def confirm(
        self, address: IP, mac: MAC | None, now: float, *, solicited: bool = True, override: bool = True,
        router: bool | None = None,
    ) -> list[Frame]:
        """An advertisement or ARP reply (RFC 4861, 7.2.5); unknown addresses are not learned from it."""
        entry = self.entries.get(address)
        if entry is None or entry.state is State.PERMANENT:
            return []
        mac = mac or entry.mac
        if mac is None:
            return []
        changed = entry.mac is not None and entry.mac != mac
        if changed and not override:
            if entry.state is State.REACHABLE:
                self._settle(entry, entry.mac or mac, State.STALE, now)
            return []
        if solicited or changed or entry.mac is None:
            self._settle(entry, mac, State.REACHABLE if solicited else State.STALE, now)
        if router is not None:
            entry.router = router
        return self._release(entry)

    def _settle(self, entry: Entry, mac: MAC, state: State, now: float) -> None:
        entry.mac, entry.state, entry.probes = mac, state, 0
        entry.deadline, entry.changed = now + self.reachable_time, now
        self._timed.pop(entry.address, None)

    @staticmethod
    def _release(entry: Entry) -> list[Frame]:
        held, entry.held = entry.held, []
        return held

    def _make_room(self) -> None:
        if len(self.entries) >= MAX_ENTRIES:
            oldest = (known.address for known in self.entries.values() if known.state is not State.PERMANENT)
            self.remove(next(oldest, next(iter(self.entries))))

    def set(self, address: IP, mac: MAC, state: State, now: float) -> list[Frame]:
        """What somebody says by hand (ip-neighbour(8)); the frames that waited for it."""
        entry = self.entries.get(address)
        if entry is None:
            self._make_room()
            entry = self.entries[address] = Entry(address)
        self._settle(entry, mac, state, now)
        return self._release(entry)

    def remove(self, address: IP) -> None:
        self.entries.pop(address, None)
        self._timed.pop(address, None)

    def expire(self, now: float) -> list[Solicit | Unresolved]:
        """Run the timers of entries that are being asked for or probed."""
        results: list[Solicit | Unresolved] = []
        for entry in [entry for entry in self._timed.values() if entry.deadline <= now]:
            if entry.state is State.DELAY:
                entry.state = State.PROBE
            if entry.probes >= MAX_PROBES:
                self.remove(entry.address)
                results.append(Unresolved(entry.address, entry.held))
                continue
            entry.probes += 1
            entry.deadline = now + self.retrans_time
            results.append(Solicit(entry.address, entry.mac))
        return results

    def deadline(self) -> float | None:
        return min(entry.deadline for entry in self._timed.values()) if self._timed else None
