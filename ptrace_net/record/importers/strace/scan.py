"""The value expressions of strace's lines: strings, numbers, constants, structures, arrays, comments.

A recursive-descent reader over one line. strace abbreviates (``...``), annotates (``/* … */``,
``3<socket:[9]>``) and wraps (``htons(80)``, ``inet_pton(AF_INET6, "::", &sin6_addr)``); what remains
after that is a `Value`. Whatever does not fit becomes `Unknown` and reading goes on at the next comma, so
that one mangled field costs that field only.
"""

import re
from collections.abc import Callable

from ptrace_net.record.importers.strace.flags import joined, plain, token
from ptrace_net.record.importers.strace.literals import parse_number, unescape
from ptrace_net.record.model import Array, Change, Data, Pointer, Struct, Symbol, Unknown, Value
from ptrace_net.record.names import constant

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|[0-9]+)(?:\.[0-9]+)?")
_FACTOR = re.compile(r"\*(\d{1,19})(?!\d)")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_?.]*")
_FIELD = re.compile(r"&?([A-Za-z_][A-Za-z0-9_.]*|\[\d+\])\s*[=:](?![=>])\s*")
_TARGET = re.compile(r"inet_\w+\([^()]*&(\w+)\)")
_SPACE = re.compile(r"(?:\s+|/\*.*?\*/)+")
_COMMENT = re.compile(r"\s*/\*\s*(.*?)\s*\*/")
_ARROW = re.compile(r"\s*(?:=>|->|\u21d2|\u2192)\s*")
_DOTS = re.compile(r"\.\.\.|\u2026")
_NAMES = re.compile(r"[A-Z][A-Z0-9_]*(?:\|[A-Z][A-Z0-9_]*)*")
MAX_DEPTH = 40


