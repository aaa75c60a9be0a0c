"""The seccomp filter against a plain reading of its rules, by a BPF interpreter and by the kernel."""

import errno
import os

import pytest
from bpf import Data, instructions, run
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrace_net.abi.arch import AARCH64, I386, S390X, X86_64
from ptrace_net.sockets.faces import AF_INET, AF_INET6
from ptrace_net.tracer.filter import (
    ALLOW,
    ERRNO,
    NOTIFY,
    TRACE,
    Rule,
    assemble,
    at_least,
    below,
    equal,
    not_null,
    shares,
)
from ptrace_net.wanted import ALWAYS, NO_IO_URING, host_rules, merged, trace_rules

ENOSYS = ERRNO | errno.ENOSYS
BOTH = (X86_64, I386)
WANTED = {
    "host on IPv4": merged(ALWAYS, host_rules(AF_INET6)),
    "host on IPv6": merged(ALWAYS, host_rules(AF_INET)),
    "host, traced": merged(ALWAYS, host_rules(AF_INET6), trace_rules()),
    "notify": tuple(
        rule._replace(verdict=NOTIFY) if rule.verdict == TRACE else rule
        for rule in merged(NO_IO_URING, host_rules(AF_INET6))
    ),
    "one of each": (
        Rule("socket", (equal(0, 10), equal(1, 2))),
        Rule("socket", (at_least(0, 40),), ERRNO | 97),
        Rule("ioctl", (at_least(1, 0x8900), below(1, 0x8A00))),
        Rule("clone", (shares(0, 0x00800000),)),
        *not_null("sendto", 4),
        Rule("bind"),
    ),
}


def holds(test, args) -> bool:
    """One condition, read from the documentation of ``Test``."""
    half = args[test.argument] >> (32 if test.high else 0) & 0xFFFFFFFF
    return {
        "eq": half == test.value,
        "ge": half >= test.value,
        "lt": half < test.value,
        "set": half & test.value != 0,
    }[test.op]


def expected(rules, data: Data) -> int:
    """The first rule of the call whose tests hold decides."""
    arch = {each.audit: each for each in BOTH}.get(data.arch)
    if arch is None or (arch is X86_64 and data.nr & 0xFFFFFFFF >= 0x40000000):
        return ENOSYS
    name = arch.names.get(data.nr)
    for rule in rules:
        if rule.call == name and all(holds(test, data.args) for test in rule.tests):
            return rule.verdict
    return ALLOW


def interesting(rules) -> list[int]:
    """Argument values at which some rule changes its mind, in either half."""
    edges = {0, 1, 0xFFFFFFFF}
    for rule in rules:
        for test in rule.tests:
            edges |= {test.value - 1 & 0xFFFFFFFF, test.value, test.value + 1 & 0xFFFFFFFF}
    return sorted(edges)


def arguments(rules) -> st.SearchStrategy[tuple[int, ...]]:
    half = st.sampled_from(interesting(rules)) | st.integers(0, 0xFFFFFFFF)
    word = st.builds(lambda high, low: high << 32 | low, half, half)
    return st.tuples(*[word] * 6)


@pytest.mark.parametrize("name", WANTED)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_verdicts_are_those_of_the_rules(name: str, data: st.DataObject) -> None:
    rules = WANTED[name]
    program = assemble(rules, BOTH)
    arch = data.draw(st.sampled_from(BOTH))
    numbers = sorted({arch.syscalls[rule.call] for rule in rules if rule.call in arch.syscalls})
    near = st.sampled_from(numbers) | st.integers(0, 600)
    call = Data(data.draw(near), arch.audit, data.draw(arguments(rules)))
    assert run(program, call) == expected(rules, call)


@pytest.mark.parametrize("name", WANTED)
def test_every_call_of_both_architectures(name: str) -> None:
    rules = WANTED[name]
    program = assemble(rules, BOTH)
    for arch in BOTH:
        for number in range(460):
            for value in (0, AF_INET6, 41, 0xFFFFFFFFFFFFFFFF):
                call = Data(number, arch.audit, (value,) * 6)
                assert run(program, call) == expected(rules, call), (arch, number, value)


@pytest.mark.parametrize("number", [0, 41, 0x3FFFFFFF])
@pytest.mark.parametrize("arch", [AARCH64.audit, S390X.audit, 0, 0xFFFFFFFF])
def test_unknown_architectures_are_answered_enosys(arch: int, number: int) -> None:
    assert run(assemble(WANTED["host on IPv4"], BOTH), Data(number, arch)) == ENOSYS


