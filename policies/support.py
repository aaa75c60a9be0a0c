"""The tables that say what a kernel has: families, types, protocols, calls, flags, options, control messages,
ioctls, netlink messages, files; each key with a behaviour.

A key is one word or several (``[options.SOL_SOCKET.SO_LINGER]``), any of which may be ``*``. What is asked of
a table is answered by the entry that fits with the fewest ``*`` in its first words; no entry means ``ok``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ptrace_net.policies.behaviour import VERBS, parse_behaviour
from ptrace_net.policies.problem import Problem
from ptrace_net.policies.values import Entry, Key, Table, Word
from ptrace_net.policies.words import read

_REFUSALS = ("ok", "errno", "kill", "panic")




class Spec(NamedTuple):
    """``words``: the kinds of a key's words; a shorter key lacks its last ones, or its first (``front``)."""

    words: tuple[str, ...]
    allowed: tuple[str, ...]
    front: bool
    doc: str


TABLES: Mapping[str, Spec] = {
    "families": Spec(("family",), _REFUSALS, False, "address families of socket and socketpair"),
    "types": Spec(("family", "type"), _REFUSALS, True, "types of sockets, of one family or any"),
    "protocols": Spec(
        ("family", "type", "protocol"), _REFUSALS, True, "protocols of socket, of one family and type or any"
    ),
    "calls": Spec(("call",), VERBS, False, "system calls, whatever their arguments"),
    "flags": Spec(("flagged", "flag"), VERBS, False, "flags of a call; ignore clears them"),
    "options": Spec(
        ("level", "option", "way"), VERBS, False, "socket options; set and get apart where that is wanted"
    ),
    "control": Spec(
        ("level", "control"), VERBS, False, "control messages that a program sends; ignore drops them"
    ),
    "ioctls": Spec(("request",), VERBS, False, "ioctls of sockets"),
    "netlink": Spec(
        ("netlink protocol", "netlink type"), VERBS, False,
        "netlink messages that a program sends; errno: answered with NLMSG_ERROR; ignore: never answered",
    ),
    "files": Spec(
        ("path", "file way"), ("ok", "errno", "return", "kill", "panic"), False,
        "files by their path: opened, read as a link, looked at",
    ),
}  # fmt: skip


def parse_table(
    name: str, value: Any, where: Mapping[tuple[str | int, ...], int], source: str
) -> dict[Key, Entry]:
    """The entries of table ``name`` as tomllib gives it; raises Problem."""
    entries: dict[Key, Entry] = {}
    for path, behaviour in _leaves(value, name, len(TABLES[name].words)):
        try:
            key = _key(TABLES[name], path)
            parsed = parse_behaviour(behaviour, TABLES[name].allowed)
        except Problem as problem:
            raise problem.under(name, *path) from None
        line = next((where[name, *path[:length]] for length in range(len(path), -1, -1)
                     if (name, *path[:length]) in where), 1)  # fmt: skip
        entries[key] = Entry(parsed, f"{source}:{line}")
    return entries


def _leaves(
    value: Any, name: str, depth: int, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict):
        if not path:
            raise Problem("a table is wanted", name)
        yield path, value
        return
    if path and len(path) == depth:
        raise Problem(f"no table here: keys of {name} have {depth} words at most", name, *path)
    for word, inner in value.items():
        yield from _leaves(inner, name, depth, (*path, word))


def _key(spec: Spec, path: tuple[str, ...]) -> Key:
    missing = len(spec.words) - len(path)
    words: list[Word] = [None] * missing if spec.front else []
    for kind, text in zip(spec.words[len(words) :], path, strict=False):
        words.append(read(kind, text, tuple(words)))
    return (*words, *[None] * (len(spec.words) - len(words)))


def covers(wide: Key, narrow: Key) -> bool:
    """Whether everything that ``narrow`` fits, ``wide`` fits too."""
    return all(word is None or word == other for word, other in zip(wide, narrow, strict=True))


def over(base: Table, later: Table) -> dict[Key, Entry]:
    """Both tables, the later one deciding wherever it says something."""
    kept = {key: entry for key, entry in base.items() if not any(covers(new, key) for new in later)}
    return {**kept, **later}
