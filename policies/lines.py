"""On which line a key of a TOML document is written: tomllib does not tell.

Follows table headers, keys and brackets, not values; a document that tomllib accepts is read rightly, any
other harmlessly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*(.*?)\s*\]\]?\s*(?:#.*)?$")
_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)""")
_STRING = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*')


def locate(text: str) -> dict[Path, int]:
    """The line of every key by its path; elements of an array of tables are counted from 0."""
    found: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    quote, depth = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not quote and not depth:
            header = _HEADER.match(line)
            if header:
                table = _table(keys_of(header[2])[0], header[1] == "[[", arrays)
                for length in range(1, len(table) + 1):
                    found.setdefault(table[:length], number)
                continue
            parts, end = keys_of(line)
            if parts and line[end:].lstrip().startswith("="):
                for length in range(1, len(parts) + 1):
                    found.setdefault((*table, *parts[:length]), number)
        quote, depth = _balance(line, quote, depth)
    return found


def line_of(found: Mapping[Path, int], path: Path) -> int:
    """The line of ``path``, or of the nearest key above it."""
    for length in range(len(path), 0, -1):
        if path[:length] in found:
            return found[path[:length]]
    return 1


def _table(parts: Path, element: bool, arrays: dict[Path, int]) -> Path:
    """The path that a header opens: inside an array of tables it is the array's last element."""
    path: Path = ()
    for place, part in enumerate(parts):
        path = (*path, part)
        if element and place == len(parts) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


def keys_of(text: str) -> tuple[Path, int]:
    """The dotted key at the beginning of ``text``, and where it ends."""
    parts: list[str | int] = []
    at = 0
    while match := _PART.match(text, at):
        quoted, literal, bare, dot = match.groups()
        parts.append(_unescaped(quoted) if quoted is not None else bare if literal is None else literal)
        at = match.end()
        if not dot:
            break
    return tuple(parts), at


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _balance(line: str, quote: str, depth: int) -> tuple[str, int]:
    """The multi-line string and the brackets that are open after ``line``."""
    at = 0
    while at < len(line):
        if quote:
            end = line.find(quote, at)
            if end < 0:
                return quote, depth
            at, quote = end + 3, ""
            continue
        string = _STRING.match(line, at)
        if string:
            if string[0] in ('"""', "'''"):
                quote = string[0]
            at = string.end()
            continue
        depth = max(0, depth + (line[at] in "[{") - (line[at] in "]}"))
        at += 1
    return quote, depth
