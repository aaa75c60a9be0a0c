"""The connection on the wire of a program's TCP socket: between the socket layer and the pump."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.registry import sockets_of
from ptrace_net.sockets.wire import information, options
from ptrace_net.sockets.wire.pump import Pump
from ptrace_net.syscalls.seam import Fail, Park

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.sockets.wire.outside import Wire
    from ptrace_net.stack.tcp.socket import TcpSocket

SO_SNDTIMEO = 21
_INT = struct.Struct("=i")


class End:
    """Implements ``pump.Program`` and ``emulated.stream.End``. Without ``sock`` it waits to be accepted."""

    __slots__ = ("_parked", "_target", "_wire", "pump", "sock")

    def __init__(self, wire: Wire, handle: TcpSocket, fd: int) -> None:
        self._wire = wire
        self.sock: Stream | None = None
        self._target: Name | None = None
        self._parked: list[Callable[[], bool]] = []
        self.pump = Pump(handle, fd, self, wire.lane)

    # What the socket layer says

    def connecting(self, sock: Stream, handle: int, target: Name) -> None:
        """``sock``, whose backing socket is ``handle``, has sent its SYN."""
        self.sock, self._target = sock, target
        self.pump.begin(handle)

    def accepted(self, sock: Stream) -> None:
        """The program has accepted the connection: it is ``sock`` now."""
        self.sock = sock

    @property
    def opening(self) -> bool:
        return self.pump.is_opening

    def wait(self, handle: int, unfinished: int) -> Fail | Park:
        """What connect(2) does meanwhile: sleep, or say ``unfinished``."""
        if not hostcalls.is_blocking(handle):
            return Fail(unfinished)
        timeout = hostcalls.get_timeout(handle, SO_SNDTIMEO)
        return Park(self._park, timeout, errno.EINPROGRESS, timeout is None)

    def _park(self, resume: Callable[[], bool]) -> None:
        self._parked.append(resume)
        if not self.opening:
            self._resume()

    def _resume(self) -> None:
        parked, self._parked = self._parked, []
        for resume in parked:
            resume()

    def option_set(self, level: int, option: int, data: bytes) -> None:
        options.apply(self.pump.handle, level, option, data, self._wire.lane.clock())
        self._wire.lane.soon()

    def value(self, level: int, option: int) -> bytes | None:
        """TCP_INFO and TCP_MAXSEG of the connection; None for options that are as they were set."""
        if level != options.IPPROTO_TCP:
            return None
        info = self.pump.handle.info(self._wire.lane.clock())
        if info is None or option not in (options.TCP_INFO, options.TCP_MAXSEG):
            return None
        return information.pack(info) if option == options.TCP_INFO else _INT.pack(info.tcpi_snd_mss)

    def tcp_info(self) -> bytes | None:
        info = self.pump.handle.info(self._wire.lane.clock())
        return None if info is None else information.pack(info)

    def closed(self) -> None:
        """The program has closed its socket."""
        self.pump.close(self._wire.lane.clock())
        self._wire.lane.soon()

    def abandoned(self) -> None:
        """Nobody accepts it any more, or the program disconnects: a reset."""
        self.pump.abort(self._wire.lane.clock())
        self._wire.lane.soon()

    # What the pump asks

    def alive(self) -> bool:
        return self.sock is not None and self._wire.layer.diag.alive(self.sock.inode)

    def borrow(self) -> int:
        return -1 if self.sock is None else self.sock.borrowed()

    def opened(self, error: int) -> None:
        sock = self.sock
        if sock is not None:
            if error:
                sock.error, sock.spent = error, True
                sock.ports.let_go(sock)
            else:
                sock.peer = self._target
        self._resume()

    def failed(self, error: int) -> None:
        if self.sock is not None:
            self.sock.error = error

    def mend(self, error: int, ready: Callable[[], None]) -> bool:
        sock, layer = self.sock, self._wire.layer
        if sock is None or layer.mend is None:
            return False
        everybody = {task.tgid for task in layer.tasks()}
        holders = [tgid for tgid in everybody if any(inode == sock.inode for inode, _ in sockets_of(tgid))]

        def told() -> None:
            sock.error = 0

        return layer.mend(sock.inode, error, holders, ready, told)

    def finished(self) -> None:
        self._wire.ends.discard(self)


