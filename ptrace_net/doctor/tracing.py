"""Whether one process may look into another: ptrace(2), pidfds, memory, Yama; each tried on a child."""

from __future__ import annotations

import ctypes
import os

from ptrace_net.diagnose import ptrace_remedy
from ptrace_net.doctor.child import child, sleep, status_of
from ptrace_net.doctor.finding import LIMITED, MISSING, OK, Finding
from ptrace_net.tracer import binding, memory
from ptrace_net.tracer.spawn import PR_SET_PTRACER
from ptrace_net.tracer.task import duplicate
from ptrace_net.tracer.thread import own_pidfd

_KNOWN = b"what stands here is known to both of a fork"
_buffer = ctypes.create_string_buffer(_KNOWN)
_prctl = ctypes.CDLL(None).prctl


def seize() -> Finding:
    what = "ptrace"
    with child(sleep) as pid:
        try:
            binding.seize(pid, binding.PTRACE_O_TRACESYSGOOD | binding.PTRACE_O_EXITKILL)
            binding.request(binding.PTRACE_INTERRUPT, pid)
            os.waitpid(pid, binding.WALL)
        except OSError as error:
            return Finding(what, MISSING, f"refused: {os.strerror(error.errno or 0)}", ptrace_remedy())
        try:
            binding.syscall_entry(pid)
        except OSError:
            return Finding(what, MISSING, "no PTRACE_GET_SYSCALL_INFO (Linux 5.3)", "a newer kernel")
    return Finding(what, OK, "-t, --record and attach; runs without user notification")


def pidfds() -> Finding:
    what = "descriptors of another process (pidfd_getfd)"
    with child(sleep) as pid:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            return Finding(what, MISSING, f"no pidfd_open: {os.strerror(error.errno or 0)}", "Linux 5.6")
        try:
            os.close(duplicate(pidfd, 2))
        except OSError as error:
            return Finding(what, MISSING, f"refused: {os.strerror(error.errno or 0)}", _container())
        finally:
            os.close(pidfd)
    return Finding(what, OK, "a program's sockets are reached for a moment")


def _container() -> str:
    return "Linux 5.6; in a container its seccomp filter must allow it (Docker: --cap-add=SYS_PTRACE)"


def threads() -> Finding:
    what = "pidfds of threads"
    try:
        os.close(own_pidfd())
    except OSError:
        return Finding(what, MISSING, "the kernel does not offer them (Linux 6.9)", "--engine ptrace")
    return Finding(what, OK, "the notification engine knows threads by them")


def remote_memory() -> Finding:
    what = "memory of another process"
    with child(sleep) as pid:
        if _reads(pid):
            return Finding(what, OK, "process_vm_readv reads a program's addresses")
    return Finding(what, MISSING, "process_vm_readv is refused", _container())


def relatives() -> Finding:
    """Programs of other commands are no children of the supervisor: Yama may mind."""
    what = "memory of programs that join"
    if _sibling_reads(allowed=False):
        return Finding(what, OK, "--join works for every program")
    remedy = "`sysctl kernel.yama.ptrace_scope=0`, or run as root"
    if _sibling_reads(allowed=True):
        told = "of a joined command the first process alone is served, not what it forks (Yama)"
        return Finding(what, LIMITED, told, remedy)
    return Finding(what, MISSING, "--join does not work: processes may not look at each other", remedy)


def children() -> Finding:
    what = "/proc/PID/task/TID/children"
    if os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return Finding(what, OK, "a supervisor that dies takes its programs with it")
    return Finding(what, MISSING, "programs may outlive a killed supervisor", "CONFIG_PROC_CHILDREN=y")


def _sibling_reads(*, allowed: bool) -> bool:
    """Whether one child reads the other's memory, which has (or has not) allowed it (PR_SET_PTRACER)."""
    ready, told = os.pipe()

    def be_read() -> int:
        if allowed:
            _prctl(PR_SET_PTRACER, ctypes.c_ulong(2**64 - 1), 0, 0, 0)
        os.write(told, b"r")
        return sleep()

    with child(be_read) as pid:
        os.read(ready, 1)
        os.close(ready)
        os.close(told)
        return status_of(lambda: int(not _reads(pid))) == 0


def _reads(pid: int) -> bool:
    """Whether a forked process's copy of a constant can be read: it lies where ours does."""
    return memory.read_checked(pid, ctypes.addressof(_buffer), len(_KNOWN)) == _KNOWN
