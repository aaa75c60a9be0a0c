"""Where bytes come from: hexadecimal on the command line, a file, or standard input."""

from __future__ import annotations

import os
import re
import sys

_PREFIX = re.compile(r"0[xX]|\\x")
_BETWEEN = re.compile(r"[\s:,_-]+")


class NoBytes(ValueError):
    """What was given is neither hexadecimal nor a file; the message says what is wrong with it."""


def read(word: str) -> bytes:
    """The bytes that ``word`` gives: ``-`` reads standard input, a path a file, else hexadecimal.

    A file or input of hexadecimal digits is taken as such, other content as the bytes themselves.

    Raises:
        NoBytes: bad hexadecimal, or a file that cannot be read.
    """
    if word == "-":
        return _content(sys.stdin.buffer.read())
    if os.path.exists(word):
        try:
            with open(word, "rb") as file:
                return _content(file.read())
        except OSError as error:
            raise NoBytes(f"{word}: {error.strerror}") from None
    return from_hex(word)


def _content(data: bytes) -> bytes:
    try:
        return from_hex(data.decode("ascii"))
    except (NoBytes, UnicodeDecodeError):
        return data


def looks_like_hex(word: str) -> bool:
    digits = _digits(word)
    return len(digits) >= 4 and len(digits) % 2 == 0 and not re.search(r"[^0-9a-fA-F]", digits)


def _digits(text: str) -> str:
    return _BETWEEN.sub("", _PREFIX.sub(" ", text))


def from_hex(text: str) -> bytes:
    r"""The bytes of hexadecimal digits; spaces, ``:``, ``,``, ``0x`` and ``\x`` may stand between them.

    Raises:
        NoBytes: something else stands there, or a digit is missing.
    """
    digits = _digits(text)
    wrong = re.search(r"[^0-9a-fA-F]", digits)
    if wrong:
        raise NoBytes(f"bad hexadecimal: {wrong.group()!r} is no digit (nor is there a file of that name)")
    if len(digits) % 2:
        raise NoBytes(f"bad hexadecimal: {len(digits)} digits make no whole bytes")
    if not digits:
        raise NoBytes("no bytes were given")
    return bytes.fromhex(digits)
