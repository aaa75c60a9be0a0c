"""Decoded values as values of a recording, and cut to a length."""

import pytest

from ptrace_net.abi.arch import ARCHES
from ptrace_net.record import model
from ptrace_net.record.sockaddr import Endpoint, endpoint_of
from ptrace_net.report.record_options import payload
from ptrace_net.report.record_values import cut, recorded
from ptrace_net.syscalls.decode.sockaddr import sockaddr
from ptrace_net.syscalls.decode.values import (
    Applied,
    Array,
    Change,
    Data,
    Host,
    Name,
    Pointer,
    Struct,
    Symbol,
    Value,
)

X86_64 = ARCHES["x86_64"]


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (5, 5),
        (Symbol("AF_INET", 2), model.Symbol("AF_INET", 2)),
        (Data(b"ab", 9), model.Data(b"ab", 9)),
        (Pointer(8), model.Pointer(8)),
        (Name(b"/run/s"), model.Data(b"/run/s", 6)),
        (Name(b"\0abstract"), model.Data(b"@abstract", 9)),
        (Host("::1", 10), model.Data(b"::1", 3)),
        (Applied("htons", 80, 80), 80),
        (Applied("htons", Symbol("ETH_P_ALL", 3), 768), model.Symbol("htons(ETH_P_ALL)", 768)),
        (Array((Change(1, 2),), True), model.Array((model.Change(1, 2),), True)),
        (Struct((("a", Name(b"lo")),), True), model.Struct((("a", model.Data(b"lo", 2)),), True)),
    ],
)
def test_every_value_has_its_counterpart(value: Value, same: model.Value) -> None:
    assert recorded(value) == same


@pytest.mark.parametrize(
    ("raw", "endpoint"),
    [
        (b"\2\0\x1f\x90\x7f\0\0\1" + bytes(8), Endpoint(2, "127.0.0.1", 8080)),
        (b"\x0a\0\x1f\x90" + bytes(19) + b"\1" + bytes(4), Endpoint(10, "::1", 8080)),
        (b"\1\0/run/s\0", Endpoint(1, "/run/s")),
        (b"\1\0\0name", Endpoint(1, "@name")),
        (b"\x10\0\0\0\7\0\0\0\1\0\0\0", Endpoint(16, "", 7, 1)),
    ],
)
def test_replay_understands_recorded_addresses(raw: bytes, endpoint: Endpoint) -> None:
    assert endpoint_of(recorded(sockaddr(raw, X86_64))) == endpoint


def test_only_buffers_are_cut() -> None:
    piece = Struct((("iov_base", Data(b"12345", 5)), ("iov_len", 5)))
    name = Struct((("sa_data", Data(b"12345", 5)),))
    message = Struct((("msg_name", name), ("msg_iov", Array((piece,))), ("msg_control", Data(b"12345", 5))))
    shorter = Struct((("iov_base", Data(b"12", 5)), ("iov_len", 5)))
    expected = (("msg_name", name), ("msg_iov", Array((shorter,))), ("msg_control", Data(b"12345", 5)))
    assert cut("msg", message, 2) == Struct(expected)
    assert cut("buf", Data(b"12345", 9), 2) == Data(b"12", 9)
    assert cut("optval", Data(b"12345", 5), 2) == Data(b"12345", 5)


def test_payload_words() -> None:
    assert [payload(word) for word in ("all", "none", "0", "17")] == [None, 0, 0, 17]
