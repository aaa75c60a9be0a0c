"""A page as JSON: the same blocks, each an object with its type."""

from __future__ import annotations

import json
from typing import Any

from ptrace_net.explain.page import Block, ByteMap, Facts, Page


def render(page: Page) -> str:
    """The page as one JSON object, indented."""
    whole = {"title": page.title, "summary": page.summary, "blocks": [_block(block) for block in page.blocks]}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, ByteMap):
        cells = [cell._asdict() for cell in block.cells]
        return {"type": "bytes", "title": block.title, "size": block.size, "cells": cells}
    if isinstance(block, Facts):
        return {"type": "facts", "rows": [{"label": label, "text": text} for label, text in block.rows]}
    rows = [dict(zip(block.headers, row, strict=True)) for row in block.rows]
    return {"type": "table", "title": block.title, "rows": rows}
