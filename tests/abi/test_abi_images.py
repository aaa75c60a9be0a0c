"""Structs as the compilers initialise them: each integer of each layout reads back, everywhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import abi_headers as headers
import pytest
from abi_images import Leaf, images


@pytest.mark.parametrize("compiler", headers.COMPILERS, ids=lambda each: each.arch.name)
def test_what_c_wrote_reads_back(compiler: headers.Compiler, tmp_path: Path) -> None:
    if shutil.which(compiler.command[0]) is None:
        pytest.skip(f"{compiler.command[0]} is missing: install {compiler.packages}")
    seen = 0
    for layout, leaves, data in images(compiler, tmp_path):
        values = layout.parse(data, compiler.arch)
        assert layout.read(data, compiler.arch) == values
        for leaf in leaves:
            assert value_of(values, leaf) == leaf.values, (layout.name, leaf.member)
            seen += 1
    assert seen > 400


def value_of(values: Any, leaf: Leaf) -> tuple[int, ...]:
    for step in leaf.path:
        values = getattr(values, step)
    return values if leaf.many else (values,)
