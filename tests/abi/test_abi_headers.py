"""Every declared layout and constant holds by the headers of each architecture's compiler."""

from __future__ import annotations

import re
import shutil
import subprocess

import abi_headers as headers
import pytest

from ptrace_net.abi import catalog
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.kinds import u16, u32
from ptrace_net.abi.layout import Field, Layout


@pytest.fixture(scope="module", params=headers.COMPILERS, ids=lambda each: each.arch.name)
def compiler(request: pytest.FixtureRequest) -> headers.Compiler:
    found: headers.Compiler = request.param
    if shutil.which(found.command[0]) is None:
        pytest.skip(f"{found.command[0]} is missing: install {found.packages}")
    if headers.compile_only(found, "#include <errno.h>\n#include <stddef.h>\n"):
        pytest.skip(f"{' '.join(found.command)} has no headers: install {found.packages}")
    return found


def test_declarations_hold_by_the_headers(compiler: headers.Compiler) -> None:
    complaints = []
    for needed, assertions in headers.units(compiler.arch).items():
        text = headers.compile_only(compiler, headers.source(needed, assertions))
        complaints += [line for line in text.splitlines() if "error:" in line]
    assert complaints == []


@pytest.mark.parametrize("arch", [each.arch for each in headers.COMPILERS], ids=str)
def test_everything_declared_is_asserted(arch: headers.Arch) -> None:
    asserted = {key: c for assertions in headers.units(arch).values() for key, c in assertions.items()}
    assert headers.declared() - asserted.keys() == set()
    newer = {name for table in catalog.tables() for name in table.since}
    for key, c in asserted.items():
        assert "_Static_assert(" in c
        assert key in c
        assert ("#if " in c) == (key in newer)


def test_newer_constants_are_few_and_known() -> None:
    """Constants that the installed headers may lack: each says which version brought it."""
    pattern = re.compile(r"(glibc )?\d+\.\d+")
    newer = {name: since for table in catalog.tables() for name, since in table.since.items()}
    assert all(pattern.fullmatch(since) for since in newer.values())
    assert all(name in table for table in catalog.tables() for name in table.since)
    assert len(newer) < 40


def test_a_wrong_offset_is_caught() -> None:
    wrong = Layout("sockaddr_in", "linux/in.h", "", Field("sin_family", u16), Field("sin_addr", u32))
    text = headers.source(("linux/in.h",), dict(headers.layout_assertions(wrong, headers.COMPILERS[0].arch)))
    complaints = headers.compile_only(headers.COMPILERS[0], text)
    assert "sockaddr_in size" in complaints
    assert complaints.count("static assertion failed") == 1  # the offset of sin_addr is 4 in both


def test_a_wrong_constant_is_caught() -> None:
    table = Constants("AF_", "sys/socket.h", {"AF_INET": 2, "AF_INET6": 11})
    text = headers.source(table.headers, dict(headers.constant_assertions(table)))
    complaints = headers.compile_only(headers.COMPILERS[0], text)
    assert "AF_INET6" in complaints
    assert complaints.count("static assertion failed") == 1


def test_the_packages_are_listed() -> None:
    listed = subprocess.run(
        ["cat", "packages.txt"], capture_output=True, text=True, cwd=headers.__file__.rsplit("/", 1)[0]
    )
    assert {name for each in headers.COMPILERS for name in each.packages.split()} <= set(
        listed.stdout.split()
    )
