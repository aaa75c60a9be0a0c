"""Every check in turn, and what follows from them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from ptrace_net.doctor import network, notification, system, tracing
from ptrace_net.doctor.finding import MISSING, OK, Check, Finding
from ptrace_net.lab.command import command

CHECKS: tuple[Check, ...] = (
    system.kernel,
    system.packages,
    notification.filters,
    notification.listener,
    notification.descriptors,
    notification.wake_up,
    tracing.threads,
    tracing.pidfds,
    tracing.remote_memory,
    tracing.relatives,
    tracing.seize,
    tracing.children,
    system.privileges,
    system.memfd,
    system.descriptors,
    system.folder,
    network.unix_diag,
    network.ipv6,
    network.tap,
    network.low_ports,
    network.ping,
    system.engine_notify,
    system.engine_ptrace,
)
ENGINES: tuple[Check, ...] = (system.engine_notify, system.engine_ptrace)
_SICK = 1


def main(argv: list[str]) -> int:
    """The exit status: 0 where programs can be run, 1 where neither engine works."""
    parser = argparse.ArgumentParser(
        prog="ptrace-net doctor",
        description="Try what ptrace-net needs, and say what helps where something is missing.",
        epilog="Exit status: 0 where an engine works, 1 where none does.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each check")
    return command(parser, argv, _examine)


def _examine(options: argparse.Namespace) -> int:
    found = []
    for check in CHECKS:
        finding = check()
        found.append((check, finding))
        print(json.dumps(finding._asdict()) if options.json else text(finding), flush=True)
    engines = [finding for check, finding in found if check in ENGINES]
    if not options.json:
        print(summary([finding for _, finding in found], engines))
    return 0 if any(finding.state == OK for finding in engines) else _SICK


def text(finding: Finding) -> str:
    """A line, and another one for the remedy."""
    line = f"{finding.state:8}{finding.what}: {finding.told}"
    return f"{line}\n{'':8}=> {finding.remedy}" if finding.remedy and finding.state != OK else line


def summary(found: Sequence[Finding], engines: Sequence[Finding]) -> str:
    works = [finding.what.rpartition(" ")[2] for finding in engines if finding.state == OK]
    missing = sum(finding.state == MISSING for finding in found)
    if not works:
        return "No engine works here: programs cannot be run."
    verb = "is" if missing == 1 else "are"
    end = f"{missing} of {len(found)} {verb} missing" if missing else "nothing is missing"
    return f"Programs can be run (engines: {', '.join(works)}); {end}."
