"""`ptrace-net policy list|show|check`: what policies there are, what they say, whether they are right."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ptrace_net.failure import OWN_FAILURE, complain
from ptrace_net.policies import policy


def main(argv: list[str]) -> int:
    """The exit status: 0, or 125 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="ptrace-net policy", description="Which policies there are.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|check")
    verbs.add_parser("list", help="the policies that come with the program")
    texts = {"show": "what they come to, later ones over earlier", "check": "whether they are right"}
    for verb, text in texts.items():
        verbs.add_parser(verb, help=text).add_argument("names", nargs="+", metavar="NAME|FILE")
    try:
        options = parser.parse_args(argv)
    except SystemExit as usage:
        return OWN_FAILURE if usage.code else 0
    try:
        return _VERBS[options.verb](getattr(options, "names", []))
    except policy.PolicyError as error:
        complain(f"policy {error}")
    except OSError as error:
        if error.filename is None:  # not a policy's: the output's
            raise
        complain(f"policy {error.filename}: {error.strerror}; `ptrace-net policy list` shows the names")
    return OWN_FAILURE


def _list(names: list[str]) -> int:
    width = max(map(len, policy.names()))
    for name in policy.names():
        print(f"{name:{width}}  {policy.load(name).title}".rstrip())
    return 0


def _show(names: list[str]) -> int:
    from ptrace_net.policies.text import policy_text

    whole = policy.Policy()
    for name in names:
        whole = policy.load(name, whole)
    print(policy_text(whole), end="")
    return 0


def _check(names: list[str]) -> int:
    for name in names:
        policy.load(name)
        print(f"{name}: right")
    return 0


_VERBS: dict[str, Callable[[list[str]], int]] = {"list": _list, "show": _show, "check": _check}
