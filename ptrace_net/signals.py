"""Signals that reach ptrace-net itself: passed on to the program, or its own job control.

A thread waits for them with sigwaitinfo(2), which tells a signal that somebody sent from one of the terminal,
which has told the program's process group already.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable

SI_KERNEL = 0x80
_SIG_DFL, _SIG_IGN = 0, 1
GUARD_LOST = signal.SIGRTMIN + 5
FORWARDED = (
    signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT,
)  # fmt: skip


_held: list[set[int]] = []  # the mask that we were started with, while programs are to get another


def hold() -> None:
    """Let the signals that ``pass_on`` will take wait for it: from now on none of them ends us."""
    _held.append(signal.pthread_sigmask(signal.SIG_BLOCK, {*FORWARDED, GUARD_LOST}))


def go_on() -> None:
    """^Z is not for us: others need us while the program is stopped. After ``hold``."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})


def let_go() -> None:
    """For a new program: the mask as it was before ``hold``."""
    if _held:
        signal.pthread_sigmask(signal.SIG_SETMASK, _held[0])


def pass_on(
    send: Callable[[int], None], from_terminal: Callable[[int], None], guard_lost: Callable[[], None] | None =
    None
) -> None:
    """From now on ``send(number)`` or ``from_terminal(number)`` deals with each signal, in a thread of its
    own.

    ``guard_lost`` is called for GUARD_LOST, which the kernel sends when the parent dies (PR_SET_PDEATHSIG).

    A signal that was ignored when ptrace-net started (nohup, background jobs) is ignored by the program too,
    unless that handles it: so it is passed on, but not taken as the terminal's word to us.
    """
    ignored = {number for number in FORWARDED if signal.getsignal(number) is signal.SIG_IGN}
    wanted = {*FORWARDED, GUARD_LOST}
    # A blocked signal is queued even where it is ignored. SIGCHLD: tracer.reports waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {*wanted, signal.SIGCHLD})

    def wait() -> None:
        while True:
            info = signal.sigwaitinfo(wanted)
            if info.si_signo == GUARD_LOST:
                if guard_lost is not None:
                    guard_lost()
                continue
            if info.si_code != SI_KERNEL:
                send(info.si_signo)
            elif info.si_signo not in ignored:
                from_terminal(info.si_signo)

    threading.Thread(target=wait, daemon=True).start()


def start_thread(target: Callable[..., None], *args: object) -> None:
    """A thread of ours that lasts as long as the process and that no signal is delivered to."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    threading.Thread(target=target, args=args, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def send_to(processes: Callable[[], list[int]]) -> Callable[[int], None]:
    """A ``send`` for ``pass_on``: to each of ``processes()``."""

    def send(number: int) -> None:
        for pid in processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    return send


def stop_with(root: int) -> Callable[[int], None]:
    """What ptrace calls when the program stops: stop too, when the terminal stopped our process group.

    The shell waits for us, not for the program; `fg` continues both. The terminal stops our whole process
    group: were we stopped before we have seen the program stop, we would stop once more after `fg`.
    """
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)

    def stop(number: int) -> None:
        if number == signal.SIGSTOP or _group(root) != os.getpgrp():
            return
        _disposition(signal.SIGTSTP, _SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)  # done when this returns
        _disposition(signal.SIGTSTP, _SIG_IGN)

    return stop


def _disposition(number: int, handler: int) -> None:
    """signal(2), from any thread: Python's own is for the main thread alone."""
    ctypes.CDLL(None).signal(number, ctypes.c_void_p(handler))


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1
