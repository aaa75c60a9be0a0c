"""The search finds what is essential in few runs; policies are made from features; symbols are read."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrace_net.needs.elf import Symbols
from ptrace_net.needs.features import Feature, lacks
from ptrace_net.needs.profile import only, without
from ptrace_net.needs.search import Group, pieces, search
from ptrace_net.policies.policy import parse

CALLS = ("bind", "connect", "getsockopt", "setsockopt", "sendmsg", "socket")
FEATURES: Group = (
    Feature("families", (2,)), Feature("families", (10,)), Feature("families", (16,)),
    Feature("types", (2, 1)), Feature("types", (2, 2)), Feature("types", (10, 1)),
    Feature("protocols", (2, 1, 6)), Feature("protocols", (10, 1, 6)), Feature("protocols", (2, 2, 17)),
    *(Feature("calls", (name,)) for name in CALLS),
    Feature("flags", ("socket", 0x80000)), Feature("flags", ("sendmsg", 0x4000)),
    *(Feature("options", (1, number, "set")) for number in range(2, 14)),
    Feature("options", (1, 4, "get")), Feature("control", (1, 1)), Feature("netlink", (0, 18)),
    Feature("netlink", (0, 22)), Feature("files", ("/proc/net/tcp", "open")),
)  # fmt: skip


class Program:
    """Works while it has one feature of each of ``needs``."""

    def __init__(self, needs: Sequence[Sequence[Feature]]) -> None:
        self.needs, self.runs = needs, 0

    def works(self, gone: Group) -> bool:
        return all(any(not _is_gone(feature, gone) for feature in one) for one in self.needs)

    def test(self, groups: Sequence[Group]) -> list[bool]:
        self.runs += len(groups)
        return [self.works(group) for group in groups]


def _is_gone(feature: Feature, gone: Group) -> bool:
    """With a family its types are gone, with a call its flags: as under a policy."""
    policy = parse(without(gone), "gone.toml")
    ways = {"set": "setsockopt", "get": "getsockopt"}
    parents = {
        "types": [Feature("families", feature.key[:1])],
        "protocols": [Feature("families", feature.key[:1]), Feature("types", feature.key[:2])],
        "flags": [Feature("calls", feature.key[:1])],
        "options": [Feature("calls", (ways.get(str(feature.key[-1]), ""),))],
        "netlink": [Feature("families", (16,))],
    }.get(feature.table, [])  # fmt: skip
    return any(lacks(policy, each) for each in (feature, *parents))


needs_of = st.lists(st.lists(st.sampled_from(FEATURES), min_size=1, max_size=3), max_size=8)


@settings(deadline=None, max_examples=60)
@given(needs_of)
def test_the_lists_are_what_they_say(needs: list[list[Feature]]) -> None:
    program = Program(needs)
    found = search(FEATURES, program.test)
    assert sorted((*found.essential, *found.tolerated, *found.alternatives)) == sorted(FEATURES)
    assert all(not program.works((feature,)) for feature in found.essential)
    assert program.works(found.tolerated)
    for feature in found.alternatives:
        assert program.works((feature,))
        assert not program.works((*found.tolerated, feature))


@settings(deadline=None, max_examples=30)
@given(st.sets(st.sampled_from([each for each in FEATURES if each.table == "options"]), max_size=2))
def test_few_runs(essential: set[Feature]) -> None:
    """Where little is essential the search needs fewer runs than there are features."""
    program = Program([[each] for each in essential])
    found = search(FEATURES, program.test)
    assert essential <= set(found.essential)
    assert program.runs <= 19 + 4 * len(essential) < len(FEATURES) + 8
    assert program.runs < len(FEATURES)


@given(st.lists(st.sampled_from(FEATURES)), st.integers(1, 9))
def test_pieces(features: list[Feature], count: int) -> None:
    parts = pieces(tuple(features), count)
    assert [each for part in parts for each in part] == features
    assert all(parts)
    assert not parts or max(map(len, parts)) - min(map(len, parts)) <= 1


@settings(deadline=None, max_examples=50)
@given(st.sets(st.sampled_from(FEATURES)))
def test_a_policy_takes_away_what_it_is_told_to(gone: set[Feature]) -> None:
    policy = parse(without(gone), "gone.toml")
    assert {each for each in FEATURES if lacks(policy, each)} == gone


@settings(deadline=None, max_examples=50)
@given(st.sets(st.sampled_from(FEATURES)))
def test_the_smallest_profile_has_what_it_is_told_to_and_nothing_else(kept: set[Feature]) -> None:
    gone = set(FEATURES) - kept
    policy = parse(only(kept, gone, "title"), "only.toml")
    names = {each.key[0] for each in kept if each.table == "calls"}
    for each in FEATURES:
        if each.table != "flags" or each.key[0] in names:
            assert bool(lacks(policy, each)) == (each in gone)
    others = (("families", (17,)), ("calls", ("listen",)), ("options", (6, 1, "set")), ("ioctls", (0x8913,)))
    assert all(lacks(policy, Feature(table, key)) for table, key in others)


C_SOURCE = """
static int hidden(int number) { return number + 1; }
int (*chosen)(int) = hidden;
int shown(int number) { return chosen(number) * 3; }
int main(int argc, char **argv) { return shown(argc); }
"""


@pytest.mark.parametrize("flags", [[], ["-s"], ["-static"], ["-no-pie"]])
def test_symbols_are_those_of_nm(flags: list[str], tmp_path: Path) -> None:
    source, program = tmp_path / "p.c", tmp_path / "p"
    source.write_text(C_SOURCE)
    subprocess.run(["gcc", "-O1", "-rdynamic", *flags, "-o", program, source], check=True)
    table = "-D" if "-s" in flags else "-a"
    listed = subprocess.run(["nm", table, program], capture_output=True, text=True, check=False)
    rows = [line.split() for line in listed.stdout.splitlines()]
    rows = [line.split() for line in listed.stdout.splitlines()]
    known = {row[2]: int(row[0], 16) for row in rows if row[1:2] in (["T"], ["t"])}
    headers = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=True).stdout
    loads = [line.split() for line in headers.splitlines() if line.split()[:1] == ["LOAD"]]
    symbols = Symbols(str(program))
    for name in ("main", "shown", *(["hidden"] if "-s" not in flags else [])):
        address = known[name]
        offset, base = next((int(row[1], 16), int(row[2], 16)) for row in loads
                            if int(row[2], 16) <= address < int(row[2], 16) + int(row[5], 16))  # fmt: skip
        assert symbols.at(address - base + offset + 1) == name


@given(st.binary(max_size=300))
def test_no_bytes_trip_the_reader(data: bytes) -> None:
    hostile(lambda path: path.write_bytes(data))


@given(st.integers(0, 63), st.integers(0, 255))
def test_a_damaged_file_has_fewer_symbols_and_no_error(at: int, value: int) -> None:
    whole = Path("/bin/true").resolve().read_bytes()
    hostile(lambda path: path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :]))


def hostile(write: Callable[[Path], object]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        write(path)
        assert isinstance(Symbols(str(path)).at(100), str)
    assert Symbols("/nonexistent").at(0) == ""
