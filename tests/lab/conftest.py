"""Fixtures for the tests of named runs: started, joined, looked at, and gone without a trace."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import leftovers
from support.lab import Lab
from support.runner import environment


@pytest.fixture(scope="session", autouse=True)
def _subreaper() -> None:
    leftovers.adopt_orphans()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Skip a test whose module's NEEDS names a program that this machine lacks."""
    path = environment()["PATH"]
    missing = [name for name in getattr(item.module, "NEEDS", ()) if not shutil.which(name, path=path)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    before = leftovers.descendants()
    network = Lab(tmp_path)
    yield network
    network.close()
    assert leftovers.left_behind(before) == []
