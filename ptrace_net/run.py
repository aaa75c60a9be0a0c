"""`ptrace-net [run] -- PROGRAM`: choose the engine, start the program, supervise it to the end."""

from __future__ import annotations

import errno
import gc
import os
import resource
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ptrace_net import signals
from ptrace_net.failure import Failure

if TYPE_CHECKING:
    from ptrace_net.options import Options
    from ptrace_net.policies.values import Policy

# Sockets live for seconds: the usual thresholds look through all of them again and again (gc.set_threshold).
_COLLECT_AFTER = 20_000, 20, 50


# What a limit makes of open(2), fork(2), mmap(2).
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)


class Engine(Protocol):
    """What every engine offers to a run."""

    kind: str  # as --engine has it
    root: int
    status: int
    root_ended: Callable[[], None]  # called when the first process has exited; ``status`` is known then

    def run(self) -> None: ...
    def abandoned(self) -> None:
        """The process that would have ended the run in our place is gone."""

    def root_is_alive(self) -> bool: ...
    def thread_groups(self) -> set[int]: ...


def run(options: Options) -> int:
    """Run the program under supervision; the exit status to give. Raises Failure."""
    signals.hold()
    foreground = None
    if options.background:
        from ptrace_net import background

        foreground = background.split()
    try:
        engine = _start(options)
    except OSError as error:
        if error.errno not in _SCARCE:
            raise
        raise Failure(f"the program cannot be started: {error.strerror}; see `ulimit -a`") from None
    if foreground is not None:
        foreground.begin(engine)
    raise_descriptor_limit()  # ours, after the program has inherited what it should
    return supervise(engine)


def _start(options: Options) -> Engine:
    if options.join is not None:
        from ptrace_net.lab.join import start as start_joined

        return start_joined(options)
    if _choose(options) == "notify":
        from ptrace_net.start_notify import start as start_notify

        return start_notify(options)
    from ptrace_net.start_ptrace import start as start_ptrace

    return start_ptrace(options)


def _maps_packets(options: Options) -> bool:
    """Whether the program captures with libpcap, whose rings only ptrace can let it map."""
    if options.net == "host":
        return False
    from ptrace_net.views.mentions import mentions

    return mentions(options.argv[0], (b"libpcap.so",))


def _choose(options: Options) -> str:
    """The engine for a run: notifications where nothing needs ptrace and the kernel offers them."""
    observer = "--record" if options.record is not None else "a trace" if options.trace is not None else ""
    notify = options.engine == "notify" or options.name is not None
    if notify and observer:
        raise Failure(f"{observer} needs the ptrace engine, which sees results: no --engine, no --name")
    if options.engine == "ptrace" or observer or options.collector is not None:
        return "ptrace"
    if options.engine == "auto" and options.name is None and os.isatty(0):
        return "ptrace"  # whose job control is exact: one thread sees stops and makes them ours
    if options.engine == "auto" and not notify and _maps_packets(options):
        return "ptrace"
    from ptrace_net.tracer.probe import notify_obstacle

    obstacle = notify_obstacle()
    if obstacle is not None and notify:
        raise Failure(obstacle)
    return "notify" if obstacle is None and (notify or _may_notify(options.policy)) else "ptrace"


def _may_notify(policy: Policy) -> bool:
    """Whether the notification engine can do what the policy says."""
    if not policy.restricts:
        return True
    from ptrace_net.policing.layer import check_notify

    try:
        check_notify(policy)
    except Failure:
        return False
    return True


def supervise(engine: Engine) -> int:
    """Serve until the last task is gone; the exit status to give."""

    def targets() -> list[int]:
        return [engine.root] if engine.root_is_alive() else list(engine.thread_groups())

    def from_terminal(number: int) -> None:
        """The program got it too; what outlived the program is ended."""
        if not engine.root_is_alive():
            signals.send_to(targets)(signal.SIGTERM)

    signals.pass_on(signals.send_to(targets), from_terminal, engine.abandoned)
    gc.freeze()  # what was imported stays
    gc.set_threshold(*_COLLECT_AFTER)
    engine.run()
    return exit_status(engine.status)


def exit_status(status: int) -> int:
    """The shell's view of a wait status: 128 + n for a signal."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def raise_descriptor_limit() -> None:
    """One pidfd per process of the run: use what the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
