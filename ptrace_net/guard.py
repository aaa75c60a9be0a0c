"""Without ptrace's EXITKILL somebody must end the programs when their supervisor is killed: the process it
came from.

``split`` forks: the parent stays behind as the guard, takes the signals and gives the exit status; the child
supervises. Both are subreapers (PR_SET_CHILD_SUBREAPER), so that daemons never leave the tree below them.
"""

from __future__ import annotations

import ctypes
import os
import signal

from ptrace_net import signals
from ptrace_net.tracer import descendants

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

_libc = ctypes.CDLL(None)


def split(*, background: bool = False) -> None:
    """Returns in the supervisor; the guard never returns. ``background``: it has no part in the session."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    supervisor = os.fork()
    if supervisor == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signals.GUARD_LOST})
        _libc.prctl(PR_SET_PDEATHSIG, signals.GUARD_LOST, 0, 0, 0)
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        return
    if background:
        from ptrace_net.background import detach

        detach()
    signals.pass_on(signals.send_to(lambda: [supervisor]), lambda number: None)
    status = _wait_for(supervisor)
    descendants.kill(os.getpid())
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _wait_for(supervisor: int) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == supervisor:
            return status
