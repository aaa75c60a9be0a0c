"""Fixtures for the tests that run real programs: the three runners, and the compiled test programs."""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import leftovers
from support.build import compile_c, compile_go
from support.namespace import no_ipv6
from support.runner import HOST, HOST_PTRACE, STACK, Runner, environment, named_network
from support.session import Session

HERE = Path(__file__).parent


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _subreaper() -> None:
    leftovers.adopt_orphans()


@pytest.fixture(scope="session")
def without_ipv6() -> Iterator[tuple[str, ...]]:
    """The words that run a command where there is no IPv6; one namespace serves all tests of a worker."""
    with no_ipv6() as enter:
        yield enter


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Skip a test whose module's NEEDS names a program that this machine lacks, before it builds anything."""
    path = environment()["PATH"]
    missing = [name for name in getattr(item.module, "NEEDS", ()) if not shutil.which(name, path=path)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(params=["native", "host", "host-ptrace", "host-no6", "stack", "joined"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Each way to run a scenario; the native one, the oracle, needs a machine with IPv6.

    Under "stack" every command that a test starts is a network of its own, under "joined" all share one.
    """
    _skip_unfit(request)
    if request.param == "native":
        yield Runner("native")
    elif request.param == "host":
        yield Runner("host", HOST)  # the notification engine, where the kernel has what it needs
    elif request.param == "host-ptrace":
        yield Runner("host-ptrace", HOST_PTRACE)
    elif request.param == "host-no6":
        yield Runner("host-no6", HOST, request.getfixturevalue("without_ipv6"), without_inet6=True)
    elif request.param == "stack":
        yield Runner("stack", STACK)
    else:
        with named_network() as joined:
            yield Runner("joined", joined)


def _skip_unfit(request: pytest.FixtureRequest) -> None:
    """What cannot be compared, and what a module or test says that it is not for (``not_for``)."""
    if request.param == "native" and not has_ipv6():
        pytest.skip("this machine has no ::1 to compare with")
    for mark in request.node.iter_markers("not_for"):
        if request.param in mark.args:
            pytest.skip(mark.kwargs["reason"])


@pytest.fixture
def supervised() -> Runner:
    """Under ptrace-net on this machine, for tests of the supervisor itself."""
    return Runner("host", HOST)


@pytest.fixture
def session(runner: Runner, tmp_path: Path) -> Iterator[Session]:
    with runner.session(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where compiled programs go: shared by the workers of one test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "programs"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def c_program(programs: Path) -> Callable[..., Path]:
    """`c_program("echo", "-m32")` compiles c/echo.c."""
    return lambda name, *flags: compile_c(HERE / "c" / f"{name}.c", programs, *flags)


@pytest.fixture(scope="session")
def go_program(programs: Path) -> Callable[[str], Path]:
    return lambda name: compile_go(HERE / "go" / f"{name}.go", programs)
