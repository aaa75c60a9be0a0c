"""Every option of linux/in6.h is answered on purpose, and the filter stops at just what is answered here."""

import re
from pathlib import Path

import pytest

from ptrace_net.sockets.options4 import TWINS as REVERSE_TWINS
from ptrace_net.sockets.options6 import GROUPS
from ptrace_net.sockets.options6.rows import REFUSED, ROWS, TWINS
from ptrace_net.sockets.options6.special import GETTERS, SETTERS
from ptrace_net.syscalls.ioctls import REFUSED as REFUSED_IOCTLS
from ptrace_net.tracer.filter import Rule
from ptrace_net.wanted import AF_INET6, TCP_INFO, TCP_ZEROCOPY_RECEIVE, host_rules

HEADER = Path("/usr/include/linux/in6.h")
AF_INET, SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6 = 2, 1, 0, 6, 17, 41
TCP_NODELAY, TCP_CORK, SO_DOMAIN = 1, 3, 39
DEFINITION = re.compile(r"^#define (IPV6_[A-Z0-9_]+)\s+(\d+)\b", re.MULTILINE)
NO_OPTION = re.compile(r"IPV6_(FL_|FLOWINFO_|PRIORITY_|TLV_|PMTUDISC_|PREFER_|FLOWLABEL_)(?!MGR|SEND)")


def options_of_header() -> dict[str, int]:
    text = HEADER.read_text().partition("Options in format")[2] or HEADER.read_text()
    return {name: int(number) for name, number in DEFINITION.findall(text) if not NO_OPTION.match(name)}


@pytest.mark.skipif(not HEADER.exists(), reason="linux/in6.h is not installed")
def test_every_option_of_the_header_has_an_answer() -> None:
    answered = {*ROWS, *REFUSED, *SETTERS, *GETTERS, *GROUPS}
    options = options_of_header()
    assert options["IPV6_FREEBIND"] == 78
    assert len(options) > 55
    assert {name: number for name, number in options.items() if number not in answered} == {}


def test_an_option_is_answered_in_one_place() -> None:
    tables = [set(ROWS), set(REFUSED), SETTERS.keys() | GETTERS.keys(), GROUPS]
    assert sum(len(table) for table in tables) == len(set().union(*tables))


def stops(call: str, *args: int, asked: int = AF_INET6) -> bool:
    """Whether a rule of the host provider holds for a call's first arguments."""
    return any(holds(rule, args) for rule in host_rules(asked) if rule.call == call)


def holds(rule: Rule, args: tuple[int, ...]) -> bool:
    compare = {
        "eq": lambda seen, value: seen == value,
        "ge": lambda seen, value: seen >= value,
        "lt": lambda seen, value: seen < value,
        "set": lambda seen, value: bool(seen & value),
    }
    return all(compare[test.op](args[test.argument] & 0xFFFFFFFF, test.value) for test in rule.tests)


@pytest.mark.parametrize("call", ["setsockopt", "getsockopt"])
def test_of_level_ip_the_filter_stops_at_what_ipv6_has_as_well(call: str) -> None:
    assert {option for option in range(100) if stops(call, 3, IPPROTO_IP, option)} == set(TWINS)
    assert all(stops(call, 3, IPPROTO_IPV6, option) for option in (0, 26, 250, -1))


def test_options_set_per_message_pass() -> None:
    assert not stops("setsockopt", 3, IPPROTO_TCP, TCP_NODELAY)
    assert not stops("setsockopt", 3, IPPROTO_TCP, TCP_CORK)
    assert not stops("getsockopt", 3, IPPROTO_TCP, TCP_INFO)
    assert not stops("getsockopt", 3, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE)
    assert not stops("getsockopt", 3, SOL_SOCKET, SO_DOMAIN + 1)


def test_reading_at_another_protocols_level_stops() -> None:
    others = [(IPPROTO_TCP, TCP_NODELAY), (IPPROTO_TCP, -1), (IPPROTO_UDP, 1), (-1, 1), (2, 1), (999, 1)]
    assert [pair for pair in others if not stops("getsockopt", 3, *pair)] == []


def test_ioctls_that_are_refused_stop() -> None:
    assert {request for request in range(0x8900, 0x8A00) if stops("ioctl", 3, request)} == set(REFUSED_IOCTLS)


def test_ipv4_served_by_ipv6_needs_its_twins_alone() -> None:
    stopping = {option for option in range(256) if stops("setsockopt", 3, IPPROTO_IP, option, asked=AF_INET)}
    assert stopping == set(REVERSE_TWINS)
    assert not stops("getsockopt", 3, IPPROTO_IP, 2, asked=AF_INET)
    assert not stops("ioctl", 3, 0x8915, asked=AF_INET)
    assert stops("getsockopt", 3, SOL_SOCKET, SO_DOMAIN, asked=AF_INET)
