"""The options `--name`, `--join` and `-b`, and what goes with them."""

from __future__ import annotations

import argparse
import re

from ptrace_net.lab.entrance import NAME

# What is the network's, and said where it was started.
_NETWORK = ("net", "publish", "device", "capture", "frames", "impair", "policy", "inject", "seed", "engine")
_OBSERVERS = ("trace", "json", "record", "record_io")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --name, --join and -b."""
    add = parser.add_argument
    add("--name", metavar="NAME", help="give this network a name, by which other commands join it")
    add("--join", metavar="NAME", help="run the program in the network of that name")
    add(
        "-b", dest="background", action="store_true",
        help="return when the program's first process has exited, as daemons do that are ready",
    )  # fmt: skip


def check(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    """End with a usage error where options do not go together."""
    for option in ("name", "join"):
        name = getattr(parsed, option)
        if name is not None and not re.fullmatch(NAME, name):
            parser.error(f"--{option} {name}: a name is a letter and up to 31 letters, digits, _ . or -")
    given = [word for word in (*_NETWORK, *_OBSERVERS) if getattr(parsed, word) != parser.get_default(word)]
    if parsed.background and (parsed.trace == "-" or (parsed.json and parsed.trace is None)):
        parser.error("-b leaves the terminal: write the trace to a file, --trace=FILE")
    if parsed.join is not None:
        _check_join(parser, parsed, given)
    elif parsed.name is not None:
        if parsed.engine == "ptrace":
            parser.error("--name needs the notification engine: leave --engine out")
        if any(word in _OBSERVERS for word in given):
            parser.error(_to_attach("--name", "a named network"))


def _check_join(parser: argparse.ArgumentParser, parsed: argparse.Namespace, given: list[str]) -> None:
    if parsed.name is not None:
        parser.error("--join and --name exclude each other: a joined program's network has its name")
    for word in given:
        if word in _NETWORK:
            option = "-p" if word == "publish" else f"--{word}"
            parser.error(f"--join: {option} is for the command that gave the network its name")
        parser.error(_to_attach("--join", "a joined program"))


def _to_attach(option: str, what: str) -> str:
    return (
        f"{option}: {what} is not traced or recorded from its start; "
        "`ptrace-net attach PID` does so while it runs"
    )
