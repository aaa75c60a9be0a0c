"""The options of recording, for every command that can record."""

from __future__ import annotations

import argparse

PAYLOAD = 64  # bytes: a request line, the head of a protocol, no document


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --record, --record-payload and --record-io."""
    parser.add_argument("--record", metavar="FILE", help="record every socket call for show, diff and replay")
    parser.add_argument(
        "--record-payload", type=payload, default=PAYLOAD, metavar="N|all|none",
        help=f"bytes of each buffer to record (default: {PAYLOAD}); addresses, options and control messages "
        "are always recorded",
    )  # fmt: skip
    parser.add_argument(
        "--record-io", action="store_true",
        help="record read, write and sendfile of sockets too: every one of the program stops for it",
    )  # fmt: skip


def check(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    """End with a usage error where an option is about a recording that nobody asked for."""
    if parsed.record is None and (parsed.record_io or parsed.record_payload != PAYLOAD):
        parser.error("--record-io and --record-payload are about a recording: --record FILE")


def payload(word: str) -> int | None:
    """How many bytes of each buffer to record; None for all."""
    if word in ("all", "none"):
        return None if word == "all" else 0
    if not (word.isascii() and word.isdecimal()):
        raise argparse.ArgumentTypeError(f"{word!r} is neither a number of bytes nor all or none")
    return int(word)
