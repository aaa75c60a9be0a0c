"""The seccomp-BPF filter, assembled from the set of wanted calls (seccomp(2), linux/filter.h).

A ``Rule`` names a call and, optionally, conditions on its register arguments; everything else is allowed. The
architecture is looked at first, so that `int 0x80` in a 64-bit program meets the rules of i386, and x32 or an
unknown architecture is answered ENOSYS. Calls that no rule names keep a constant verdict per number, which
lets the kernel skip the program for them (its action cache).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch

ALLOW = 0x7FFF0000
TRACE = 0x7FF00000
NOTIFY = 0x7FC00000
ERRNO = 0x00050000
ENOSYS = 38

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JEQ, _JGE, _JSET = 0x15, 0x35, 0x45
_RETURN = 0x06
_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data
_X32_BIT = 0x40000000


class Test(NamedTuple):
    """A condition on the low or high half of argument ``argument``: equal to, at least, or sharing a bit with
    ``value``.
    """

    argument: int
    op: str
    value: int
    high: bool = False


class Rule(NamedTuple):
    """``verdict`` for a call when every test holds; with no rule of the call holding it is allowed."""

    call: str
    tests: tuple[Test, ...] = ()
    verdict: int = TRACE


def equal(index: int, value: int) -> Test:
    return Test(index, "eq", value & 0xFFFFFFFF)


def at_least(index: int, value: int) -> Test:
    return Test(index, "ge", value)


def below(index: int, value: int) -> Test:
    return Test(index, "lt", value)


def shares(index: int, mask: int) -> Test:
    return Test(index, "set", mask)


def not_null(call: str, index: int, verdict: int = TRACE) -> tuple[Rule, Rule]:
    """Rules that hold when pointer argument ``argument`` is not NULL: either half has a bit."""
    low = Test(index, "set", 0xFFFFFFFF)
    high = Test(index, "set", 0xFFFFFFFF, high=True)
    return Rule(call, (low,), verdict), Rule(call, (high,), verdict)


Instruction = tuple[int, int, int, int]
# Looked at for each message: the kernel remembers of other calls that they pass whatever their arguments are.
_FIRST = ("sendto", "recvfrom")


def assemble(rules: Sequence[Rule], arches: Iterable[Arch]) -> bytes:
    """The filter program as an array of ``struct sock_filter`` (8 bytes each, native order)."""
    program: list[Instruction] = [(_LOAD, 0, 0, _ARCH)]
    for arch in arches:
        body = _arch_body(rules, arch)
        if len(body) > 255:
            program += [(_JEQ, 1, 0, arch.audit), (0x05, 0, 0, len(body)), *body]
        else:
            program += [(_JEQ, 0, len(body), arch.audit), *body]
    program.append((_RETURN, 0, 0, ERRNO | ENOSYS))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _arch_body(rules: Sequence[Rule], arch: Arch) -> list[Instruction]:
    body: list[Instruction] = [(_LOAD, 0, 0, _NR)]
    if arch.name == "x86_64":
        body += [(_JGE, 0, 1, _X32_BIT), (_RETURN, 0, 0, ERRNO | ENOSYS)]
    by_call: dict[int, list[Rule]] = {arch.syscalls[call]: [] for call in _FIRST if call in arch.syscalls}
    for rule in rules:
        if rule.call in arch.syscalls:
            by_call.setdefault(arch.syscalls[rule.call], []).append(rule)
    for number, alternatives in by_call.items():
        if not alternatives:
            continue
        block = _call_block(alternatives, arch)
        if len(block) > 255:
            body += [(_JEQ, 1, 0, number), (0x05, 0, 0, len(block)), *block]
        else:
            body += [(_JEQ, 0, len(block), number), *block]
    body.append((_RETURN, 0, 0, ALLOW))
    return body


def _call_block(alternatives: list[Rule], arch: Arch) -> list[Instruction]:
    block: list[Instruction] = []
    for rule in alternatives:
        block += _rule_block(rule, arch)
        if not rule.tests:
            return block
    block.append((_RETURN, 0, 0, ALLOW))
    return block


def _rule_block(rule: Rule, arch: Arch) -> list[Instruction]:
    """Each test loads its argument and jumps past the verdict when it does not hold."""
    block: list[Instruction] = []
    for position, test in enumerate(rule.tests):
        skip = 2 * (len(rule.tests) - position) - 1
        hit, miss = 0, skip
        if test.op == "lt":
            hit, miss = skip, 0
        operation = {"eq": _JEQ, "ge": _JGE, "lt": _JGE, "set": _JSET}[test.op]
        block += [(_LOAD, 0, 0, _argument_offset(test, arch)), (operation, hit, miss, test.value)]
    block.append((_RETURN, 0, 0, rule.verdict))
    return block


def picks(rules: Iterable[Rule], name: str, args: Sequence[int]) -> bool:
    """Whether the filter hands the call to the supervisor; ``args`` are its six registers."""
    for rule in rules:
        if rule.call == name and all(_holds(test, args) for test in rule.tests):
            return rule.verdict in (TRACE, NOTIFY)
    return False


def _holds(test: Test, args: Sequence[int]) -> bool:
    half = args[test.argument] >> (32 if test.high else 0) & 0xFFFFFFFF
    return {
        "eq": half == test.value, "ge": half >= test.value, "lt": half < test.value,
        "set": bool(half & test.value),
    }[test.op]  # fmt: skip


def _argument_offset(test: Test, arch: Arch) -> int:
    high_first = arch.endian == ">"
    return _ARGS + 8 * test.argument + (4 if test.high != high_first else 0)
