"""pyroute2 decodes our dumps to the values that it decodes the kernel's to, in a namespace with the same
configuration: neighbours, rules, queueing disciplines, and what a change makes of them.

What differs is taken out by name: ports, times, counters, the handle that Linux makes up for a device's
qdisc, and the objects of multicast that we do not have (docs/netlink.md).
"""

from collections.abc import Iterator

import pytest
from netlink_net import Kernel, Ours, kernel
from netlink_requests import CREATE, REPLACE, dump, neighbour
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

DONE = 3
RTNL_FAMILIES_OF_MULTICAST = (128, 129)  # RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR
NUD_NOARP, RTN_MULTICAST = 0x40, 5
COUNTERS = {"TCA_STATS", "TCA_STATS2", "NDA_CACHEINFO"}
KINDS = ("GETNEIGH", "GETRULE", "GETQDISC")
#: permanent and stale entries of both families, one that is replaced
NEIGHBOURS = [
    neighbour("NEWNEIGH", "10.0.2.9", b"\x52\x54\0\0\0\x09", flags=CREATE),
    neighbour("NEWNEIGH", "10.0.2.10", b"\x52\x54\0\0\0\x0a", state=4, flags=CREATE),
    neighbour("NEWNEIGH", "fec0::9", b"\x52\x54\0\0\0\x19", flags=CREATE),
    neighbour("NEWNEIGH", "fec0::9", b"\x52\x54\0\0\0\x29", flags=CREATE | REPLACE),
]


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernel]:
    with kernel() as side:
        for request in NEIGHBOURS:
            side.ask(request)
        yield side


@pytest.fixture(scope="module")
def model() -> Ours:
    side = Ours()
    for request in NEIGHBOURS:
        side.ask(request)
    return side


def decoded(side: Kernel | Ours, request: bytes) -> list[dict]:
    marshal = MarshalRtnl()
    messages = [each for data in side.ask(request) for each in marshal.parse(data)]
    assert messages[-1]["header"]["type"] == DONE
    return sorted((plain(each) for each in messages[:-1] if not of_multicast(each)), key=repr)


def of_multicast(message: dict) -> bool:
    if message["event"] == "RTM_NEWNEIGH":
        return (message["state"], message["ndm_type"]) == (NUD_NOARP, RTN_MULTICAST)
    return message["family"] in RTNL_FAMILIES_OF_MULTICAST


def plain(message: dict) -> dict:
    """The fields of the header and of the body, and the attributes, without what differs."""
    fields = {name: value for name, value in message.items() if name not in ("attrs", "header")}
    if message["event"] == "RTM_NEWQDISC":
        del fields["handle"]
    head = message["header"]
    attributes = {name: repr(value) for name, value in message["attrs"] if name not in COUNTERS}
    return {**fields, "flags of the message": head["flags"], "type": head["type"], "attributes": attributes}


@pytest.mark.parametrize("family", [0, 2, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_same_values(linux: Kernel, model: Ours, kind: str, family: int) -> None:
    expected = decoded(linux, dump(kind, family))
    assert expected
    assert decoded(model, dump(kind, family)) == expected


def test_neighbours_are_those_that_were_added(linux: Kernel, model: Ours) -> None:
    for side in (linux, model):
        found = {
            (each["attributes"]["NDA_DST"], each["attributes"]["NDA_LLADDR"], each["state"])
            for each in decoded(side, dump("GETNEIGH"))
        }
        assert found == {
            ("'10.0.2.9'", "'52:54:00:00:00:09'", 0x80),
            ("'10.0.2.10'", "'52:54:00:00:00:0a'", 4),
            ("'fec0::9'", "'52:54:00:00:00:29'", 0x80),
        }
