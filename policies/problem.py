"""What is wrong with a policy, said so that its author finds the place: file, line, key, near miss."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PolicyError(ValueError):
    """A policy that cannot be used: ``FILE:LINE: KEY: what is wrong``."""


class Problem(Exception):
    """Something wrong at ``path``, the keys that lead there: a ``PolicyError`` once the file is known."""

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.text = text
        self.path = path

    def under(self, *path: str | int) -> Problem:
        """The same, seen from further up."""
        return Problem(self.text, *path, *self.path)


def near(word: str, known: Iterable[str]) -> str:
    """``; did you mean SO_REUSEPORT?``, or nothing where no known word is like it."""
    words = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), words, 1, 0.6)
    return f"; did you mean {words[close[0]]}?" if close else ""
