"""What the options of a program do to its connection, and what TCP_INFO says of it."""

import time
from collections.abc import Iterator
from dataclasses import fields

import pytest
from wire_net import Net, connection

from ptrace_net.abi.tcp import tcp_info as layout
from ptrace_net.sockets.wire import information, options
from ptrace_net.stack.tcp.socket import TcpSocket
from ptrace_net.stack.tcp.timers import Timer


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


@pytest.fixture
def handle(net: Net) -> TcpSocket:
    _program, server, _asked, _pump = connection(net)
    return server


def apply(handle: TcpSocket, level: int, option: int, value: int) -> None:
    assert (level, option) in options.KNOWN
    options.apply(handle, level, option, value.to_bytes(4, "little", signed=True), time.monotonic())


def test_options_reach_the_connection(handle: TcpSocket) -> None:
    for option, value in (
        (options.TCP_NODELAY, 1), (options.TCP_KEEPIDLE, 30), (options.TCP_KEEPINTVL, 3),
        (options.TCP_KEEPCNT, 2), (options.TCP_MAXSEG, 600), (options.TCP_USER_TIMEOUT, 1500),
        (options.TCP_LINGER2, 5),
    ):  # fmt: skip
        apply(handle, options.IPPROTO_TCP, option, value)
    opts = handle.opts
    assert opts.nodelay
    assert (opts.keepalive_time, opts.keepalive_interval, opts.keepalive_probes) == (30, 3, 2)
    assert (opts.max_seg, opts.user_timeout, opts.fin_timeout) == (600, 1.5, 5)
    apply(handle, options.SOL_SOCKET, options.SO_KEEPALIVE, 1)
    assert handle.tcb.timers.running(Timer.KEEPALIVE)
    apply(handle, options.IPPROTO_IP, options.IP_TTL, 9)
    apply(handle, options.IPPROTO_IP, options.IP_TOS, 0x10)
    assert (handle.tcb.flow.ttl, handle.tcb.flow.tos) == (9, 0x10)
    apply(handle, options.IPPROTO_IPV6, options.IPV6_UNICAST_HOPS, 3)
    assert handle.tcb.flow.ttl == 9  # an IPv4 connection
    apply(handle, options.IPPROTO_IP, options.IP_TTL, -1)
    assert handle.ttl is None
    options.apply(handle, 1, options.SO_LINGER, bytes((1, 0, 0, 0, 7, 0, 0, 0)), 0.0)
    assert handle.linger == 7
    options.apply(handle, 1, options.SO_LINGER, bytes(8), 0.0)
    assert handle.linger is None
    for name, known in ((b"reno\0", "reno"), (b"bbr", "reno")):
        options.apply(handle, options.IPPROTO_TCP, options.TCP_CONGESTION, name, 0.0)
        assert opts.congestion == known


def test_every_known_field_of_tcp_info_is_where_the_header_has_it(handle: TcpSocket) -> None:
    info = handle.info(time.monotonic())
    packed = information.pack(info)
    there = {place.name: place for place in layout.fields()}
    for field in fields(info):
        if field.name.endswith("wscale"):
            continue
        if field.name == "tcpi_rcv_wnd":  # younger than the layout
            continue
        place = there[field.name]
        told = int.from_bytes(packed[place.offset : place.end], "little")
        assert (field.name, told) == (field.name, getattr(info, field.name))
    scales = packed[there["tcpi_wscales"].offset]
    assert scales == info.tcpi_snd_wscale | info.tcpi_rcv_wscale << 4
