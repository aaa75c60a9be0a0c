"""``ptrace-net show FILE``: a recording or log as text, JSON, packets, statistics, a time line.

Exit status: 0, or 125 when the file cannot be read. What an importer could not recover is counted on
standard error and listed with --lost.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from ptrace_net.record.commands.common import Parser, guarded, write_file, write_lines
from ptrace_net.record.load import load
from ptrace_net.record.model import Call, Log, Record
from ptrace_net.record.render import TEXT_LIMIT, record_text


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser("ptrace-net show", description="Show a recording or a log.")
    made.add_argument(
        "file", metavar="FILE", help="recording, strace log (or PREFIX of strace -ff) or kernel log"
    )
    made.add_argument(
        "--format", metavar="FORMAT", help="what FILE is: strace, arceos, zcore, asterinas, FILE.toml"
    )
    kind = made.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="one JSON object per line")
    kind.add_argument(
        "--stats", action="store_true", help="calls, errors and latencies: a table and a histogram"
    )
    kind.add_argument("--timeline", action="store_true", help="tasks and sockets over time")
    kind.add_argument("--pcapng", metavar="OUT", help="packets synthesized from the flows")
    kind.add_argument("--record", metavar="OUT", help="write it as a recording")
    made.add_argument("--call", metavar="NAME", action="append", help="these calls only; repeatable")
    made.add_argument("--task", metavar="TASK", type=int, action="append", help="this task only; repeatable")
    made.add_argument(
        "-s", dest="size", type=int, default=TEXT_LIMIT, metavar="N", help="bytes shown of a buffer"
    )
    made.add_argument(
        "--lost", action="store_true", help="list what could not be recovered, with line and column"
    )
    return made


def main(argv: list[str]) -> int:
    """Run the command with `argv` (without its name)."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    log = load(options.file, options.format)
    log.records = [record for record in log.records if _chosen(record, options)]
    _output(log, options)
    if log.lost:
        print(f"ptrace-net: {len(log.lost)} things could not be recovered from {log.name}"
              + ("" if options.lost else " (--lost lists them)"), file=sys.stderr)  # fmt: skip
    return 0


def _chosen(record: Record, options: argparse.Namespace) -> bool:
    if options.task and record.task not in options.task:
        return False
    return not options.call or (isinstance(record, Call) and record.name in options.call)


def _output(log: Log, options: argparse.Namespace) -> None:
    if options.pcapng:
        from ptrace_net.record.show.pcapng import render as packets

        write_file(options.pcapng, packets(log))
    elif options.record:
        from ptrace_net.record.format import RecordingWriter

        with RecordingWriter(Path(options.record), {"imported": log.name, "format": log.kind}) as writer:
            for record in log.records:
                writer.write(record)
    else:
        write_lines(_lines(log, options))


def _lines(log: Log, options: argparse.Namespace) -> Iterator[str]:
    if options.json:
        from ptrace_net.record.show.jsonl import lost_json, record_json

        yield from (record_json(record) for record in log.records)
        yield from lost_json(log)
        return
    if options.stats:
        from ptrace_net.record.show.statistics import collect, render

        yield from render(collect(log.calls))
    elif options.timeline:
        from ptrace_net.record.show.timeline import render as timeline

        yield from timeline(log)
    else:
        yield from (record_text(record, options.size) for record in log.records)
    if options.lost:
        yield from (f"lost: {each}" for each in log.lost)
