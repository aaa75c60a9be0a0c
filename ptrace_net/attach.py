"""`ptrace-net attach PID`: trace or record the socket calls of a running process, and let it go again.

Nothing is filtered and nothing serviced: every thread is seized (ptrace(2)) and stops at every call. On ^C or
SIGTERM each thread is interrupted and detached where it stops, a signal on its way delivered with it.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from typing import TYPE_CHECKING

from ptrace_net.diagnose import ptrace_remedy
from ptrace_net.failure import OWN_FAILURE, Failure, complain
from ptrace_net.report.record_options import add_options, check
from ptrace_net.syscalls.seam import NATIVE
from ptrace_net.tracer import binding
from ptrace_net.tracer.engine import Engine
from ptrace_net.tracer.registers import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

CAP_SYS_PTRACE = 1 << 19
_SYSCALL_STOP = signal.SIGTRAP | 0x80


def main(argv: list[str]) -> int:
    """The exit status: 0 when the process has ended or was let go, 125 when it cannot be traced."""
    about = "Trace or record a running program."
    parser = argparse.ArgumentParser(prog="ptrace-net attach", description=about)
    parser.add_argument("pid", type=int, metavar="PID")
    parser.add_argument("-t", dest="trace", action="store_const", const="-", help="show the calls (default)")
    parser.add_argument("--trace", metavar="FILE", help="write them to a file")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    add_options(parser)
    try:
        options = parser.parse_args(argv)
        check(parser, options)
    except SystemExit as usage:
        return OWN_FAILURE if usage.code else 0
    try:
        if options.record is not None:
            record(options)
        else:
            attach(options.pid, options.trace or "-", options.json)
    except Failure as failure:
        complain(str(failure))
        return failure.status
    return 0


def attach(pid: int, destination: str, json: bool) -> None:
    """Trace ``pid`` until it ends or a signal says so. Raises Failure."""
    from ptrace_net.report.observe import observed

    engine = Engine(lambda call: NATIVE, machine(), every_call=True)
    engine.dispatch = observed(engine.dispatch, engine, destination, json)
    session = Session(engine)
    seize_all(engine, pid)
    session.run()


def record(options: argparse.Namespace) -> None:
    """Record the process, and trace it too where asked. Raises Failure."""
    from ptrace_net.report.record import Order, Recorder

    told = {"attached": options.pid}
    recorder = Recorder(Order(options.record, options.record_payload, options.record_io, told))
    engine = recorder.engine(lambda call: NATIVE, machine(), every_call=True)
    engine.dispatch = recorder.observed(engine.dispatch, engine, options.trace, options.json)
    session = Session(engine)
    seize_all(engine, options.pid)
    recorder.found(options.pid, engine.tracees)
    session.run()


def seize_all(engine: Engine, pid: int) -> None:
    """Seize every thread, also those that are made meanwhile. Raises Failure."""
    while new := [tid for tid in _threads(pid) if tid not in engine.tracees]:
        for tid in new:
            try:
                engine.seize(tid, exit_kill=False)
                binding.request(binding.PTRACE_INTERRUPT, tid)
            except ProcessLookupError:
                continue  # a thread that ended, or a zombie
            except OSError as error:
                raise Failure(refused(pid, error)) from None
        if not engine.tracees:
            raise Failure(f"no process {pid}: it has ended")


def _threads(pid: int) -> Iterator[int]:
    try:
        names = os.listdir(f"/proc/{pid}/task")
    except OSError:
        raise Failure(f"no process {pid}: `ps -e` lists what runs") from None
    return map(int, names)


def refused(pid: int, error: OSError) -> str:
    """Why ``pid`` cannot be traced, with the remedy."""
    if pid == os.getpid():
        return "a process cannot trace itself"
    tracer = _status(pid, "TracerPid")
    if tracer not in ("0", ""):
        return f"process {pid} is already traced by process {tracer}: end that one first"
    if _status(pid, "VmSize") == "":
        return f"process {pid} is a thread of the kernel: it makes no system calls"
    if error.errno != errno.EPERM:
        return f"process {pid} cannot be traced: {error.strerror}"
    owner = _status(pid, "Uid").split()[:1]
    if os.geteuid() and owner != [str(os.geteuid())]:
        return f"process {pid} belongs to user {' '.join(owner)}: run as that user or as root"
    if os.geteuid() and not _is_dumpable(pid):
        return f"process {pid} may not be dumped (prctl(2), PR_SET_DUMPABLE): run as root"
    own = _capabilities("self")
    if not own & CAP_SYS_PTRACE and (more := _capabilities(pid) & ~own):
        return f"process {pid} has capabilities that you have not ({more:#x}): run with CAP_SYS_PTRACE"
    if _yama() == "1" and os.geteuid():
        remedy = "run as root, or `sysctl kernel.yama.ptrace_scope=0`"
        return f"process {pid} may be traced by its parents only: {remedy}"
    return f"process {pid} may not be traced: {ptrace_remedy()}"


def _is_dumpable(pid: int) -> bool:
    """proc(5): the files of a process that is not belong to root."""
    try:
        return os.stat(f"/proc/{pid}/fd").st_uid == os.geteuid()
    except OSError:
        return True


def _capabilities(pid: int | str) -> int:
    """The permitted ones, which ptrace(2) compares; bits as in capabilities(7)."""
    return int(_status(pid, "CapPrm") or "0", 16)


def _status(pid: int | str, key: str) -> str:
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((line.split(":", 1)[1].strip() for line in status if line.startswith(key + ":")), "")
    except OSError:
        return ""


def _yama() -> str:
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope") as scope:
            return scope.read().strip()
    except OSError:
        return ""


class Session:
    """Serves stops until no thread is left, or until told to let go of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._leaving = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: self.leave())

    def leave(self) -> None:
        """Interrupt every thread; each is detached at its next stop."""
        self._leaving = True
        for tid in list(self._engine.tracees):
            self._interrupt(tid)

    @staticmethod
    def _interrupt(tid: int) -> None:
        try:
            binding.request(binding.PTRACE_INTERRUPT, tid)
        except ProcessLookupError:
            return  # gone, or detached already

    def run(self) -> None:
        engine = self._engine
        if self._leaving:
            self.leave()
        while engine.tracees:
            try:
                tid, status = engine.reports.next(several=len(engine.tracees) > 1)
            except ChildProcessError:
                return
            if self._leaving and os.WIFSTOPPED(status):
                self._detach(tid, status)
            else:
                engine.handle(tid, status)

    def _detach(self, tid: int, status: int) -> None:
        """At any stop: a signal that was about to be delivered still is."""
        number, event = os.WSTOPSIG(status), status >> 16
        pending = 0 if event or number == _SYSCALL_STOP else number
        try:
            binding.request(binding.PTRACE_DETACH, tid, 0, pending)
        except ProcessLookupError:
            return  # killed in the meantime: its exit is reported next
        self._engine.tracees.pop(tid, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
