"""`ptrace-net ss [NAME|PID]`: the sockets of runs, as ss(8) shows the host's."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ptrace_net.failure import Failure, complain
from ptrace_net.lab.command import command
from ptrace_net.lab.entrance import supervisors
from ptrace_net.lab.table import table
from ptrace_net.lab.visitor import Gone, answers, wanted

_HEAD = ("Run", "Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Process")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ptrace-net ss", description="Show the sockets of runs.")
    parser.add_argument("run", nargs="?", metavar="NAME|PID", help="of this run alone")
    parser.add_argument("--json", action="store_true", help="one JSON object for each socket")
    return command(parser, argv, _show)


def _show(options: argparse.Namespace) -> int:
    """The exit status: 125 where a run does not answer."""
    rows: list[tuple[str, ...]] = [_HEAD]
    status = 0
    for found in supervisors() if options.run is None else [wanted(options.run)]:
        title = found.name or str(found.pid)
        try:
            for socket in answers(found, "sockets"):
                if options.json:
                    print(json.dumps({"run": title, **socket}))
                rows.append((title, *_row(socket)))
        except Gone:
            if options.run is not None:
                raise
        except Failure as failure:
            complain(str(failure))
            status = failure.status
    if not options.json:
        print(table(rows))
    return status


def _row(socket: dict[str, Any]) -> tuple[str, ...]:
    users = ",".join('("{comm}",pid={pid},fd={fd})'.format_map(user) for user in socket["users"])
    queues = ("-" if socket[key] is None else str(socket[key]) for key in ("recv_q", "send_q"))
    names = (socket["local"], socket["peer"])
    return (socket["netid"], socket["state"], *queues, *names, f"users:({users})")
