"""connect(2) to a listener whose queue is full: it is tried again, for as long as Linux repeats a SYN.

The backing socket's own connect would sleep until there is room, and we with it.
"""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import Park

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor
    from ptrace_net.syscalls.seam import Resume

SO_SNDTIMEO = 21
_PATIENCE = 127.0  # seconds; net.ipv4.tcp_syn_retries: after 1, 2, 4... of them, six times
_TRY_EVERY = 0.1


def wait(reactor: Reactor, handle: int) -> Park:
    """The answer for ``handle``, which blocks."""

    def start(resume: Resume) -> None:
        def again() -> None:
            resume()

        reactor.call_at(time.monotonic() + _TRY_EVERY, again)

    timeout = hostcalls.get_timeout(handle, SO_SNDTIMEO)
    if timeout is None:
        return Park(start, _PATIENCE, errno.ETIMEDOUT)
    return Park(start, timeout, errno.EINPROGRESS, restart=False)
