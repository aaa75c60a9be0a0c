"""Policies: TOML files that say how a run's sockets are serviced; read, checked and composed here.

A file is checked against ``_KEYS``; what it says wrong is a ``PolicyError`` with the file, the line and the
key.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from ptrace_net.policies.mapping import DEFAULT_PAIRS, AddressMap, MappingError, Pair, pair

DATA = os.path.join(os.path.dirname(__file__), "data")


class PolicyError(ValueError):
    """A policy that cannot be used: ``FILE:LINE: KEY: what is wrong``."""


class Policy(NamedTuple):
    """``serve`` is the host's family that serves the other one: "ipv4" or "ipv6"."""

    serve: str = "ipv4"
    pairs: tuple[Pair, ...] = DEFAULT_PAIRS

    @property
    def addresses(self) -> AddressMap:
        return AddressMap(self.pairs)


def names() -> list[str]:
    """The policies that come with the program."""
    return sorted(name[:-5] for name in os.listdir(DATA) if name.endswith(".toml"))


def load(name: str, base: Policy = Policy()) -> Policy:  # noqa: B008
    """The policy ``name`` (one of ``names()`` or a file) over ``base``; raises PolicyError or OSError."""
    path = os.path.join(DATA, name + ".toml") if name in names() else name
    with open(path, encoding="utf-8") as file:
        try:
            text = file.read()
        except UnicodeDecodeError as error:
            raise PolicyError(f"{path}:1: not UTF-8 text: {error.reason} at byte {error.start}") from None
    return parse(text, path, base)


def parse(text: str, source: str, base: Policy = Policy()) -> Policy:  # noqa: B008
    """The policy in ``text`` over ``base``; ``source`` names it in errors."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise PolicyError(f"{source}:{line[1] if line else len(text.splitlines())}: {error}") from None
    except RecursionError:
        raise PolicyError(f"{source}:1: values are nested too deeply") from None
    policy = base
    for key, value in document.items():
        apply = _KEYS.get(key)
        if apply is None:
            raise _error(text, source, key, f"unknown key; known are {', '.join(sorted(_KEYS))}")
        try:
            policy = apply(policy, value)
        except _KeyProblem as problem:
            raise _error(text, source, problem.key or key, problem.text) from None
    return policy


class _KeyProblem(Exception):
    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.text, self.key = text, key


def _serve(policy: Policy, value: Any) -> Policy:
    if value not in ("ipv4", "ipv6"):
        raise _KeyProblem(f'{value!r} is neither "ipv4" nor "ipv6"')
    return policy._replace(serve=value)


def _map(policy: Policy, value: Any) -> Policy:
    if not isinstance(value, dict):
        raise _KeyProblem("a table of IPv6 prefix = IPv4 prefix is wanted")
    pairs = []
    for six, four in value.items():
        if not isinstance(four, str):
            raise _KeyProblem("the IPv4 prefix is wanted as a string", six)
        try:
            pairs.append(pair(six, four))
        except MappingError as error:
            raise _KeyProblem(str(error), six) from None
    return policy._replace(pairs=(*pairs, *policy.pairs))


_KEYS = {"serve": _serve, "map": _map}


def _error(text: str, source: str, key: str, problem: str) -> PolicyError:
    """With the line on which ``key`` is written."""
    pattern = re.compile(rf"^\s*\[?\s*[\"']?{re.escape(key)}[\"']?\s*[=\].]")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)]
    return PolicyError(f"{source}:{lines[0] if lines else 1}: {key}: {problem}")
