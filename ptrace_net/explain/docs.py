"""Writes docs/abi/: ``python -m ptrace_net.explain.docs [--check] [DIRECTORY]``.

Every page comes from the declarations, by way of the same pages that ``explain`` shows, with the byte maps as
SVG. ``--check`` writes nothing and fails where the files are not what would be written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ptrace_net.abi import catalog
from ptrace_net.abi.arch import ARCHES, X86_64
from ptrace_net.abi.cmsg import CMSG
from ptrace_net.abi.constants.socket import SOL
from ptrace_net.abi.ioctl import IOCTLS
from ptrace_net.abi.kinds import Array
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.sockopt import OPTIONS, SCOPES
from ptrace_net.explain import command, layouts, subjects, svg, text
from ptrace_net.explain.calls import CALLS
from ptrace_net.explain.examples import EXAMPLES
from ptrace_net.explain.page import Facts, Page, Table

_NOTE = "<!-- Written by `python -m ptrace_net.explain.docs`; change the declarations, not this file. -->\n"


def files() -> dict[str, str]:
    """Every file of docs/abi/ by its path in there."""
    written = {"README.md": index(), "examples.md": examples(), "calls.md": calls(), "options.md": options()}
    written |= {"control.md": control(), "ioctls.md": ioctls()}
    written |= {"constants.md": constants(), "architectures.md": architectures()}
    for module, members in _by_module():
        written[f"{module}.md"] = _layouts_page(module, members)
        for layout in members:
            written[f"svg/{layout.name}.svg"] = svg.render(layouts.byte_map(layout, X86_64), layout.c)
    return written


def _by_module() -> Iterator[tuple[str, list[Layout]]]:
    for module, members in catalog.by_module().items():
        yield module.rstrip("_"), list(members)


def index() -> str:
    rows = [
        (f"[{layout.name}]({module}.md#{layout.name})", f"`<{layout.header}>`", layout.doc)
        for module, members in _by_module()
        for layout in members
    ]
    others = ["calls.md", "options.md", "control.md", "ioctls.md", "constants.md"]
    others += ["architectures.md", "examples.md"]
    links = " · ".join(f"[{name.removesuffix('.md')}]({name})" for name in others)
    return "\n".join([
        _NOTE, "# The Linux socket ABI", "",
        "Every layout, call, option and constant that ptrace-net decodes with, from the declarations in",
        "`abi/`. `ptrace-net explain NAME` shows each, for any architecture, and reads bytes.", "",
        links, "", "## Layouts", "", *_markdown(("layout", "header", "what it is"), rows), "",
    ])  # fmt: skip


def _layouts_page(module: str, members: list[Layout]) -> str:
    parts = [_NOTE, f"# Layouts of abi/{module.replace('.', '/')}", ""]
    for layout in members:
        parts += _layout(layout)
    return "\n".join(parts)


def _layout(layout: Layout) -> Iterator[str]:
    page = layouts.page(layout, X86_64)
    yield from (f"## {layout.name}", "", f"`{layout.c}`: {layout.doc}", "")
    yield from (f"![{layout.name} on {X86_64}](svg/{layout.name}.svg)", "")
    for block in page.blocks:
        if isinstance(block, Facts):
            yield from (f"- {label}: {_code(words)}" for label, words in block.rows)
            if block is page.blocks[0]:
                yield "- on " + ", ".join(f"{arch}: {layout.size(arch)}" for arch in ARCHES.values())
            yield ""
        elif isinstance(block, Table):
            yield from ("", *_markdown(block.headers, block.rows), "")


def _code(words: str) -> str:
    """A header's name as code: Markdown would take it for HTML."""
    return f"`{words}`" if words.startswith("<") else words


def calls() -> str:
    parts = [_NOTE, "# Calls", ""]
    for name, call in CALLS.items():
        parts += _page(name, subjects.call_page(call, tuple(ARCHES.values())))
    return "\n".join(parts)


def _page(name: str, page: Page) -> Iterator[str]:
    yield from (f"## {name}", "", page.summary, "")
    for block in page.blocks:
        if isinstance(block, Facts):
            yield from (*(f"- {label}: {words}" for label, words in block.rows), "")
        elif isinstance(block, Table):
            yield from (f"**{block.title}**", "", *_markdown(block.headers, block.rows), "")


