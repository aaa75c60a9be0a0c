"""Whatever registers and memory hold, decoding and rendering give a line and never raise."""

import json

import pytest
from fake_task import FakeTask
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrace_net.abi.arch import AARCH64, I386, S390X, X86_64
from ptrace_net.report import jsonlines
from ptrace_net.report.text import call_text, head_text, quoted
from ptrace_net.syscalls.decode.call import (
    DecodedCall,
    arguments,
    decode_entry,
    decode_exit,
    time_left,
)
from ptrace_net.syscalls.decode.netlink import datagram
from ptrace_net.syscalls.decode.options import control, option_value
from ptrace_net.syscalls.seam import Call
from ptrace_net.syscalls.table import ARGUMENTS, typed

START = 0x10000
SIZE = 512
REGISTERS = st.one_of(
    st.integers(START - 8, START + SIZE + 8),  # in and around the memory
    st.integers(-200, 200).map(lambda number: number & 0xFFFFFFFFFFFFFFFF),
    st.sampled_from([0x8912, 0x8913, 0x8915, 0x8927, 0x5421, 1, 2, 10, 16, 17, 41, 1024, 1 << 31]),
    st.integers(0, (1 << 64) - 1),
)
SHORT = st.binary(max_size=SIZE)
# Memory that looks like structs: small numbers and pointers into itself, in words.
WORDS = st.lists(st.one_of(st.integers(0, 64), st.integers(START, START + SIZE)), max_size=SIZE // 8).map(
    lambda words: b"".join(word.to_bytes(8, "little") for word in words)
)
MEMORY = st.one_of(SHORT, WORDS, st.integers(0, 45).flatmap(
    lambda family: SHORT.map(lambda rest: family.to_bytes(2, "little") + rest)
))  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(sorted(ARGUMENTS)),
    st.sampled_from([X86_64, I386, AARCH64, S390X]),
    st.lists(REGISTERS, min_size=6, max_size=6),
    MEMORY,
    st.one_of(st.integers(-133, 2000), st.sampled_from([-512, -514, -516, 1 << 40])),
)
def test_any_call_is_shown(name, arch, registers, memory, result) -> None:
    call = Call(FakeTask(memory, START), arch, name, typed(name, tuple(registers), arch))
    entry = decode_entry(call)
    assert head_text(name, entry.values).startswith(name + "(")
    values = decode_exit(call, entry, result)
    assert call_text(name, values).count("(") >= 1
    left = time_left(call, entry, result)
    decoded = DecodedCall(0.0, 1, 1, name, arch.name, arguments(name, values), call.args, result, (), left)
    assert json.loads(jsonlines.line(decoded))["call"] == name


@settings(max_examples=300, deadline=None)
@given(MEMORY, st.sampled_from([0, 4, 15, 16, 99]), st.sampled_from([X86_64, S390X]))
def test_any_datagram_is_shown(data, protocol, arch) -> None:
    assert call_text("recv", [datagram(data, protocol, arch)])


@settings(max_examples=300, deadline=None)
@given(MEMORY, st.sampled_from([0, 1, 6, 17, 41, 58, 263, 270, 999]), st.integers(0, 90))
def test_any_option_and_control_buffer_is_shown(data, level, number) -> None:
    assert call_text("setsockopt", [option_value(level, number, data, X86_64)])
    head = (16 + len(data)).to_bytes(8, "little") + level.to_bytes(4, "little") + number.to_bytes(4, "little")
    assert call_text("sendmsg", [control(head + data, X86_64)])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", '"plain"'),
        (b"\0" + b"1", '"\\0001"'),
        (b"\0a", '"\\0a"'),
        (b'"\\\n', '"\\"\\\\\\n"'),
        (b"\xff", '"\\377"'),
    ],
)
def test_strings_are_quoted_as_strace_does(data, text) -> None:
    assert quoted(data) == text
