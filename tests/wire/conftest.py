"""The rig of each test; tests are skipped, with the reason, where namespaces and TAPs cannot be made."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import leftovers
from wire_rig import Rig, refused, rig


@pytest.fixture(scope="session", autouse=True)
def _subreaper() -> None:
    leftovers.adopt_orphans()


@pytest.fixture(scope="session")
def obstacle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return refused(tmp_path_factory.mktemp("rig"))


@pytest.fixture
def mtu() -> int:
    return 1500


@pytest.fixture
def wire(obstacle: str, tmp_path: Path, mtu: int) -> Iterator[Rig]:
    if obstacle:
        pytest.skip(obstacle)
    with rig(tmp_path, mtu) as made:
        yield made
