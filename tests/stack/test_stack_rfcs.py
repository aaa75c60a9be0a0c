"""docs/rfcs.md says truly which modules and tests there are, and leaves out nothing that was to be built."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / "ptrace_net" / "stack"
PAGE = (ROOT / "docs" / "rfcs.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| what |")
]
TO_BUILD = (
    "Ethernet", "ARP", "IPv4", "fragmentation", "reassembly", "IPv6", "NDP", "router discovery", "DAD",
    "extension headers", "echo", "unreachable", "too big", "time exceeded", "SO_ERROR", "IP_RECVERR", "IGMP",
    "MLD", "UDP", "routing table", "source address selection", "DHCPv4", "state machine",
    "sequence arithmetic",
    "retransmission with RTO", "SACK", "window scaling", "timestamps", "PAWS", "delayed ACK", "Nagle", "cork",
    "fast retransmit", "NewReno", "CUBIC", "zero-window probes", "keep-alive", "FIN", "TIME_WAIT",
    "RST in every state", "simultaneous open and close", "SYN cookies", "bounded SYN queue", "challenge ACKs",
    "path MTU",
    "initial sequence numbers", "ports", "TCP_INFO",
)  # fmt: skip
RFCS = ("6298", "5961", "6528", "6056")


def functions(stem: str) -> set[str]:
    """The tests of the file with that name; base names are unique."""
    (path,) = (ROOT / "tests").rglob(f"{stem}.py")
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_modules_and_tests_exist(row: list[str]) -> None:
    _what, rfcs, modules, tests = row
    assert rfcs
    named = re.findall(r"`([\w/]+)`", modules)
    assert named
    assert not [name for name in named if not (STACK / f"{name}.py").is_file()]
    proofs = re.findall(r"`(\w+)\.(\w+)`", tests)
    assert proofs
    assert not [(stem, test) for stem, test in proofs if test not in functions(stem)]


def test_the_text_names_tests_that_there_are() -> None:
    proofs = re.findall(r"`(test_\w+)\.(test_\w+)`", PAGE)
    assert len(proofs) > len(ROWS)
    assert not [(stem, test) for stem, test in proofs if test not in functions(stem)]


@pytest.mark.parametrize("item", TO_BUILD)
def test_nothing_is_left_out(item: str) -> None:
    assert any(item.lower() in row[0].lower() for row in ROWS)


@pytest.mark.parametrize("rfc", RFCS)
def test_documents_are_named(rfc: str) -> None:
    assert any(rfc in row[1] for row in ROWS)
