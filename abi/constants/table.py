"""Named constants as values: a table from name to number and back, for enumerations and for flag words.

A table knows its header, so that a test can assert every number against the compiler's; numbers that a header
newer than Linux 6.1 brought carry the version that did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Constants(Mapping[str, int]):
    """The constants of one prefix. ``AF["AF_INET6"] == 10``, ``AF.name(10) == "AF_INET6"``.

    ``enum_mask`` says which bits are an enumeration where the others are flags (SOCK_STREAM|SOCK_CLOEXEC).
    Where two names have one number, the name declared first is the one that ``name`` gives.
    """

    __slots__ = ("_names", "_values", "docs", "enum_mask", "headers", "prefix", "since")

    def __init__(
        self,
        prefix: str,
        headers: str,
        values: Mapping[str, int],
        *,
        enum_mask: int = 0,
        docs: Mapping[str, str] = _NOTHING,
        since: Mapping[str, str] = _NOTHING,
    ) -> None:
        self.prefix = prefix
        self.headers = tuple(headers.split())
        self.enum_mask = enum_mask
        self.docs = docs
        self.since = since
        self._values = values
        self._names: dict[int, str] = {}
        for name, number in values.items():
            self._names.setdefault(number, name)

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{self.prefix} of {', '.join(self.headers)}: {len(self)} constants>"

    def name(self, number: int, default: str | None = None) -> str:
        """The name of ``number``; ``default``, or the number as text, where it has none."""
        return self._names.get(number) or (str(number) if default is None else default)

    def names(self, number: int) -> tuple[str, ...]:
        """Every name that ``number`` has in this table."""
        return tuple(name for name, value in self._values.items() if value == number)

    def split(self, number: int) -> tuple[tuple[str, ...], int]:
        """The names of the flags that are set in ``number``, and the bits that no name covers."""
        names: list[str] = []
        rest = number
        if self.enum_mask:
            names.append(self.name(number & self.enum_mask))
            rest &= ~self.enum_mask
        for value, name in self._names.items():
            if value & ~self.enum_mask and rest & value == value:
                names.append(name)
                rest &= ~value
        return tuple(names), rest

    def flags(self, number: int) -> tuple[str, ...]:
        """The names of the flags that are set; bits without a name come last, as one hexadecimal number."""
        names, rest = self.split(number)
        return (*names, hex(rest)) if rest else names

    def text(self, number: int) -> str:
        """``MSG_DONTWAIT|MSG_NOSIGNAL``; ``0`` where nothing is set."""
        return "|".join(self.flags(number)) or "0"
