"""The literals of strace's lines: numbers as C writes them and quoted bytes."""

import re

_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_LETTERS = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"v": b"\v",
    b"f": b"\f",
    b"a": b"\a",
    b"b": b"\b",
    b"e": b"\x1b",
}


LONGEST = 30
"""Digits of a number that are looked at; no register holds as many, and Python refuses thousands."""


def decimal(text: str) -> int:
    """Decimal digits, perhaps with a sign or blanks; leading zeros mean nothing."""
    return int(text.strip()[:LONGEST])


def parse_number(text: str) -> int:
    """C's notation: decimal, 0x hexadecimal, leading-zero octal."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    digits = digits[:LONGEST]
    if digits[:2].lower() == "0x":
        return sign * int(digits, 16)
    octal = len(digits) > 1 and digits[0] == "0" and not set(digits) - set("01234567")
    return sign * int(digits, 8 if octal else 10)


def unescape(text: str) -> bytes:
    """The bytes of a C string as strace writes it; characters beyond ASCII are taken as UTF-8."""

    def one(found: re.Match[bytes]) -> bytes:
        code = found[1]
        if code[:1].isdigit() and code[0] < 0x38:
            return bytes([int(code, 8) & 0xFF])
        if code[:1] == b"x" and len(code) > 1:
            return bytes([int(code[1:], 16)])
        return _LETTERS.get(code, code)

    raw = text.encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(one, raw) if b"\\" in raw else raw
