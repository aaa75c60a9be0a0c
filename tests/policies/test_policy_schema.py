"""Every key that a policy may have, with those of its tables: a test of its use, and one of its misuse."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import test_policy
import test_policy_inject
import test_policy_keys
import test_policy_misuse

from ptrace_net.policies import choices
from ptrace_net.policies.faults import FAULT_KEYS
from ptrace_net.policies.policy import KEYS
from ptrace_net.policies.problem import Problem
from ptrace_net.policies.values import Limits

HERE = Path(__file__).parent
# Used by tests of their own: the file, and what stands in it.
ELSEWHERE = {
    "title": ("test_policy_profiles.py", "policy.title"),
    "serve": ("test_policy.py", 'serve = "ipv6"'),
    "map": ("test_policy.py", "[map]"),
    "lane": ("../wire/test_wire_links.py", 'lane = "wire"'),
    "impair": ("test_policy_inject.py", 'impair = ["lo:'),
    "timeline.impair": ("test_policy_inject.py", 'impair = ["lo:loss=100%"]'),
    "seed": ("test_policy_schema.py", "seed = 7"),
    "ports": ("test_policy_keys.py", '[ports]\\n"80" = {port}'),
    "limits.backlog": ("test_policy_keys.py", "[limits]\\nbacklog = 1"),
    "provider.calls": ("test_policy_mixed.py", 'calls=["bind"]'),
    "provider.protocol": ("test_policy_mixed.py", '"protocol": "IPPROTO_TCP"'),
}


def known(parse: Any, *given: object) -> tuple[str, ...]:
    """The keys of a table, as its own error tells them."""
    with pytest.raises(Problem) as caught:
        parse(*given)
    return tuple(re.search(r"known are ([\w, ]+)", caught.value.text)[1].split(", "))


SCHEMA = [
    *KEYS,
    *(f"provider.{key}" for key in known(choices.parse_provider, {"": 0}, "")),
    *(f"limits.{key}" for key in known(choices.parse_limits, {"": 0}, Limits())),
    *(f"timeline.{key}" for key in known(choices.parse_timeline, {"": 0})),
    *(f"inject.{key}" for key in FAULT_KEYS),
]
TABLES = {key.partition(".")[0] for key in SCHEMA if "." in key} - {"inject"}


def named(document: dict[str, Any]) -> set[str]:
    """The keys that a policy names."""
    found = set(document)
    for table in TABLES & document.keys():
        rows = document[table] if isinstance(document[table], list) else [document[table]]
        found |= {f"{table}.{key}" for row in rows for key in row}
    return found


def used() -> set[str]:
    """By policies that real programs run under."""
    found: set[str] = set()
    for policy, _, _ in test_policy_keys.USES.values():
        found |= named(tomllib.loads(policy))
    source = Path(test_policy_inject.__file__).read_text()
    return found | {f"inject.{key}" for key in FAULT_KEYS if re.search(rf"[:\"]{key}=", source)}


def misused() -> set[str]:
    found: set[str] = set()
    for text, said in [*test_policy_misuse.MISUSE, *test_policy.MISUSE]:
        told = re.match(r"p\.toml:\d+: (\w+):", said)
        table = re.match(r"\[*(\w+)", text.lstrip())
        found |= {table[1]} if table else set()
        if told and table:
            found |= {told[1], f"{table[1]}.{told[1]}"}
    refused = re.findall(r"\"socket:(?:[^\"]*:)?(\w+)=", Path(test_policy_inject.__file__).read_text())
    spelled = [key for text, said in test_policy_misuse.MISUSE for key in FAULT_KEYS if f"{key}:" in said
               or f"{key}=" in said]  # fmt: skip
    return found | {f"inject.{key}" for key in (*refused, *spelled)}


@pytest.mark.parametrize("key", SCHEMA)
def test_a_use(key: str) -> None:
    if key in ELSEWHERE:
        file, text = ELSEWHERE[key]
        assert text in (HERE / file).read_text()
    else:
        assert key in used()


@pytest.mark.parametrize("key", SCHEMA)
def test_a_misuse(key: str) -> None:
    assert key in misused()


def test_the_seed_of_a_policy_is_that_of_the_command_line(under: test_policy_keys.Under) -> None:
    words = ["socket,2,1,0", "close,@"] * 20
    rule = 'inject = ["socket:error=EMFILE:probability=0.5"]\n'
    told = under(*words, policy=f"seed = 7\n{rule}").lines
    assert told == under(*words, policy=rule, options=("--seed", "7")).lines
    assert told != under(*words, policy=rule, options=("--seed", "8")).lines
