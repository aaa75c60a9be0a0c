"""A page as HTML: one file that needs nothing else, with its byte maps drawn."""

from __future__ import annotations

from html import escape

from ptrace_net.explain import svg
from ptrace_net.explain.page import Block, ByteMap, Facts, Page

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ccc;padding:.2rem .8rem "
    ".2rem 0;"
    "text-align:left;vertical-align:top}td:first-child,th:first-child{white-space:nowrap}"
    "code,td{font-family:ui-monospace,monospace;font-size:13px}td:last-child{font-family:inherit;font-size:14px}"
    "svg{max-width:100%;height:auto}@media(prefers-color-scheme:dark){body{background:#16181c;color:#ddd}}"
)


def render(page: Page) -> str:
    """The page as a document."""
    body = "\n".join(_block(block) for block in page.blocks)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1><code>{escape(page.title)}</code></h1>\n"
        f"<p>{escape(page.summary)}</p>\n{body}\n</body></html>\n"
    )


def _block(block: Block) -> str:
    if isinstance(block, ByteMap):
        title = f"<h2>{escape(block.title)}</h2>\n" if block.title else ""
        return title + svg.render(block)
    if isinstance(block, Facts):
        return _table((), block.rows)
    title = f"<h2>{escape(block.title)}</h2>\n" if block.title else ""
    return title + _table(block.headers, block.rows)


def _table(headers: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    head = "<tr>" + "".join(f"<th>{escape(each)}</th>" for each in headers) + "</tr>\n" if headers else ""
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>\n{head}{body}\n</table>"
