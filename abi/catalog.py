"""Everything that is declared in this package, found by walking its modules."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType

import ptrace_net.abi
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.layout import Layout


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(ptrace_net.abi.__path__, "ptrace_net.abi."):
        yield import_module(found.name)


@cache
def layouts() -> Mapping[str, Layout]:
    """Every layout by name, in the order of the modules."""
    found: dict[str, Layout] = {}
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, Layout):
                found.setdefault(value.name, value)
    return MappingProxyType(found)


@cache
def tables() -> tuple[Constants, ...]:
    """Every table of constants, each once."""
    found: dict[int, Constants] = {}
    for module in _modules():
        if module.__name__.startswith("ptrace_net.abi.constants."):
            found.update((id(each), each) for each in vars(module).values() if isinstance(each, Constants))
    return tuple(found.values())


@cache
def home(name: str) -> str:
    """The module that declares a layout, as ``netlink.route``."""
    for module in _modules():
        if any(isinstance(each, Layout) and each.name == name for each in vars(module).values()):
            return module.__name__.removeprefix("ptrace_net.abi.")
    raise KeyError(name)
