"""Numbers that a run chooses and the host holds for it: what is held, and what is not after a failure."""

import socket
from collections.abc import Iterator

import pytest
from support.ports import free_port

from ptrace_net.policies.mapping import AddressMap
from ptrace_net.publish_option import Wanted
from ptrace_net.sockets.emulated import reserving
from ptrace_net.sockets.emulated.hosts import HostRoutes
from ptrace_net.sockets.emulated.ports import PortTable
from ptrace_net.sockets.emulated.reserving import Reservations
from ptrace_net.stack.bindings import Binding

FOUR, SIX = bytes((127, 0, 0, 1)), bytes(15) + b"\1"
NOBODYS = bytes((192, 0, 2, 1))  # TEST-NET-1
KINDS = [socket.SOCK_STREAM, socket.SOCK_DGRAM]


@pytest.fixture
def reservations() -> Iterator[Reservations]:
    made = Reservations(HostRoutes(AddressMap(())))
    yield made
    made.keep(lambda kind, port: False)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def port() -> int:
    return free_port()


def is_free(kind: int, port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def both(port: int) -> list[Wanted]:
    return [Wanted(FOUR, port), Wanted(SIX, port)]


def test_what_is_held_is_the_hosts(reservations: Reservations, kind: int, port: int) -> None:
    """Against those with SO_REUSEADDR too."""
    assert reservations.make(kind, port, both(port))
    assert reservations
    assert not is_free(kind, port)
    assert not is_free(kind, port, "::1")
    other = next(each for each in KINDS if each != kind)
    assert is_free(other, port)
    with socket.socket(fileno=reservations.take(kind, port, socket.AF_INET)) as taken:
        assert taken.getsockname() == ("127.0.0.1", port)
    assert reservations.take(kind, port, socket.AF_INET) is None
    reservations.drop(kind, port)
    assert not reservations
    assert is_free(kind, port, "::1")


@pytest.mark.parametrize("held", ["127.0.0.1", "::1"])
def test_nothing_is_held_of_what_the_host_has(
    reservations: Reservations, kind: int, port: int, held: str
) -> None:
    with socket.socket(socket.AF_INET6 if ":" in held else socket.AF_INET, kind) as other:
        other.bind((held, port))
        assert not reservations.make(kind, port, both(port))
        assert not reservations
        assert is_free(kind, port, next(each for each in ("127.0.0.1", "::1") if each != held))


def test_another_number_would_not_help(reservations: Reservations, kind: int, port: int) -> None:
    assert reservations.make(kind, port, [Wanted(SIX, port), Wanted(NOBODYS, port)])  # EADDRNOTAVAIL
    assert not reservations
    assert is_free(kind, port, "::1")


def test_it_may_be_made_again(reservations: Reservations, kind: int, port: int) -> None:
    """A number whose first holder has gone is given to another, which takes more families."""
    assert reservations.make(kind, port, [Wanted(FOUR, port)])
    assert reservations.make(kind, port, both(port))
    assert not is_free(kind, port)
    assert not is_free(kind, port, "::1")


def test_the_oldest_goes(reservations: Reservations, kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserving, "_MOST", 2)
    ports = [free_port() for _ in range(3)]
    assert all(reservations.make(kind, port, both(port)) for port in ports)
    assert [is_free(kind, port) for port in ports] == [True, False, False]


def chosen(table: PortTable) -> int:
    class Holder:
        binding, peer = None, None

        def is_gone(self) -> bool:
            return False

    binding = Binding(FOUR, 0)
    table.take(Holder(), binding)
    return binding.port


def test_the_first_number_that_is_free_outside_is_chosen() -> None:
    table, asked = PortTable(), []

    def reserve(binding: Binding, port: int) -> bool:
        asked.append(port)
        return len(asked) > 3

    table.reserve = reserve
    assert chosen(table) == asked[3]
    assert len(asked) == 4


def test_where_none_is_the_first_that_the_run_has() -> None:
    table, asked = PortTable(), []
    table.reserve = lambda binding, port: bool(asked.append(port))
    assert chosen(table) == asked[0]
    assert len(asked) == 64
