"""``ptrace-net explain``: layouts, calls, options, errors and bytes, for people.

Everything comes from the declarations in ``ptrace_net.abi``: ``lookup`` and ``streams`` make a ``Page`` (a
value), and ``text``, ``html``, ``svg`` and ``data`` render it. ``docs`` writes docs/abi/ from the same pages.
"""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run ``explain`` with its arguments; the exit status."""
    from ptrace_net.explain.command import main as command

    return command(argv)
