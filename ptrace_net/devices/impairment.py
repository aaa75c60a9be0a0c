"""What an impaired link does, as a value, and the text it is written as: ``delay=20ms,loss=1%``."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

_TIME = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_RATE = {"bit": 1.0, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([a-z%]*)\Z")
_TIMES = ("delay", "jitter")


@dataclass(frozen=True, slots=True)
class Impairment:
    """Times in seconds, chances from 0 to 1, ``rate`` in bit/s (0: unlimited), ``limit`` in frames."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    rate: float = 0.0
    limit: int = 1000
    seed: int | None = None

    def seeded(self, seed: int) -> Impairment:
        """With ``seed`` where it has none of its own."""
        return replace(self, seed=seed) if self.seed is None else self


def parse(text: str) -> Impairment:
    """The impairment that a command line asks for; ValueError names what is wrong."""
    values: dict[str, float] = {}
    names = {field.name for field in fields(Impairment)}
    for item in filter(None, text.split(",")):
        name, _equals, value = item.partition("=")
        if name not in names:
            raise ValueError(f"unknown impairment {name!r}; known: {', '.join(sorted(names))}")
        values[name] = _quantity(name, value)
    return Impairment(**values)  # type: ignore[arg-type]


def _quantity(name: str, text: str) -> float:
    match = _NUMBER.match(text.lower())
    if match is None:
        raise ValueError(f"{name}: not a number with a unit: {text!r}")
    number, unit = float(match[1]), match[2]
    if name in _TIMES:
        return number * _unit(name, unit or "s", _TIME)
    if name == "rate":
        return number * _unit(name, unit or "bit", _RATE)
    if name in ("limit", "seed"):
        return int(number)
    chance = number * _unit(name, unit, {"%": 0.01, "": 1.0})
    if chance > 1:
        raise ValueError(f"{name}: more than 100%: {text!r}")
    return chance


def _unit(name: str, unit: str, units: dict[str, float]) -> float:
    if unit not in units:
        raise ValueError(f"{name}: unknown unit {unit!r}; known: {', '.join(filter(None, units))}")
    return units[unit]
