"""Writes C whose compilation proves the declarations of ptrace_net.abi against the system headers.

Every layout gives an assertion of its size and of each field's offset, size and signedness; every constant
one of its value. ``units`` groups them by the headers they need, because many headers exclude each other.
What a newer kernel or C library brought is asserted where the compiler's headers are that new.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ptrace_net.abi import catalog
from ptrace_net.abi.arch import ARCHES, Arch
from ptrace_net.abi.constants.fcntl import O_ARM, open_flags
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.kinds import Integer
from ptrace_net.abi.layout import Layout, Place

_FIRST = "#include <stddef.h>\n#include <linux/version.h>\n#include <features.h>\n"

# Headers that do not compile on their own, and what they need before them.
_BEFORE = {
    "linux/errqueue.h": ("time.h",),
    "linux/if_arp.h": ("sys/socket.h",),
    "linux/route.h": ("sys/socket.h",),
    "linux/sockios.h": ("sys/time.h", "time.h"),
    "linux/ipv6_route.h": ("linux/in6.h",),
    "linux/if.h": ("sys/socket.h",),
    "linux/vm_sockets.h": ("sys/socket.h",),
    "linux/genetlink.h": ("linux/netlink.h",),
}


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler, the architecture it compiles for, and the Debian packages that it comes from."""

    arch: Arch
    command: tuple[str, ...]
    packages: str


COMPILERS = (
    Compiler(ARCHES["x86_64"], ("gcc",), "gcc libc6-dev linux-libc-dev"),
    Compiler(
        ARCHES["i386"], ("gcc", "-m32", "-idirafter", "/usr/include/x86_64-linux-gnu"), "libc6-dev-i386"
    ),
    Compiler(ARCHES["x32"], ("gcc", "-mx32", "-idirafter", "/usr/include/x86_64-linux-gnu"), "libc6-dev-x32"),
    Compiler(
        ARCHES["aarch64"], ("aarch64-linux-gnu-gcc-12",), "gcc-12-aarch64-linux-gnu libc6-dev-arm64-cross"
    ),
    Compiler(
        ARCHES["arm"], ("arm-linux-gnueabihf-gcc-12",), "gcc-12-arm-linux-gnueabihf libc6-dev-armhf-cross"
    ),
    Compiler(
        ARCHES["riscv64"], ("riscv64-linux-gnu-gcc-12",), "gcc-12-riscv64-linux-gnu libc6-dev-riscv64-cross"
    ),
    Compiler(ARCHES["s390x"], ("s390x-linux-gnu-gcc-12",), "gcc-12-s390x-linux-gnu libc6-dev-s390x-cross"),
)


def _assert(condition: str, key: str) -> str:
    return f'_Static_assert({condition}, "{key}");'


def layout_assertions(layout: Layout, arch: Arch) -> Iterator[tuple[str, str]]:
    """(key, C) of a layout's size and of each of its fields."""
    c, places = layout.c, layout.fields(arch)
    yield layout.name, _assert(f"sizeof({c}) == {layout.size(arch)}", f"{layout.name} size")
    for index, place in enumerate(places):
        member = place.name if place.field.c is None else place.field.c
        if member:
            yield f"{layout.name}.{place.name}", "\n".join(_field(layout, place, member))
        else:
            yield f"{layout.name}.{place.name}", "\n".join(_between(layout, places, index))


def _field(layout: Layout, place: Place, member: str) -> Iterator[str]:
    key, c = f"{layout.name}.{place.name}", layout.c
    yield _assert(f"offsetof({c}, {member}) == {place.offset}", f"{key} offset")
    yield _assert(f"sizeof((({c} *)0)->{member}) == {place.size}", f"{key} size")
    kind = place.field.type
    if isinstance(kind, Integer) and kind.name not in ("void *", "char", "socklen_t"):
        sign = int(kind.signed)
        yield _assert(f"((__typeof__((({c} *)0)->{member}))-1 < 1) == {sign}", f"{key} signedness")


def _between(layout: Layout, places: tuple[Place, ...], index: int) -> Iterator[str]:
    """A field that C cannot name (a bit-field) ends where the next begins and begins where the last ended."""
    place, key, named = places[index], f"{layout.name}.{places[index].name}", False
    before = next((p for p in reversed(places[:index]) if p.field.c != ""), None)
    after = next((p for p in places[index + 1 :] if p.field.c != ""), None)
    for other, known in ((before, "<="), (after, ">=")):
        if other is None:
            continue
        named = True
        start = f"offsetof({layout.c}, {other.field.c or other.name})"
        edge = (
            f"{start} + {other.size} {known} {place.offset}"
            if known == "<="
            else f"{start} {known} {place.end}"
        )
        yield _assert(edge, f"{key} between its neighbours")
    if not named or after is None:
        yield _assert(f"sizeof({layout.c}) >= {place.end}", f"{key} inside")


def constant_assertions(table: Constants) -> Iterator[tuple[str, str]]:
    """(key, C) of the value of each constant."""
    for name, value in table.items():
        asserted = _assert(
            f"(long long){name} == {value}LL || (unsigned){name} == {value & 0xFFFFFFFF}u", name
        )
        yield name, _guarded(name, table.since.get(name, ""), asserted)


def _guarded(name: str, since: str, asserted: str) -> str:
    """The assertion, asked for where the headers are new enough or the name is there already."""
    if not since:
        return asserted
    if since.startswith("glibc "):
        major, minor = since.removeprefix("glibc ").split(".")
        new = f"__GLIBC_PREREQ({major}, {minor})"
    else:
        major, minor = since.split(".")
        new = f"LINUX_VERSION_CODE >= KERNEL_VERSION({major}, {minor}, 0)"
    return f"#if {new} || defined({name})\n{asserted}\n#endif"


def units(arch: Arch) -> dict[tuple[str, ...], dict[str, str]]:
    """Headers -> {key: C} for everything declared."""
    found: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for layout in catalog.layouts().values():
        found[(layout.header,)].update(layout_assertions(layout, arch))
    for table in catalog.tables():
        if table.prefix == "O_" and table is not open_flags(arch):
            continue
        found[table.headers].update(constant_assertions(table))
    return found


def declared() -> set[str]:
    """The keys that have to be asserted: every layout, field and constant."""
    keys = {name for table in catalog.tables() if table is not O_ARM for name in table}
    for layout in catalog.layouts().values():
        keys.add(layout.name)
        keys.update(f"{layout.name}.{field.name}" for field in layout.members)
    return keys


def source(headers: tuple[str, ...], assertions: dict[str, str]) -> str:
    needed = [*(first for header in headers for first in _BEFORE.get(header, ())), *headers]
    includes = "".join(f"#include <{header}>\n" for header in dict.fromkeys(needed))
    return includes + _FIRST + "\n".join(assertions.values()) + "\n"


def compile_only(compiler: Compiler, text: str) -> str:
    """What the compiler complains of, empty where nothing."""
    command = [*compiler.command, "-std=gnu11", "-D_GNU_SOURCE", "-w", "-fsyntax-only", "-x", "c", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stderr
