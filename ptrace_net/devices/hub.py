"""A hub that several runs on one machine share: a mesh of SOCK_SEQPACKET connections, no server, no root.

Each run has a listening socket in the hub's directory and one connection to every other run; joining happens
under a lock on the directory, so that each pair connects once, and gives the run the lowest number that is
free.  A frame goes straight to the run that has its destination address, or to all of them while that is
unknown (switch.py).  The directory belongs to one user (mode 0700), and the peer's user is checked on every
connection.
"""

import contextlib
import errno
import fcntl
import itertools
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..stack.addresses import MAC
from ..stack.frame import FULL_OFFLOAD, Frame, Malformed, Offload
from . import hubwire
from .device import DeviceCounters
from .hubwire import Hello
from .identity import E1000, derived_mac
from .switch import Switch
from .watch import Watch

BACKLOG = 512  # messages that wait for one slow peer
BUFFER = 4 << 20
_BATCH = 64
_UCRED = struct.Struct("iII")


@dataclass(slots=True, eq=False)
class Link:
    """The connection to one other run; ``hello`` once it has introduced itself."""

    connection: socket.socket
    hello: Hello | None = None
    waiting: deque[bytes] = field(default_factory=deque)

    def flush(self) -> bool:
        """Send what waits; False where the socket is full.  OSError where the peer is gone."""
        while self.waiting:
            try:
                self.connection.send(self.waiting[0])
            except BlockingIOError:
                return False
            self.waiting.popleft()
        return True


@dataclass(slots=True, eq=False)
class HubDevice:
    """Made by ``join_hub``; ``path`` is our listening socket in the hub's directory, ``number`` ours."""

    mac: MAC
    listener: socket.socket
    path: Path
    run: str = "ptrace-net"
    name: str = "eth0"
    mtu: int = 1500
    number: int = 0
    offload: Offload = FULL_OFFLOAD
    counters: DeviceCounters = field(default_factory=DeviceCounters)
    links: dict[int, Link] = field(default_factory=dict)
    _switch: Switch[int] = field(default_factory=Switch)
    _watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        self._watch.add(self.listener.fileno())

    # -- peers ----------------------------------------------------------------------------------------

    def peers(self) -> list[Hello]:
        """Who else is on the hub."""
        return [link.hello for link in self.links.values() if link.hello is not None]

    def adopt(self, connection: socket.socket) -> None:
        """Take a new connection and introduce ourselves; another user's is closed."""
        if _peer_uid(connection) != os.geteuid():
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        fd = connection.fileno()
        link = self.links[fd] = Link(connection)
        self._watch.add(fd)
        self._post(fd, link, hubwire.pack_hello(Hello(self.mac, self.offload, os.getpid(), self.run)))

    def _drop(self, fd: int) -> None:
        self._watch.remove(fd)
        self._switch.leave(fd)
        self.links.pop(fd).connection.close()

    def _post(self, fd: int, link: Link, message: bytes) -> bool:
        if len(link.waiting) >= BACKLOG:
            return False
        link.waiting.append(message)
        return self._flush(fd, link)

    def _flush(self, fd: int, link: Link) -> bool:
        """False where the peer is gone."""
        try:
            self._watch.want_output(fd, not link.flush())
        except OSError:
            self._drop(fd)
            return False
        return True

    # -- frames ---------------------------------------------------------------------------------------

    def send(self, frame: Frame, now: float) -> bool:
        """True also where nobody has the address: a hub does not know better."""
        taken = True
        for fd, piece in self._switch.targets(bytes(frame.data[:6]), frame, now):
            link = self.links.get(fd)
            taken &= link is None or self._post(fd, link, hubwire.pack_frame(piece))
        if taken:
            self.counters.sent(frame)
        else:
            self.counters.tx_dropped += 1
        return taken

    def receive(self, now: float) -> list[Frame]:
        frames: list[Frame] = []
        for fd in self._watch.ready():
            if fd == self.listener.fileno():
                self._accept()
            elif (link := self.links.get(fd)) is not None and self._flush(fd, link):
                self._read(fd, link, frames, now)
        return frames

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.adopt(self.listener.accept()[0])

    def _read(self, fd: int, link: Link, frames: list[Frame], now: float) -> None:
        """A batch of messages; the connection ends with the peer, or with nonsense."""
        for _ in range(_BATCH):
            try:
                message = hubwire.parse(link.connection.recv(hubwire.MAX_MESSAGE))
            except BlockingIOError:
                return
            except (OSError, Malformed):
                self._drop(fd)
                return
            if isinstance(message, Hello):
                link.hello = message
                self._switch.join(fd, message.offload)
                continue
            self._switch.learn(bytes(message.data[6:12]), fd, now)
            self.counters.received(message)
            frames.append(message)

    def deadline(self) -> float | None:
        return None

    def fileno(self) -> int | None:
        return self._watch.fd

    def close(self) -> None:
        for fd in list(self.links):
            self._drop(fd)
        self._watch.close()
        self.listener.close()
        self.path.unlink(missing_ok=True)


def _peer_uid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[Path]:
    """Another way to write the directory, short enough for the names of UNIX sockets however deep it is."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield Path(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def join_hub(
    directory: Path, mac: MAC | None = None, run: str = "ptrace-net", name: str = "eth0", mtu: int = 1500
) -> HubDevice:
    """Join the hub whose directory this is; it is made where it does not exist.

    Without ``mac`` it is derived from the number that the run gets.  PermissionError where the directory is
    another user's or open to others.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(f"{directory} must belong to the user alone (mode 0700)")
    with _locked(directory) as here:
        connections, taken = _connect_all(here)
        number = next(n for n in itertools.count() if n not in taken)
        port = f"{number}-{os.getpid()}-{os.urandom(4).hex()}.port"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        listener.bind(str(here / port))
        listener.listen(64)
        ours = mac or derived_mac(E1000.mac, number)
        device = HubDevice(ours, listener, directory / port, run, name, mtu, number)
        for connection in connections:
            device.adopt(connection)
    return device


def _connect_all(directory: Path) -> tuple[list[socket.socket], set[int]]:
    """Connections to the runs that were there before, and their numbers; sockets of dead ones are removed."""
    connections, taken = [], set()
    for port in sorted(directory.glob("*.port")):
        connection = _connect(port)
        if connection is not None:
            connections.append(connection)
        if port.exists():
            number = port.name.partition("-")[0]
            taken.add(int(number) if number.isdecimal() else 0)
    return connections, taken


def _connect(port: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(port))
    except OSError as error:
        connection.close()
        if error.errno == errno.ECONNREFUSED:
            port.unlink(missing_ok=True)
        return None
    return connection