class Scanner:
    """Reads values from `text`, from `pos` on; `lost` collects what did not fit."""

    def __init__(self, text: str, pos: int = 0) -> None:
        self.text = text
        self.pos = pos
        self.lost: list[str] = []
        self._depth = 0

    def space(self) -> None:
        """Skip blanks and comments."""
        if found := _SPACE.match(self.text, self.pos):
            self.pos = found.end()

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        self.space()
        return self.text[self.pos : self.pos + 1]

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match `pattern` here and move past it."""
        found = pattern.match(self.text, self.pos)
        if found:
            self.pos = found.end()
        return found

    def items(self, closer: str, one: Callable[[], Value | None]) -> tuple[list[Value], bool]:
        """Comma-separated values up to `closer` (taken) or the end; and whether ``...`` stood among them."""
        values: list[Value] = []
        abbreviated = False
        while (ahead := self.peek()) and ahead != closer:
            if ahead == ",":
                self.pos += 1
            elif self.take(_DOTS):
                abbreviated = True
            else:
                value = one()
                if value is not None:
                    values.append(value)
        self.pos += bool(self.text[self.pos : self.pos + 1])
        return values, abbreviated

    def arguments(self) -> list[Value]:
        """The arguments of a call up to its closing parenthesis; names (``flags=``) are dropped."""

        def one() -> Value:
            self.take(_FIELD)
            return self.value()

        return self.items(")", one)[0]

    def value(self) -> Value:
        """One value with what may follow it: an annotation, ``=> after``, an operator."""
        self._depth += 1
        start = self.pos
        value = self._primary() if self._depth < MAX_DEPTH else self._skip(start)
        if self.take(_ARROW):
            value = Change(value, self.value())
        self._depth -= 1
        return value if self._at_end() else self._skip(start)

    def _at_end(self) -> bool:
        return self.peek() in ("", ",", "]", "}", ")") or bool(_DOTS.match(self.text, self.pos))

    def _primary(self) -> Value:
        start, ahead = self.pos, self.peek()
        if ahead in _READERS:
            return _READERS[ahead](self)
        if found := self.take(_NUMBER):
            return self._number(found[0])
        if found := self.take(_WORD):
            return self._word(found[0])
        return self._skip(start)

    def _string(self) -> Value:
        found = self.take(_STRING)
        if not found:
            return self._skip(self.pos)
        data = unescape(found[1])
        cut = bool(_DOTS.match(self.text, self.pos))
        if cut:
            self.take(_DOTS)
        return Data(data, None if cut else len(data))

    def _number(self, text: str) -> Value:
        if "." in text:
            return Unknown(text, "a fraction")
        number = parse_number(text)
        while factor := self.take(_FACTOR):  # 8192*1024
            number *= parse_number(factor[1])
        self._annotation()
        comment = _COMMENT.match(self.text, self.pos)
        if comment and _NAMES.fullmatch(comment[1]):
            return self._flags(Symbol(comment[1], number))
        if self.peek() == "|" or self.text.startswith("<<", self.pos):
            return self._flags(Symbol(text, number))
        return Pointer(number) if text.startswith("0x") and number > 0xFFFF else number

    def _annotation(self) -> None:
        """Skip ``<socket:[1]>``, ``<TCP:[a:1->b:2]>`` right after a number."""
        if self.text[self.pos : self.pos + 1] == "<" and self.text[self.pos + 1 : self.pos + 2] not in "< ":
            end = re.compile(r"<(?:<->|->|[^<>\"])*>").match(self.text, self.pos)
            self.pos = end.end() if end else self.pos

    def _word(self, name: str) -> Value:
        self._annotation()
        if name in ("NULL", "nil"):
            return Pointer(0)
        if self.text[self.pos : self.pos + 1] == "(":
            return self._wrapped(name)
        return self._flags(Symbol(name, constant(name)))

    def _wrapped(self, name: str) -> Value:
        """``htons(80)`` is 80; ``inet_pton(AF_INET6, "::", …)`` and ``inet_addr("…")`` are their text."""
        self.pos += 1
        values, _ = self.items(")", self.value)
        if name in ("htons", "htonl", "ntohs", "ntohl") and values:
            return values[0]
        text = next((value for value in values if isinstance(value, Data)), None)
        if text is not None:
            return text
        return self._flags(Symbol(f"{name}({', '.join(plain(v) for v in values)})", None))

    def _flags(self, first: Symbol) -> Value:
        """``A|B|0x4``, ``A<<3``: names joined, numbers OR-ed where all are known."""
        texts, number = [first.text], first.number
        while self.peek() == "|" or self.text.startswith("<<", self.pos):
            shift = self.text[self.pos] == "<"
            self.pos += 2 if shift else 1
            start, right = self.pos, self._primary()
            text = self.text[start : self.pos].strip() if isinstance(right, int) else plain(right)  # 0644
            texts[-1:] = [f"{texts[-1]}<<{text}"] if shift else [texts[-1], *text.split("|")]
            number = joined(number, right, shift)
        return Symbol("|".join(texts), number)

    def _struct(self) -> Value:
        self.pos += 1
        fields: list[tuple[str, Value]] = []

        def one() -> Value | None:
            field, start = self.take(_FIELD), self.pos
            value = self.value()
            target = None if field else _TARGET.match(self.text, start)
            named = field or target
            fields.append((named[1] if named else "", value))
            return None

        _, abbreviated = self.items("}", one)
        return Struct(tuple(fields), abbreviated)

    def _array(self) -> Value:
        self.pos += 1
        fields: list[tuple[str, Value]] = []

        def one() -> Value | None:
            field = self.take(_FIELD)
            value = self.value()
            if field:
                fields.append((field[1], value))
                return None
            return value

        values, abbreviated = self._set_items(one)
        if fields:
            values.append(Struct(tuple(fields)))
        return Array(tuple(values), abbreviated)

    def _set_items(self, one: Callable[[], Value | None]) -> tuple[list[Value], bool]:
        """Elements up to ``]``; sets of signals and descriptors have blanks instead of commas."""
        closed = re.compile(r"[\w\s+?]*\]").match(self.text, self.pos)
        if closed and " " in closed[0].strip(" ]"):
            self.pos = closed.end()
            return [token(word) for word in closed[0][:-1].split()], False
        return self.items("]", one)

    def _inverted(self) -> Value:
        self.pos += 1
        inner = self._primary()
        return Symbol(f"~{plain(inner)}", None)

    def _reference(self) -> Value:
        self.pos += 1
        return self._primary()

    def _unset(self) -> Value:
        self.pos += 1
        return Unknown("?", "the log has a question mark")

    def _skip(self, start: int) -> Unknown:
        """Give up on this value: take everything up to the next comma or closing bracket at this level."""
        depth, position = 0, max(start, self.pos)
        while position < len(self.text):
            character = self.text[position]
            if character in "([{":
                depth += 1
            elif character in ")]}" and depth:
                depth -= 1
            elif character in ",)]}":
                break
            position += 1
        self.pos = position if position > start or position >= len(self.text) else position + 1
        text = self.text[start : self.pos].strip()
        self.lost.append(f"could not read {text[:60]!r}")
        return Unknown(text, "could not be read")


_READERS: dict[str, Callable[[Scanner], Value]] = {
    '"': Scanner._string,
    "{": Scanner._struct,
    "[": Scanner._array,
    "~": Scanner._inverted,
    "&": Scanner._reference,
    "@": Scanner._reference,
    "?": Scanner._unset,
}
