"""Any valid policy, with any program: the supervisor does not fail; filter and layer say the same."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from policy_strategies import calls_of_probe, policies, tables

from ptrace_net.abi.arch import X86_64
from ptrace_net.policies.policy import parse
from ptrace_net.policies.text import policy_text
from ptrace_net.policing.layer import Layer
from ptrace_net.policing.rules import policy_rules
from ptrace_net.syscalls.seam import NATIVE, Call, Errno, Fail, Return
from ptrace_net.syscalls.table import ARGUMENTS, typed
from ptrace_net.tracer.filter import ALLOW, ERRNO, TRACE, assemble

FAILED = ("error of ptrace-net itself", "Traceback")
REGISTERS = ("families", "types", "protocols", "calls", "flags", "options", "ioctls")


class Bare:
    """A task that has sockets and no memory."""

    tid = tgid = 0x7FFFFFFF

    def socket_inode(self, fd: int) -> int:
        return 1

    def read_up_to(self, address: int, size: int) -> bytes:
        return b""

    def read(self, address: int, size: int) -> bytes:
        raise Errno(14)

    def scratch(self, size: int) -> int:
        return 0

    def held(self, fd: int) -> int:
        return -1

    def borrow(self, fd: int) -> int:
        raise Errno(9)


class NoRun:
    status = 0

    def thread_groups(self) -> set[int]:
        return set()

    def tasks(self) -> list[Bare]:
        return []


small = st.sampled_from(
    (0, 1, 2, 3, 4, 6, 10, 16, 17, 26, 41, 0x42, 0x5421, 0x8913, 0x80001, 0x4000, 0xFFFFFFFF)
)


@settings(deadline=None, max_examples=300)
@given(tables(REGISTERS), st.sampled_from([name for name in ARGUMENTS if name in X86_64.syscalls]),
       st.lists(small, min_size=6, max_size=6))  # fmt: skip
def test_filter_and_layer_say_the_same(text: str, name: str, registers: list[int]) -> None:
    """What the filter answers, the layer would have answered; what it lets through, the layer would have."""
    from bpf import Data, run

    policy = parse(text, "p.toml")
    program = assemble(policy_rules(policy, watched=False), [X86_64])
    verdict = run(program, Data(X86_64.syscalls[name], X86_64.audit, tuple(registers)))
    layer = Layer(policy, lambda call: NATIVE, NoRun())
    layer.begin()
    answer = layer.dispatch(Call(Bare(), X86_64, name, typed(name, tuple(registers), X86_64)))
    if verdict == ALLOW:
        assert answer == NATIVE
    elif verdict != TRACE:
        assert verdict & ~0xFFFF == ERRNO
        number = verdict & 0xFFFF
        assert answer == (Fail(number) if number else Return(0))


@settings(deadline=None, max_examples=200)
@given(policies())
def test_every_policy_makes_a_filter_and_is_shown_as_it_is(text: str) -> None:
    policy = parse(text, "p.toml")
    for watched in (False, True):
        program = assemble(policy_rules(policy, watched), [X86_64])
        assert len(program) // 8 < 4096  # BPF_MAXINSNS
    shown = policy_text(policy)
    again = parse(shown, "again.toml")
    assert [row._replace(told="") for row in again.providers] == [
        row._replace(told="") for row in policy.providers
    ]
    for name, table in policy.tables.items():
        told = {key: entry.behaviour for key, entry in again.table(name).items()}
        assert told == {key: entry.behaviour for key, entry in table.items()}
    assert (again.ports, again.limits, len(again.faults)) == (policy.ports, policy.limits, len(policy.faults))


def run_under(
    command: list[str], folder: Path, text: str, probe: Path, words: list[str], options: list[str]
) -> None:
    file = folder / "random.toml"
    file.write_text(text)
    try:
        done = subprocess.run(
            [*command, "--policy", str(file), *options, "--", str(probe), *words],
            capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:  # a call that blocks, made to by an injected result
        said = (error.stderr or b"").decode()
        assert not any(word in said for word in FAILED), said
        return
    assert not any(word in done.stderr for word in FAILED), done.stderr
    assert (
        done.returncode != 125 or "needs the ptrace engine" in done.stderr or "need the ptrace" in done.stderr
    )
    if done.returncode == 0:
        assert len(
            [line for line in done.stdout.splitlines() if line.split()[-1].lstrip("-").isdigit()]
        ) >= len(words)


# A failing example costs a run of the program for every attempt to make it smaller.
SLOWLY = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
}


@settings(max_examples=12, **SLOWLY)
@given(policies(), calls_of_probe, st.sampled_from(([], ["-t"], ["--engine", "notify"], ["--net", "stack"])))
def test_no_policy_makes_the_supervisor_fail(
    ptrace_net_command: list[str],
    probe: Path,
    tmp_path: Path,
    text: str,
    words: list[str],
    options: list[str],
) -> None:
    run_under(ptrace_net_command, tmp_path, text, probe, words, options)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=300, **SLOWLY)
@given(policies(), calls_of_probe, st.sampled_from(([], ["-t"], ["--engine", "notify"], ["--net", "stack"])))
def test_no_policy_makes_the_supervisor_fail_often(
    ptrace_net_command: list[str],
    probe: Path,
    tmp_path: Path,
    text: str,
    words: list[str],
    options: list[str],
) -> None:
    run_under(ptrace_net_command, tmp_path, text, probe, words, options)
