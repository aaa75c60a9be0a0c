"""`-b`: the command returns when the program's first process has exited, which is how daemons say that they
are ready; what stays is supervised on.

The process that the shell waits for forks the supervisor. That one stays in the terminal's session as long as
the first process lives, so that ^C and job control are as without `-b`, and leaves it then: a session of its
own, no terminal, nothing held open (daemon(7)).
"""

from __future__ import annotations

import os
import select
import struct
import threading
from typing import TYPE_CHECKING

from ptrace_net import signals
from ptrace_net.failure import complain

if TYPE_CHECKING:
    from ptrace_net.run import Engine

_STATUS = struct.Struct("=i")
_inherited: list[int] = []
_PATIENCE = 10.0  # seconds before we say what we wait for


class Foreground:
    """The waiting command, as the supervisor sees it: the pipe by which it is let go."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def begin(self, engine: Engine) -> None:
        """Let it go when the first process has exited; end the run should it be killed before."""

        def ended() -> None:
            with self._lock:
                if self._pipe < 0:
                    return
                detach()
                os.write(self._pipe, _STATUS.pack(engine.status))
                os.close(self._pipe)
                self._pipe = -1

        signals.start_thread(self._watch, engine, self._pipe)
        engine.root_ended = ended
        if not engine.root_is_alive():  # an engine that reaps in a thread of its own may have been faster
            ended()

    def _watch(self, engine: Engine, pipe: int) -> None:
        poll = select.poll()
        poll.register(pipe, 0)
        poll.poll()
        with self._lock:
            if self._pipe >= 0:  # nobody reads it any more, and the first process has not ended
                engine.abandoned()
                os._exit(125)


def split() -> Foreground:
    """Returns in the process that is to supervise; the other waits and never returns."""
    _inherited.extend(fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and _is_inherited(fd))
    read, write = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(read)
        return Foreground(write)
    os.close(write)
    signals.pass_on(signals.send_to(lambda: [supervisor]), lambda number: None)
    if not select.select([read], [], [], _PATIENCE)[0]:
        complain("-b waits for the first process to exit; one that never does is put behind by `&`")
    told = os.read(read, _STATUS.size)
    status = _STATUS.unpack(told)[0] if told else os.waitpid(supervisor, 0)[1]
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _is_inherited(fd: int) -> bool:
    """Whether we were started with ``fd``: what we open ourselves is not for others."""
    try:
        return os.get_inheritable(fd)
    except OSError:  # the listing's own, closed by now
        return False


def detach() -> None:
    """Leave the session, the terminal, the folder, and the files that we were started with."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(null)
    for fd in _inherited:
        os.close(fd)
