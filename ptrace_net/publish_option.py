"""`-p [ADDR:]HOST:PORT[/udp]`: which address and port of the host stand for a port of the run."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_LOOPBACK = "127.0.0.1"


class Wanted(NamedTuple):
    """The host's address and port; port 0 is any free one."""

    address: bytes
    port: int


Ports = Mapping[tuple[int, int], tuple[Wanted, ...]]  # (SOCK_STREAM or SOCK_DGRAM, the run's port)


def parse_ports(texts: Iterable[str]) -> Ports:
    """The ports that options ask for; ValueError with a sentence for one that is none."""
    found: dict[tuple[int, int], tuple[Wanted, ...]] = {}
    for text in texts:
        kind, inside, wanted = _parsed(text)
        found[kind, inside] = (*found.get((kind, inside), ()), wanted)
    return found


def _parsed(text: str) -> tuple[int, int, Wanted]:
    ports, _, protocol = text.partition("/")
    kind = _KINDS.get(protocol or "tcp")
    if kind is None:
        raise ValueError(f"-p {text}: {protocol} is neither tcp nor udp")
    head, _, inside = ports.rpartition(":")
    address, _, outside = head.rpartition(":")
    try:
        where = ip_address(address.removeprefix("[").removesuffix("]") or _LOOPBACK).packed
    except ValueError:
        raise ValueError(f"-p {text}: {address} is not an address: -p [ADDR:]HOST:PORT[/udp]") from None
    return int(kind), _port(inside, text, 1), Wanted(where, _port(outside, text, 0))


def _port(digits: str, text: str, low: int) -> int:
    if not digits.isascii() or not digits.isdigit() or not low <= int(digits) <= 65535:
        problem = f"{digits} is not a port" if digits else "two ports are wanted"
        raise ValueError(f"-p {text}: {problem}: -p [ADDR:]HOST:PORT[/udp]")
    return int(digits)
