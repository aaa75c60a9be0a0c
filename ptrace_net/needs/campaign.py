"""The search of `needs --check`: trials side by side, results kept as they come, the report at the end."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from typing import Any

from ptrace_net.failure import Failure, complain
from ptrace_net.needs import report
from ptrace_net.needs.collect import feature_of
from ptrace_net.needs.profile import only, without
from ptrace_net.needs.search import Found, Group, search
from ptrace_net.needs.trial import Outcome, Trial, halted, perform
from ptrace_net.policies.values import Policy

FASTEST = 2.0  # a run is given at least so many seconds, and so many times what the first one took
PATIENCE = 5.0
INTERRUPTED = 130


def campaign(options: argparse.Namespace, program: list[str], against: dict[str, Policy]) -> int:
    """Search, and tell. The exit status; raises Failure."""
    state = State(options.state, [program, options.check, options.check_exit, options.net, options.policy])
    executor = _executor(options)
    try:
        trials = Trials(options, program, state, executor)
        if not state.rows and not trials.first():
            return 1
        features = tuple(feature_of(row) for row in report.ordered(state.rows))
        found = search(features, trials.test)
        found = found._replace(instead=trials.instead(found.tolerated))
        _finish(options, trials, state, found, against)
    except KeyboardInterrupt:
        halted.set()
        kept = f"; the same command goes on from {options.state}" if options.state else ""
        complain(f"interrupted after {state.runs} runs{kept}")
        return INTERRUPTED
    finally:
        executor.shutdown(wait=not halted.is_set())
    return 0


def _executor(options: argparse.Namespace) -> Executor:
    if options.scheduler is None:
        return ThreadPoolExecutor(max(1, options.jobs))
    try:
        from distributed import Client
    except ImportError:
        raise Failure("--scheduler needs Dask: pip install 'ptrace-net[campaign]'") from None
    try:
        connect: Any = Client  # it has no types
        executor: Executor = connect(options.scheduler, timeout=10).get_executor(pure=False)
    except OSError as error:
        raise Failure(f"no scheduler at {options.scheduler}: {error}") from None
    return executor


class State:
    """What is known so far, in a file where one is named: written after every run."""

    def __init__(self, path: str | None, about: list[Any]) -> None:
        self._path, self._about = path, json.loads(json.dumps(about))
        self.rows: list[dict[str, Any]] = []
        self.seconds = 0.0  # what the first run took
        self.results: dict[str, bool] = {}
        self.runs = 0
        if path is not None and os.path.exists(path):
            self._read(path)

    def _read(self, path: str) -> None:
        try:
            with open(path, encoding="utf-8") as file:
                kept = json.load(file)
            about, self.rows, self.seconds = kept["about"], kept["rows"], kept["seconds"]
            self.results = kept["results"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Failure(f"{path}: no state of a search: {error}; remove it to begin anew") from None
        if about != self._about:
            raise Failure(f"{path}: the state of another search; remove it, or name another file")

    def write(self) -> None:
        if self._path is None:
            return
        whole = {"about": self._about, "rows": self.rows, "seconds": self.seconds, "results": self.results}
        try:
            with open(f"{self._path}.part", "w", encoding="utf-8") as file:
                json.dump(whole, file)
            os.replace(f"{self._path}.part", self._path)
        except OSError as error:
            raise Failure(f"{self._path}: {error.strerror}") from None


class Trials:
    """Runs of one program under one check."""

    def __init__(
        self, options: argparse.Namespace, program: list[str], state: State, executor: Executor
    ) -> None:
        self._options, self._state, self._executor = options, state, executor
        self._check = None if options.check_exit else options.check
        self._argv = tuple(program)
        policies = (word for name in options.policy for word in ("--policy", name))
        self._given = ("--net", options.net, *policies)
        self._begun = time.monotonic()

    def first(self) -> bool:
        """The run that collects; whether the check passes."""
        outcome, rows = self._collected("")
        if not outcome.passed:
            complain(f"the check fails with nothing taken away\n{outcome.said}")
            return False
        self._state.rows, self._state.seconds = rows, outcome.seconds
        self._state.write()
        self._say(f"{len(rows)} features in use; the check passes after {outcome.seconds:.1f} s")
        return True

    def instead(self, gone: Group) -> Group:
        """What the program uses without ``gone`` that it has not used with it."""
        known = {feature_of(row) for row in self._state.rows}
        _, rows = self._collected(without(gone))
        return tuple(feature for row in rows if (feature := feature_of(row)) not in known)

    def _collected(self, policy: str) -> tuple[Outcome, list[dict[str, Any]]]:
        from ptrace_net.needs.command import collected, temporary

        path = temporary()
        try:
            outcome = perform(self._trial(policy)._replace(collect=path))
            self._state.runs += 1
            return outcome, collected(path) if outcome.passed else []
        finally:
            shutil.rmtree(os.path.dirname(path), ignore_errors=True)

    def _trial(self, policy: str) -> Trial:
        seconds: float = self._options.seconds
        if self._state.seconds and self._check is not None:
            seconds = min(seconds, max(FASTEST, PATIENCE * self._state.seconds))
        return Trial(self._argv, self._check, seconds, self._given, policy)

    def test(self, groups: Sequence[Group]) -> list[bool]:
        """Whether the check passes without each of ``groups``; what is known is not run again."""
        results = self._state.results
        names = [_name(group) for group in groups]
        left = {name: group for name, group in zip(names, groups, strict=True) if name not in results}
        for _ in range(max(1, self._options.tries)):
            self._run(left)
            left = {name: group for name, group in left.items() if not results[name]}
        return [results[name] for name in names]

    def _run(self, groups: dict[str, Group]) -> None:
        futures: dict[Future[Outcome], str] = {
            self._executor.submit(perform, self._trial(without(group))): name
            for name, group in groups.items()
        }
        for future in as_completed(futures):
            name, outcome = futures[future], future.result()
            if halted.is_set():
                raise KeyboardInterrupt
            self._state.results[name] = outcome.passed
            self._state.runs += 1
            self._state.write()
            said = "passes" if outcome.passed else "fails"
            self._say(f"without {_short(groups[name])}: {said} ({outcome.seconds:.1f} s)")

    def passes(self, policy: str) -> bool:
        """One more run, under a whole policy."""
        self._state.runs += 1
        return perform(self._trial(policy)).passed

    def _say(self, text: str) -> None:
        complain(f"run {self._state.runs}, {time.monotonic() - self._begun:.0f} s: {text}")


def _finish(
    options: argparse.Namespace, trials: Trials, state: State, found: Found, against: dict[str, Policy]
) -> None:
    text = (report.as_json if options.json else report.text)(state.rows, against, found)
    from ptrace_net.needs.command import tell

    tell(options, text)
    kept = (*found.essential, *found.alternatives, *found.instead)
    policy = only(kept, found.tolerated, "what the program needs, and nothing more")
    if not trials.passes(policy):
        complain("with nothing but what is kept the check fails: the profile only lacks what is tolerated")
        policy = without(found.tolerated)
    if options.write is not None:
        _write(options.write, policy)
        complain(f"{options.write}: the smallest profile; {state.runs} runs")
    elif options.output is None and not options.json:
        sys.stderr.write(f"\nthe smallest profile, after {state.runs} runs:\n\n{policy}")


def _write(path: str, policy: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(policy)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None


def _name(group: Group) -> str:
    return "; ".join(sorted(f"{feature.table} {' '.join(feature.words)}" for feature in group))


def _short(group: Group) -> str:
    shown = ", ".join(f"{feature.table} {feature}" for feature in group[:2])
    return shown if len(group) < 3 else f"{shown} and {len(group) - 2} more"
