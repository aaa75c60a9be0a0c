"""A policy as the TOML that would say the same: what `ptrace-net policy show` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network

from ptrace_net.policies.support import TABLES, Spec
from ptrace_net.policies.values import Entry, Fault, Key, Limits, Policy, Provider, Table
from ptrace_net.policies.words import spelled


def policy_text(policy: Policy) -> str:
    """The whole policy; reading it over nothing gives the same one."""
    return "\n".join(_lines(policy)) + "\n"


def _lines(policy: Policy) -> Iterator[str]:
    if policy.title:
        yield f"title = {_quoted(policy.title)}"
    yield f"serve = {_quoted(policy.serve)}"
    if policy.lane != Policy().lane:
        yield f"lane = {_quoted(policy.lane)}"
    if policy.seed:
        yield f"seed = {policy.seed}"
    plain = [fault.text for fault in policy.faults if not _timed(fault)]
    if plain:
        yield "inject = [" + ", ".join(map(_quoted, plain)) + "]"
    still = [each.text for each in policy.impairments if not each.timed]
    if still:
        yield "impair = [" + ", ".join(map(_quoted, still)) + "]"
    yield from _map(policy)
    for name, spec in TABLES.items():
        yield from _table(name, spec, policy.table(name))
    for row in policy.providers:
        yield from _provider(row)
    if policy.ports:
        yield from ("", "[ports]", *(f'"{own}" = {there}' for own, there in policy.ports.items()))
    yield from _limits(policy.limits)
    for fault in policy.faults:
        if _timed(fault):
            what = "down = true" if fault.where.outside else f"inject = [{_quoted(fault.text)}]"
            yield from _timeline(fault.after, fault.until, what)
    for each in policy.impairments:
        if each.timed:
            yield from _timeline(each.after, each.until, f"impair = [{_quoted(each.text)}]")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _map(policy: Policy) -> Iterator[str]:
    yield from ("", "[map]")
    shown = set()
    for pair in policy.pairs:
        six, four = IPv6Address(pair.six), IPv4Address(pair.four)
        row = f'"{six}/{pair.six_length}" = "{four}/{pair.four_length}"'
        # Of two rows for a prefix the first decides, and TOML takes a key but once.
        yield f"# {row}" if pair[:2] in shown else row
        shown.add(pair[:2])


def key_words(spec: Spec, key: Key) -> list[str]:
    """The words of a key as a file has them, all of them."""
    pairs = enumerate(zip(spec.words, key, strict=True))
    return [spelled(kind, word, key[:place]) for place, (kind, word) in pairs]


def tables_text(tables: Mapping[str, Table]) -> str:
    """Tables alone, as a policy that says nothing else."""
    lines = [line for name, spec in TABLES.items() for line in _table(name, spec, tables.get(name, {}))]
    return "\n".join(lines) + "\n"


def _table(name: str, spec: Spec, table: Table) -> Iterator[str]:
    headers: dict[tuple[str, ...], list[tuple[str, Entry]]] = {}
    for key, entry in table.items():
        words = key_words(spec, key)
        headers.setdefault(tuple(words[:-1]), []).append((words[-1], entry))
    for header, rows in headers.items():
        yield from ("", "[" + ".".join((name, *map(_key, header))) + "]")
        for word, entry in rows:
            yield f"{_key(word)} = {_quoted(str(entry.behaviour))}  # {entry.where}"


def _key(word: str) -> str:
    return word if word.replace("_", "").isascii() and word.replace("_", "").isalnum() else _quoted(word)


def _provider(row: Provider) -> Iterator[str]:
    yield from ("", f"[[provider]]  # {row.told}", f"use = {_quoted(row.use)}")
    if row.answer is not None:
        yield f"answer = {_quoted(str(row.answer))}"
    words = (("family", row.family), ("type", row.type), ("protocol", row.protocol))
    for kind, word in words:
        if word is not None:
            yield f"{kind} = {_quoted(spelled(kind, word, (row.family, row.type)))}"
    if row.calls:
        yield f"calls = [{', '.join(map(_quoted, row.calls))}]"
    if row.where.address is not None:
        value, length, bits = row.where.address
        address = IPv4Address(value) if bits == 32 else IPv6Address(value)
        yield f"address = {_quoted(str(ip_network((address, length))))}"
    if row.where.ports is not None:
        yield f'port = "{row.where.ports[0]}-{row.where.ports[1]}"'
    if row.where.program is not None:
        yield f"program = {_quoted(row.where.program)}"


def _limits(limits: Limits) -> Iterator[str]:
    said = [(name, value) for name, value in limits._asdict().items() if value is not None]
    if said:
        yield from ("", "[limits]")
    for name, value in said:
        yield f'ports = "{value[0]}-{value[1]}"' if name == "ports" else f"{name} = {value}"


def _timed(fault: Fault) -> bool:
    return bool(fault.after) or fault.until is not None or fault.where.outside


def _timeline(after: float, until: float | None, what: str) -> Iterator[str]:
    yield from ("", "[[timeline]]", f"after = {after}")
    if until is not None:
        yield f"lasts = {until - after}"
    yield what
