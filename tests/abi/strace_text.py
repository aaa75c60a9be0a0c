"""What strace prints of a socket call, taken apart: nested structs, arrays and names as plain values.

``parse`` reads one argument: ``{a=1, b="x"}`` becomes a dict, ``[...]`` a list,
    everything else text; strace's
functions around values (``htons(80)``, ``inet_pton(AF_INET6, "::1", &x)``) are taken off.
"""

from __future__ import annotations

import os
import re
from typing import Any

_CALL = re.compile(r"(?P<name>\w+)\((?P<args>.*)\)\s+= (?P<result>-?\w+|\?)")


class Interface(str):
    """The name of an interface whose index was passed: ``if_nametoindex("lo")``."""

    __slots__ = ()


def call(line: str) -> tuple[str, list[Any], str]:
    """(name, arguments, result) of a line."""
    found = _CALL.match(re.sub(r"^\[pid +\d+\] |^\d+ +", "", line))
    assert found, line
    arguments = [parse(each) for each in split(found["args"])]
    return found["name"], arguments, found["result"]


def split(text: str) -> list[str]:
    """The parts of a comma-separated list, whatever nests in them."""
    parts, depth, quoted, start, at = [], 0, False, 0, 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quoted:
            at += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "{[(":
            depth += 1
        elif not quoted and char in "}])":
            depth -= 1
        elif not quoted and char == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    rest = text[start:].strip()
    return [*parts, rest] if rest else parts


def parse(text: str) -> Any:
    text = re.sub(r"\s*/\*.*?\*/", "", text).strip()
    if text.startswith("{") and text.endswith("}"):
        return dict(_member(each) for each in split(text[1:-1]))
    if text.startswith("[") and text.endswith("]"):
        return [parse(each) for each in split(text[1:-1])]
    return _value(text)


def _member(text: str) -> tuple[str, Any]:
    """``name=value``, or the form of addresses that names the member last."""
    address = re.fullmatch(r'inet_pton\(\w+, "(.*)", &(\w+)\)', text)
    if address:
        return address[2], unescape(address[1])
    name, _, value = text.partition("=")
    return name, parse(value)


def _value(text: str) -> Any:
    """A value without the function around it; a string becomes bytes, a number an int."""
    inner = re.fullmatch(r"(htons|htonl|inet_addr|if_nametoindex|makedev)\((.*)\)", text)
    if inner and inner[1] == "if_nametoindex":
        return Interface(unescape(inner[2].strip('"')))
    if inner and inner[1] == "inet_addr":
        return unescape(inner[2].strip('"'))
    if inner and inner[1] == "makedev":
        return os.makedev(*(int(part, 0) for part in inner[2].split(",")))
    if inner:
        return _value(inner[2])
    address = re.fullmatch(r'inet_pton\(\w+, "(.*)"\)', text)
    if address:
        return unescape(address[1])
    if re.fullmatch(r'@?".*"(\.\.\.)?', text):
        raw = unescape(text.lstrip("@").removesuffix("...")[1:-1]).encode("latin-1")
        return b"\0" + raw if text.startswith("@") else raw
    return int(text, 0) if re.fullmatch(r"-?(0x[0-9a-f]+|[1-9]\d*|0)", text) else _octal(text)


def _octal(text: str) -> Any:
    """``00000011`` and ``01``: strace pads some hexadecimal bytes and masks with zeros."""
    return int(text, 16) if re.fullmatch(r"0[0-9a-f]+", text) else text


def unescape(text: str) -> str:
    return text.encode("latin-1").decode("unicode_escape")
