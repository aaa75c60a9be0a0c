"""What the tests of policies share: a program that makes the socket calls it is told, and runs of it."""

import sys
from pathlib import Path

import pytest
from policy_probe import Ran, Under, build, execute

# The interpreter of filters is one of the tests of the tracer.
sys.path.insert(0, str(Path(__file__).parent.parent / "tracer"))


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("probe", tmp_path_factory)


@pytest.fixture
def under(ptrace_net_command: list[str], probe: Path, tmp_path: Path) -> Under:
    """``under("socket,10,1,6", ..., policy=TEXT or names=[...])``: the probe under ptrace-net."""

    def run(*words: str, policy: str = "", names: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Ran:
        given = [word for name in names for word in ("--policy", name)]
        if policy:
            file = tmp_path / "mine.toml"
            file.write_text(policy)
            given += ["--policy", str(file)]
        return execute([*ptrace_net_command, *given, *options, "--", str(probe), *words])

    return run


@pytest.fixture
def natively(probe: Path) -> Under:
    return lambda *words: execute([str(probe), *words])
