"""``ptrace-net diff A B``: align two logs or recordings and show where their flows part.

Exit status: 0 when nothing that matters differs, 1 when it does, 125 when a file cannot be read.
"""

import argparse

from ptrace_net.record.commands.common import Parser, guarded, write_file, write_lines
from ptrace_net.record.diff.report import diff
from ptrace_net.record.diff.text import CONTEXT, LISTED, render
from ptrace_net.record.load import load


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser("ptrace-net diff", description="Align two logs by task and flow of calls.")
    made.add_argument("left", metavar="A", help="recording, strace log or kernel log")
    made.add_argument("right", metavar="B", help="the same; the two need not be of one kind")
    made.add_argument(
        "--left-format", metavar="FORMAT", help="strace, arceos, zcore, asterinas or a mapping FILE.toml"
    )
    made.add_argument("--right-format", metavar="FORMAT", help="the same for B")
    made.add_argument("--html", metavar="FILE", help="write the comparison side by side as HTML too")
    made.add_argument(
        "--context", type=int, default=CONTEXT, metavar="N", help="calls around the first divergence"
    )
    made.add_argument("--all", action="store_true", help="list every divergence")
    made.add_argument(
        "--every-call", action="store_true", help="compare calls that are not about sockets, too"
    )
    return made


def main(argv: list[str]) -> int:
    """Run the command with `argv` (without its name)."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    left, right = load(options.left, options.left_format), load(options.right, options.right_format)
    report = diff(left, right, options.every_call)
    listed = len(report.pairs) if options.all else LISTED
    write_lines(render(report, options.context, listed))
    if options.html:
        from ptrace_net.report.html.side_by_side import render as page

        write_file(options.html, page(report))
    return 0 if report.first is None else 1
