"""The frame of a page: head, style, title. Everything that comes from a log goes through `escape`."""

from html import escape

_STYLE = """
:root { --line: #d0d7de; --soft: #57606a; --bad: #ffebe9; --miss: #fff8c5; --mark: #cf222e;
  --back: #fff; --ink: #1f2328 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #9198a1; --bad: #4c1d1f; --miss: #3b300a; --mark: #f85149;
    --back: #0d1117; --ink: #e6edf3 }
}
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem; background: var(--back); color: var(--ink) }
h1 { font-size: 1.25rem } h2 { font-size: 1.05rem; margin-top: 1.6rem }
table { border-collapse: collapse; width: 100%; table-layout: fixed }
td, th { border: 1px solid var(--line); padding: .2rem .5rem; text-align: left; vertical-align: top }
td { font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
tr.differs td { background: var(--bad) } tr.alone td { background: var(--miss) }
tr.outside td { color: var(--soft) } tr:target td { outline: 2px solid var(--mark) }
.where { color: var(--soft); margin-right: .6em } .why { color: var(--mark); display: block }
details > summary { cursor: pointer; color: var(--soft); padding: .3rem 0 }
"""


def page(title: str, body: str) -> str:
    """A whole document with `title` (escaped here) and `body` (already HTML)."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )
