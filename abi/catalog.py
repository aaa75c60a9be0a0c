"""Everything that is declared in this package: for explain, the docs and the tests."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType

import ptrace_net.abi.constants
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.layout import Layout

# The modules that declare layouts; each imports only from those before it, so the first that has a layout
# is where it is declared.
DECLARING = (
    "sockaddr", "msghdr", "time", "socket", "in_", "in6", "errqueue", "poll", "tcp", "if_packet", "if_",
    "route", "netlink.header", "netlink.route", "netlink.diag",
)  # fmt: skip


@cache
def by_module() -> Mapping[str, tuple[Layout, ...]]:
    """The layouts that each module declares, in the order of the module."""
    seen: set[str] = set()
    found = {}
    for name in DECLARING:
        there = [each for each in vars(_import(name)).values() if isinstance(each, Layout)]
        found[name] = tuple(each for each in there if each.name not in seen)
        seen.update(each.name for each in there)
    return MappingProxyType(found)


@cache
def layouts() -> Mapping[str, Layout]:
    """Every layout by name, in the order of the modules."""
    return MappingProxyType({each.name: each for members in by_module().values() for each in members})


@cache
def home(name: str) -> str:
    """The module that declares a layout, as ``netlink.route``."""
    for module, members in by_module().items():
        if any(name == each.name for each in members):
            return module
    raise KeyError(name)


@cache
def tables() -> tuple[Constants, ...]:
    """Every table of constants, each once."""
    found: dict[int, Constants] = {}
    for info in pkgutil.iter_modules(ptrace_net.abi.constants.__path__):
        module = _import(f"constants.{info.name}")
        found.update((id(each), each) for each in vars(module).values() if isinstance(each, Constants))
    return tuple(found.values())


def _import(name: str) -> ModuleType:
    return import_module(f"ptrace_net.abi.{name}")
