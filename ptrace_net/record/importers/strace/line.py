"""The frame of strace's lines: who, when, and what kind of line it is.

15086 close(3) = 0                                  -f -o FILE
[pid 15086] 12:34:56.789 close(3) = 0               -f, -t -tt -ttt
15086      0.000123 close(3) = 0 <0.000004>         -r, -T
15086<nginx> [  41] [00007f5df3f0c47a] socket(…) = 3  -Y (or --decode-pids=comm), -n, -i
15092 epoll_wait(6,  <unfinished ...>
15092 <... epoll_wait resumed>[], 1024, 1) = 0
15087 --- SIGCHLD {…} ---      15088 +++ exited with 0 +++
 > /usr/lib/libc.so.6(bind+0x7) [0x1023a7]          -k: not of interest, nor are -C's table, -e read's dumps
"""

import re
from typing import Literal, NamedTuple

from ptrace_net.record.importers.strace.literals import decimal

Kind = Literal["call", "resumed", "signal", "exit", "tail", "attach", "other", "empty"]

_AHEAD = r"(?:\[\s*\d{1,4}\]|\[[0-9a-f]{8,16}\]|\[\?+\]|[a-z_<+\-\d?(])"
_TASK = re.compile(rf"\[pid\s+(\d+)(?:<[^>]*>)?\]\s*|(\d+)(?:<[^>]*>)?\s+(?={_AHEAD})")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d):(\d\d)(?:\.(\d+))?\s+")
_EPOCH = re.compile(r"(\d{9,12}(?:\.\d{1,9})?)\s+")
_RELATIVE = re.compile(r"\(?\+?\s*(\d{1,6}\.\d{6,9})\)?\s+")
_CALL = re.compile(r"([a-z_][a-z0-9_]*)\(")
_PLACE = re.compile(r"(?:\[(?:\s*\d{1,4}|[0-9a-f]{8,16}|\?+)\]\s+){1,2}(?=[a-z_<+\-?])")
_BESIDE = re.compile(
    r" > .*\[0x[0-9a-f]+\]$| > unexpected_backtracing_error| \| [0-9a-f]{5,}  .*\|$"
    r"| \* \d+ bytes in buffer \d+$"
    r"|% time +seconds +usecs/call|-{6} -{11} -{11}|\s*\d+\.\d\d +\d+\.\d{6} +\d+ +\d+ +(?:\d+ +)?\w+$"
)
_RESUMED = re.compile(r"<\.\.\. ([a-z_][a-z0-9_]*) resumed>,?\s?|<\.\.\. resumed>\s?")
_SIGNAL = re.compile(r"--- (.*) ---\s*$")
_EXIT = re.compile(r"\+\+\+ (.*) \+\+\+\s*$")
_TAIL = re.compile(r"(.*?)\)\s*= +(?=-?\d|\?|0x)")
_ATTACH = re.compile(r"(?:strace: )?\[? ?Process (?:PID=)?(\d+) (.*)")


class Line(NamedTuple):
    """One line taken apart. `name` is the call's, `rest` is what follows the frame, at `column` (from 1).

    `clock` is seconds, `relative` tells that they count from the line before.
    """

    kind: Kind
    task: int | None
    clock: float | None
    relative: bool
    name: str
    rest: str
    column: int


def split(text: str) -> Line:
    """Take `text`, one line without its newline, apart."""
    text = text.rstrip("\r\n")
    if _BESIDE.match(text):
        return Line("empty", None, None, False, "", "", 1)
    position, task, clock, relative = 0, None, None, False
    if found := _TASK.match(text):
        task, position = decimal(found[1] or found[2]), found.end()
    if found := _RELATIVE.match(text, _skip_blanks(text, position)):
        clock, relative, position = float(found[1]), True, found.end()
    if found := _CLOCK.match(text, position):
        position = found.end()
        clock, relative = (clock, relative) if relative else (_seconds(found), False)
    elif found := _EPOCH.match(text, position):
        clock, relative, position = float(found[1]), False, found.end()
    if found := _RELATIVE.match(text, _skip_blanks(text, position)):
        position = found.end()
    if task is None and (found := _TASK.match(text, position)):
        task, position = decimal(found[1] or found[2]), found.end()
    position = _skip_blanks(text, position)
    if found := _PLACE.match(text, position):
        position = found.end()
    kind, name, rest, shift = _classify(text[position:])
    return Line(kind, task, clock, relative, name, rest, position + shift + 1)


def _skip_blanks(text: str, position: int) -> int:
    while text[position : position + 1] in (" ", "\t"):
        position += 1
    return position


def _seconds(found: re.Match[str]) -> float:
    return decimal(found[1]) * 3600 + decimal(found[2]) * 60 + decimal(found[3]) + float(f"0.{found[4] or 0}")


def _classify(text: str) -> tuple[Kind, str, str, int]:
    if not text:
        return "empty", "", "", 0
    for kind, pattern in _FRAMES:
        if found := pattern.match(text):
            name = next((group for group in found.groups() if group), "") if found.re.groups else ""
            if kind in ("call", "resumed"):
                return kind, name, text[found.end() :], found.end()
            return kind, name, text, 0
    return "other", "", text, 0


_FRAMES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("call", _CALL),
    ("resumed", _RESUMED),
    ("signal", _SIGNAL),
    ("exit", _EXIT),
    ("attach", _ATTACH),
    ("tail", _TAIL),
)
