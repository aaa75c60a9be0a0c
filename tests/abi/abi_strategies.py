"""Random values for any layout, from the types of its fields."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ptrace_net.abi.arch import Arch
from ptrace_net.abi.kinds import Array, Bytes, CType, Integer, Pad
from ptrace_net.abi.layout import Layout


def value(kind: CType, arch: Arch) -> st.SearchStrategy[Any]:
    if isinstance(kind, Layout):
        return values(kind, arch)
    if isinstance(kind, Array):
        length = kind.length(arch)
        return st.lists(value(kind.item, arch), min_size=length, max_size=length).map(tuple)
    if isinstance(kind, Integer):
        bits = 8 * kind.size(arch)
        low = -(1 << bits - 1) if kind.signed else 0
        return st.integers(low, low + (1 << bits) - 1)
    assert isinstance(kind, Bytes)
    return st.binary(min_size=kind.length, max_size=kind.length)


def values(layout: Layout, arch: Arch) -> st.SearchStrategy[Any]:
    """Named tuples of the layout, every field within its range."""
    kinds = [field.type for field in layout.members if not isinstance(field.type, Pad)]
    return st.tuples(*(value(kind, arch) for kind in kinds)).map(lambda each: layout.values(*each))


def flat(each: Any) -> tuple[Any, ...]:
    """Nested tuples spread out, as the fast form gives them."""
    if isinstance(each, tuple):
        return tuple(leaf for member in each for leaf in flat(member))
    return (each,)
