"""Policies: TOML files that say how a run's sockets are serviced; read, checked and composed here.

A file is checked against ``KEYS``; what it says wrong is a ``PolicyError`` with the file, the line and the
key. Policies are laid over each other, the later one deciding wherever it says something.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ptrace_net.policies.choices import (
    check_port_map,
    parse_faults,
    parse_impairments,
    parse_limits,
    parse_port_map,
    parse_provider,
    parse_timeline,
)
from ptrace_net.policies.lines import Path, line_of, locate
from ptrace_net.policies.mapping import MappingError, pair
from ptrace_net.policies.problem import PolicyError as PolicyError
from ptrace_net.policies.problem import Problem, near
from ptrace_net.policies.support import TABLES, over, parse_table
from ptrace_net.policies.values import Policy as Policy

DATA = os.path.join(os.path.dirname(__file__), "data")
_DEEPEST = 8  # policies that extend each other




class _File(NamedTuple):
    """What a key is read with: the file's name, the lines of its keys, and the policies it extends."""

    source: str
    lines: Mapping[Path, int]
    within: tuple[str, ...]


def names() -> list[str]:
    """The policies that come with the program."""
    return sorted(name[:-5] for name in os.listdir(DATA) if name.endswith(".toml"))


def load(name: str, base: Policy = Policy(), within: tuple[str, ...] = ()) -> Policy:  # noqa: B008
    """The policy ``name`` (one of ``names()`` or a file) over ``base``; raises PolicyError or OSError."""
    path = os.path.join(DATA, name + ".toml") if name in names() else name
    with open(path, encoding="utf-8") as file:
        try:
            text = file.read()
        except UnicodeDecodeError as error:
            raise PolicyError(f"{path}:1: not UTF-8 text: {error.reason} at byte {error.start}") from None
    return parse(text, path if path == name else f"{name}.toml", base, within)


def parse(text: str, source: str, base: Policy = Policy(), within: tuple[str, ...] = ()) -> Policy:  # noqa: B008
    """The policy in ``text`` over ``base``; ``source`` names it in errors."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise PolicyError(f"{source}:{line[1] if line else len(text.splitlines())}: {error}") from None
    except RecursionError:
        raise PolicyError(f"{source}:1: values are nested too deeply") from None
    file = _File(source, locate(text), (*within, source))
    policy = base._replace(title="")
    for key in sorted(document, key=lambda key: key != "extends"):
        apply = KEYS.get(key)
        try:
            if apply is None:
                raise Problem(f"unknown key; known are {', '.join(sorted(KEYS))}{near(key, KEYS)}")
            policy = apply(policy, document[key], file)
        except Problem as problem:
            path = problem.path if problem.path[:1] == (key,) else (key, *problem.path)
            said = next((str(each) for each in reversed(path) if isinstance(each, str)), key)
            raise PolicyError(f"{source}:{line_of(file.lines, path)}: {said}: {problem.text}") from None
    return policy


def _extends(policy: Policy, value: Any, file: _File) -> Policy:
    for name in [value] if isinstance(value, str) else value if isinstance(value, list) else [None]:
        if not isinstance(name, str):
            raise Problem("the name of a policy or a file is wanted, or a list of them")
        if name in file.within or f"{name}.toml" in file.within or len(file.within) > _DEEPEST:
            raise Problem(f"{name}: policies extend each other in a circle")
        try:
            policy = load(name, policy, file.within)
        except OSError as error:
            raise Problem(f"{name}: {error.strerror}{near(name, names())}") from None
    return policy


def _title(policy: Policy, value: Any, file: _File) -> Policy:
    if not isinstance(value, str) or "\n" in value:
        raise Problem("one line of text is wanted")
    return policy._replace(title=value)


def _serve(policy: Policy, value: Any, file: _File) -> Policy:
    if value not in ("ipv4", "ipv6"):
        raise Problem(f'{value!r} is neither "ipv4" nor "ipv6"')
    return policy._replace(serve=value)


def _lane(policy: Policy, value: Any, file: _File) -> Policy:
    if value not in ("express", "wire"):
        raise Problem(f'{value!r} is neither "express" nor "wire"')
    return policy._replace(lane=value)


def _map(policy: Policy, value: Any, file: _File) -> Policy:
    if not isinstance(value, dict):
        raise Problem("a table of IPv6 prefix = IPv4 prefix is wanted")
    pairs = []
    for six, four in value.items():
        if not isinstance(four, str):
            raise Problem("the IPv4 prefix is wanted as a string", six)
        try:
            pairs.append(pair(six, four))
        except MappingError as error:
            raise Problem(str(error), six) from None
    return policy._replace(pairs=(*pairs, *policy.pairs))


def _table(name: str) -> Callable[[Policy, Any, _File], Policy]:
    def apply(policy: Policy, value: Any, file: _File) -> Policy:
        later = parse_table(name, value, file.lines, file.source)
        return policy._replace(tables={**policy.tables, name: over(policy.table(name), later)})

    return apply


def _provider(policy: Policy, value: Any, file: _File) -> Policy:
    if not isinstance(value, list):
        raise Problem("tables are wanted: [[provider]]")
    rows = []
    for place, row in enumerate(value):
        line = line_of(file.lines, ("provider", place))
        try:
            rows.append(parse_provider(row, f"{file.source}:{line}"))
        except Problem as problem:
            raise problem.under("provider", place) from None
    return policy._replace(providers=(*rows, *policy.providers))


def _ports(policy: Policy, value: Any, file: _File) -> Policy:
    ports = {**policy.ports, **parse_port_map(value)}
    check_port_map(ports)
    return policy._replace(ports=ports)


def _limits(policy: Policy, value: Any, file: _File) -> Policy:
    return policy._replace(limits=parse_limits(value, policy.limits))


def _inject(policy: Policy, value: Any, file: _File) -> Policy:
    return policy._replace(faults=(*policy.faults, *parse_faults(value, "inject")))


def _impair(policy: Policy, value: Any, file: _File) -> Policy:
    return policy._replace(impairments=(*policy.impairments, *parse_impairments(value, "impair")))


def _seed(policy: Policy, value: Any, file: _File) -> Policy:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Problem("a number is wanted")
    return policy._replace(seed=value)


def _timeline(policy: Policy, value: Any, file: _File) -> Policy:
    if not isinstance(value, list):
        raise Problem("tables are wanted: [[timeline]]")
    for place, row in enumerate(value):
        try:
            faults, impairments = parse_timeline(row)
            policy = policy._replace(
                faults=(*policy.faults, *faults), impairments=(*policy.impairments, *impairments)
            )
        except Problem as problem:
            raise problem.under("timeline", place) from None
    return policy


KEYS: Mapping[str, Callable[[Policy, Any, _File], Policy]] = {
    "extends": _extends,
    "title": _title,
    "serve": _serve,
    "lane": _lane,
    "map": _map,
    **{name: _table(name) for name in TABLES},
    "provider": _provider,
    "ports": _ports,
    "limits": _limits,
    "inject": _inject,
    "impair": _impair,
    "seed": _seed,
    "timeline": _timeline,
}
