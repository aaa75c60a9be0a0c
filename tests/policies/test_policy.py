"""Policy files: every key, composition, and every misuse with file, line and key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrace_net.policies.mapping import DEFAULT_PAIRS, pair
from ptrace_net.policies.policy import Policy, PolicyError, load, names, parse


def test_nothing_said_changes_nothing() -> None:
    base = Policy("ipv6", (pair("::2/128", "10.0.0.2/32"),))
    assert parse("# nothing\n", "p.toml", base) == base
    assert parse("", "p.toml") == Policy("ipv4", DEFAULT_PAIRS)


def test_every_key() -> None:
    policy = parse('serve = "ipv6"\n[map]\n"2001:db8::/120" = "10.9.0.0/24"\n', "p.toml")
    assert policy.serve == "ipv6"
    assert policy.pairs == (pair("2001:db8::/120", "10.9.0.0/24"), *DEFAULT_PAIRS)
    assert policy.addresses.four(bytes.fromhex("20010db8" + "0" * 22 + "07")) == b"\x0a\x09\x00\x07"


def test_later_pairs_come_first() -> None:
    first = parse('[map]\n"::5/128" = "10.0.0.1/32"\n', "a")
    second = parse('[map]\n"::5/128" = "10.0.0.2/32"\n', "b", first)
    assert second.addresses.four(bytes(15) + b"\x05") == bytes([10, 0, 0, 2])
    assert second.addresses.six(bytes([10, 0, 0, 1])) == bytes(15) + b"\x05"


MISUSE = [
    ("serv = 1\n", "p.toml:1: serv: unknown key; known are calls, control, "),
    ("\n\n  nothing.here = 1\n", "p.toml:3: nothing: unknown key"),
    ("# a\n[other]\nx = 1\n", "p.toml:2: other: unknown key"),
    ("[[other]]\nx = 1\n", "p.toml:1: other: unknown key"),
    ('"odd key" = 1\n', "p.toml:1: odd key: unknown key"),
    ('\nserve = "ipv5"\n', "p.toml:2: serve: 'ipv5' is neither"),
    ("serve = 4\n", "p.toml:1: serve: 4 is neither"),
    ('serve = ["ipv4"]\n', "p.toml:1: serve: ['ipv4'] is neither"),
    ("[serve]\nx = 1\n", "p.toml:1: serve: {'x': 1} is neither"),
    ("map = 3\n", "p.toml:1: map: a table of IPv6 prefix = IPv4 prefix is wanted"),
    ("[[map]]\n", "p.toml:1: map: a table of"),
    ('[map]\n"::1/128" = 5\n', "p.toml:2: ::1/128: the IPv4 prefix is wanted as a string"),
    ('[map]\n"::/120" = "10.0.0.0/24"\n"::3/120" = "10.0.0.0/24"\n', "p.toml:3: ::3/120: '::3/120' has bits"),
    ('[map]\n"::/64" = "10.0.0.0/8"\n', "p.toml:2: ::/64: '::/64' has 64 host bits"),
    ('map = {"x" = "10.0.0.0/8"}\n', "x: 'x' is not ADDRESS/LENGTH"),
    ('serve = "ipv4\n', "p.toml:1: "),
    ('serve = "ipv4"\n[map]\n"::1/128" = [', "p.toml:3: "),
    ('serve = "ipv4"\n\n= 3\n', "p.toml:3: "),
    ('serve = "ipv4"\nserve = "ipv6"\n', "p.toml:2: "),
]


@pytest.mark.parametrize(("text", "said"), MISUSE)
def test_misuse_names_file_line_and_key(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(text, "p.toml")
    assert str(caught.value).startswith("p.toml:")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_policy_or_an_error(text: str) -> None:
    try:
        policy, said = parse(text, "p.toml"), ""
    except PolicyError as error:
        policy, said = Policy(), str(error)
    assert isinstance(policy, Policy)
    assert not said or said.startswith("p.toml:")


def test_deep_nesting_is_an_error_too() -> None:
    with pytest.raises(PolicyError, match=r"p\.toml:1: "):
        parse("serve = " + "[" * 5000, "p.toml")


def test_files(tmp_path: Path) -> None:
    assert names() == sorted(names())
    assert "ipv6-on-ipv4" in names()
    for name in names():
        assert isinstance(load(name), Policy)
    assert load("ipv4-on-ipv6").serve == "ipv6"
    assert load("ipv4-on-ipv6").addresses.six(b"\x08\x08\x08\x08").hex() == "0064ff9b" + "0" * 16 + "08080808"
    mine = tmp_path / "mine.toml"
    mine.write_text('serve = "ipv6"\n')
    assert load(str(mine)).serve == "ipv6"
    mine.write_bytes(b"a = 1\n\xff = 2\n")
    with pytest.raises(PolicyError, match=r"mine\.toml:\d+: not UTF-8"):
        load(str(mine))
    with pytest.raises(FileNotFoundError):
        load(str(tmp_path / "absent.toml"))
    with pytest.raises(IsADirectoryError):
        load(str(tmp_path))
