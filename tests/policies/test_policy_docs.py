"""docs/policies.md says what there is: every key, behaviour and profile, with examples that are right."""

import re
from pathlib import Path

import pytest

from ptrace_net.policies.behaviour import FIELDS, VERBS
from ptrace_net.policies.choices import ADDRESSED, LIMITS, USES
from ptrace_net.policies.faults import FAULT_KEYS
from ptrace_net.policies.policy import KEYS, load, names, parse
from ptrace_net.policies.support import TABLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
TEXT = PAGE.read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.S)


def rows(heading: str) -> dict[str, str]:
    """The first table below a heading: the names in its first column, and the second."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^` ]+)[^|]*` \| (.*) \|$", section, re.M))


def test_every_key_is_described_and_nothing_else() -> None:
    assert rows("Keys").keys() == set(KEYS)
    for name, spec in TABLES.items():
        assert rows("Keys")[name] == spec.doc


def test_every_behaviour() -> None:
    assert rows("What a kernel has").keys() == set(VERBS)
    told = rows("What a kernel has")["panic"]
    assert re.findall(r"`(\w+)`", told) == list(FIELDS)


@pytest.mark.parametrize("word", [*USES, *LIMITS, *ADDRESSED, *FAULT_KEYS])
def test_every_word_is_named(word: str) -> None:
    assert re.search(rf"\b{word}\b", TEXT)


def test_every_profile() -> None:
    mapping = {name for name in names() if name.startswith("ipv")}
    assert rows("Kernel profiles").keys() == set(names()) - mapping
    assert all(not load(name).restricts for name in mapping)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_right(example: str) -> None:
    assert parse(example, "example.toml").restricts
