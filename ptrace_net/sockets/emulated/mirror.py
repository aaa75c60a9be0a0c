"""A TCP socket connected to itself (RFC 9293, 3.5: simultaneous opening): what it writes, it reads."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor

_ROOM = 1 << 16


class Mirror:
    """The other end of the program's backing socket, for as long as that is open."""

    def __init__(self, reactor: Reactor, handle: int) -> None:
        self._reactor, self._handle = reactor, handle
        self._left = b""  # read, and not written back yet
        self._reads = True
        reactor.add(handle, select.EPOLLIN, self._stirred)

    def _stirred(self, events: int) -> None:
        try:
            if not self._left:
                self._left = os.read(self._handle, _ROOM)
                if not self._left:
                    self._close()  # an end of file for an end of file
                    return
            self._left = self._left[os.write(self._handle, self._left) :]
        except BlockingIOError:
            pass
        except OSError:  # the program has closed it
            self._close()
            return
        if self._reads == bool(self._left):
            self._reads = not self._left
            self._reactor.change(self._handle, select.EPOLLIN if self._reads else select.EPOLLOUT)

    def _close(self) -> None:
        self._reactor.remove(self._handle)
        os.close(self._handle)