def options() -> str:
    parts = [_NOTE, "# Socket options", ""]
    headers = ("option", "number", "value", "access", "default", "scope", "what it does")
    for level, members in groupby(OPTIONS.values(), key=lambda each: each.level_name):
        rows = []
        for each in members:
            kind = each.kind
            value = f"[{kind.name}]({_home(kind)})" if isinstance(kind, Layout) else kind.name
            names = " ".join((each.name, *each.aliases))
            default = "" if each.default == "-" else each.default
            rows.append((names, str(each.number), value, each.access, default, SCOPES[each.scope], each.doc))
        parts += [f"## {level}", "", *_markdown(headers, rows), ""]
    return "\n".join(parts)


def _home(layout: Layout) -> str:
    return f"{catalog.home(layout.name).rstrip('_')}.md#{layout.name}"


def control() -> str:
    rows = []
    for (level, number), payload in CMSG.items():
        kind = payload.kind
        linked = isinstance(kind, Layout) and kind.name in catalog.layouts()
        value = f"[{kind.name}]({_home(kind)})" if linked and isinstance(kind, Layout) else kind.name
        if isinstance(kind, Array):
            value = f"{kind.item.name}, as many as there are"
        rows.append((SOL.name(level), payload.name, str(number), value, payload.doc))
    headers = ("level", "type", "number", "payload", "what it says")
    return "\n".join([_NOTE, "# Control messages", "", *_markdown(headers, rows), ""])


def ioctls() -> str:
    rows = []
    for number, each in sorted(IOCTLS.items()):
        kind = each.argument
        linked = f"[{kind.name}]({_home(kind)})" if isinstance(kind, Layout) else kind.name if kind else ""
        rows.append((each.name, hex(number), linked, each.direction, each.doc))
    headers = ("ioctl", "number", "argument", "direction", "what it asks")
    return "\n".join([_NOTE, "# Ioctls", "", *_markdown(headers, rows), ""])


def constants() -> str:
    parts = [_NOTE, "# Constants", ""]
    for table in catalog.tables():
        parts += [f"## {table.prefix}* of {', '.join(f'`<{header}>`' for header in table.headers)}", ""]
        rows = [(name, str(value), hex(value), table.docs.get(name, "")) for name, value in table.items()]
        headers = ("name", "value", "hex", "text") if table.docs else ("name", "value", "hex")
        parts += [*_markdown(headers, [row[: len(headers)] for row in rows]), ""]
    return "\n".join(parts)


def architectures() -> str:
    parts = [_NOTE, "# Architectures", ""]
    for arch in ARCHES.values():
        parts += [f"## {arch}", ""]
        for block in subjects.arch_page(arch).blocks:
            if isinstance(block, Facts):
                parts += [*(f"- {label}: {words}" for label, words in block.rows), ""]
    return "\n".join(parts)


def examples() -> str:
    parts = [_NOTE, "# What explain says", ""]
    for each in EXAMPLES:
        shown = text.render(command.page(list(each.words)))
        parts += [f"## {each.title}", "", "```console", f"$ {each.command}", shown.rstrip("\n"), "```", ""]
    return "\n".join(parts)


def _markdown(headers: tuple[str, ...], rows: object) -> Iterator[str]:
    """A table in Markdown; a vertical bar in a cell would end it."""
    assert isinstance(rows, list | tuple)
    yield "| " + " | ".join(headers) + " |"
    yield "|" + "---|" * len(headers)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in row) + " |"


def stale(directory: Path) -> list[str]:
    """What differs between ``directory`` and what would be written, as lines."""
    wanted = files()
    there = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    lines = [f"missing: {name}" for name in sorted(wanted.keys() - there)]
    lines += [f"left over: {name}" for name in sorted(there - wanted.keys())]
    both = sorted(wanted.keys() & there)
    return lines + [f"stale: {name}" for name in both if (directory / name).read_text() != wanted[name]]


def write(directory: Path) -> None:
    """Write every file, and remove those that no declaration asks for any more."""
    wanted = files()
    for path in directory.rglob("*"):
        if path.is_file() and str(path.relative_to(directory)) not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m ptrace_net.explain.docs", description="Write docs/abi/.")
    parser.add_argument("--check", action="store_true", help="only say what is stale; 1 where something is")
    parser.add_argument("directory", nargs="?", type=Path, default=Path("docs/abi"))
    parsed = parser.parse_args(argv)
    if not parsed.check:
        write(parsed.directory)
        return 0
    lines = stale(parsed.directory)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
