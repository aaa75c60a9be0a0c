"""What the kernel lets the notification engine do, found out by asking it and not by its version.

``seccomp(2)`` looks at the filter (EFAULT) once it knows the flag (else EINVAL). Pidfds of threads came after
everything else that is needed, ADDFD with SEND among it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from ptrace_net.tracer.filter import ALLOW
from ptrace_net.tracer.spawn import (
    SECCOMP_FILTER_FLAG_NEW_LISTENER,
    SECCOMP_NUMBER,
    SECCOMP_SET_MODE_FILTER,
    install_filter,
)
from ptrace_net.tracer.task import duplicate
from ptrace_net.tracer.thread import own_pidfd

_ALLOW_ALL = struct.pack("=HBBI", 0x06, 0, 0, ALLOW)
_REMEDY = "use --engine ptrace"
_libc = ctypes.CDLL(None, use_errno=True)


def notify_obstacle() -> str | None:
    """Why the notification engine cannot be used here, and what else to do; None when it can."""
    if not _knows_listeners():
        return f"the kernel has no seccomp user notification: {_REMEDY}"
    try:
        pidfd = own_pidfd()
    except OSError:
        return f"the kernel has no pidfds of threads (Linux 6.9): {_REMEDY}"
    try:
        os.close(duplicate(pidfd, pidfd))
    except OSError as error:
        return f"pidfd_getfd is refused ({os.strerror(error.errno or errno.EPERM)}): {_REMEDY}"
    finally:
        os.close(pidfd)
    if _is_filtered() and not _may_listen():
        return f"another supervisor listens to these processes already: {_REMEDY}, or end that one"
    return None


def _knows_listeners() -> bool:
    number, flag = SECCOMP_NUMBER[os.uname().machine], SECCOMP_FILTER_FLAG_NEW_LISTENER
    _libc.syscall(*map(ctypes.c_long, (number, SECCOMP_SET_MODE_FILTER, flag)), None)
    return ctypes.get_errno() == errno.EFAULT


def _is_filtered() -> bool:
    """Whether there is a filter already: one of them may have a listener, and there is but one."""
    try:
        with open("/proc/self/status") as status:
            return any(line.startswith("Seccomp:") and line.split()[1] != "0" for line in status)
    except OSError:
        return True


def _may_listen() -> bool:
    """Try it in a child: a filter is never taken off again."""
    pid = os.fork()
    if pid == 0:
        try:
            install_filter(_ALLOW_ALL, SECCOMP_FILTER_FLAG_NEW_LISTENER)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0