@pytest.mark.parametrize("number", [0x40000000, 0x40000029, 0x4000020D, 0x7FFFFFFF, 0xFFFFFFFF])
def test_x32_numbers_are_answered_enosys(number: int) -> None:
    program = assemble(WANTED["host on IPv4"], BOTH)
    assert run(program, Data(number, X86_64.audit)) == ENOSYS
    assert run(program, Data(number, I386.audit)) == ALLOW


@pytest.mark.parametrize("name", WANTED)
def test_io_uring_and_untraced_clones(name: str) -> None:
    program = assemble(WANTED[name], BOTH)
    for arch in BOTH:
        for call in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
            verdict = run(program, Data(arch.syscalls[call], arch.audit))
            assert verdict == (ALLOW if name == "one of each" else ENOSYS)
        untraced = run(program, Data(arch.syscalls["clone"], arch.audit, (0x00800011, 0, 0, 0, 0, 0)))
        assert untraced == (ALLOW if name == "notify" else TRACE)
        assert run(program, Data(arch.syscalls["clone"], arch.audit, (17, 0, 0, 0, 0, 0))) == ALLOW


def test_streams_are_free() -> None:
    """What a program does per byte must not stop: no address, no interception."""
    program = assemble(WANTED["host on IPv4"], BOTH)
    free = ("read", "write", "sendto", "recvfrom", "poll", "close", "ioctl", "fcntl", "dup", "shutdown")
    for call in free:
        args = (3, 0x7FFF00001000, 10, 0, 0, 0)
        assert run(program, Data(X86_64.syscalls[call], X86_64.audit, args)) == ALLOW
    for high_only in (0x7FFF00000000, 0x1000):
        args = (3, 0x1000, 10, 0, high_only, 0)
        assert run(program, Data(X86_64.syscalls["sendto"], X86_64.audit, args)) == TRACE


def test_long_bodies_jump_further_than_a_byte() -> None:
    """Jump offsets have eight bits: a body of more than 255 instructions needs the long form."""
    calls = [name for name in X86_64.syscalls if name in I386.syscalls][:150]
    rules = [Rule(name, (equal(0, 7),), ERRNO | 1) for name in calls]
    program = assemble(rules, BOTH)
    assert len(instructions(program)) > 512
    for arch in BOTH:
        for name in calls:
            number = arch.syscalls[name]
            assert run(program, Data(number, arch.audit, (7, 0, 0, 0, 0, 0))) == ERRNO | 1
            assert run(program, Data(number, arch.audit, (8, 0, 0, 0, 0, 0))) == ALLOW
    assert run(program, Data(0, AARCH64.audit)) == ENOSYS


@pytest.mark.parametrize("name", WANTED)
def test_programs_that_the_kernel_takes(name: str) -> None:
    """At most BPF_MAXINSNS, every jump inside, and the last instruction returns (bpf_check_classic())."""
    code = instructions(assemble(WANTED[name], BOTH))
    assert len(code) <= 4096
    assert code[-1][0] == 0x06
    for at, (operation, if_true, if_false, k) in enumerate(code):
        steps = [k] if operation == 0x05 else [if_true, if_false] if operation & 7 == 5 else []
        assert all(at + 1 + step < len(code) for step in steps)


def test_unconditional_rules_come_first() -> None:
    tested, plain = Rule("bind", (equal(0, 3),)), Rule("bind", (), NOTIFY)
    assert merged((tested,), (plain,)) == (plain, tested)
    assert run(assemble(merged((tested,), (plain,)), BOTH), Data(49, X86_64.audit, (3,) * 6)) == NOTIFY


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are x86-64's")
def test_the_kernel_reads_the_filter_alike() -> None:
    """In a child of ours: an errno of one rule, and everything else untouched."""
    from ptrace_net.tracer.spawn import install_filter

    program = assemble([Rule("getppid", (equal(0, 5),), ERRNO | errno.EXDEV)], BOTH)
    pid = os.fork()
    if pid == 0:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        install_filter(program)
        refused = libc.syscall(ctypes.c_long(110), ctypes.c_long(5)) == -1
        refused = refused and ctypes.get_errno() == errno.EXDEV
        allowed = libc.syscall(ctypes.c_long(110), ctypes.c_long(6)) == os.getppid()
        x32 = libc.syscall(ctypes.c_long(0x40000000 + 110)) == -1 and ctypes.get_errno() == errno.ENOSYS
        os._exit(refused + 2 * allowed + 4 * x32)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
