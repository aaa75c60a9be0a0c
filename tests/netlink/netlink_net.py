"""The network of these tests twice: as our model, and in a network namespace of Linux with the same
configuration.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ptrace_net.abi.netlink.attributes import Attribute
from ptrace_net.abi.netlink.messages import decode_netlink
from ptrace_net.devices.identity import E1000
from ptrace_net.netlink.endpoint import handle
from ptrace_net.netlink.ports import Port, Ports
from ptrace_net.netlink.router import Router
from ptrace_net.network.addressing import IFA_F_NODAD, Wanted, add_address
from ptrace_net.network.network import Network
from ptrace_net.stack.addresses import ANY4, ANY6, link_local, parse_ip
from ptrace_net.stack.host import Host
from ptrace_net.stack.route import Route

NOW = 1000.0
OWN6 = "fec0::5054:98ff:fe76:5433"
EXT_ACK, STRICT = 11, 12
ROUTE = 0
NUD_NOARP = 0x40


def model() -> Network:
    """lo, and eth0 with 10.0.2.15/24, a site-local and a link-local address, and two default routes."""
    counter = itertools.count(1)
    host = Host(lambda size: (next(counter) * 2654435761 % 2 ** (8 * size)).to_bytes(size, "big"))
    host.add_loopback(NOW)
    eth0 = host.add_interface("eth0", E1000.mac, dad=False)
    eth0.add_address(link_local(E1000.mac), 64, NOW)
    eth0.add_address(parse_ip("10.0.2.15"), 24, NOW)
    network = Network(host)
    add_address(network, eth0, Wanted(parse_ip(OWN6), 64, flags=IFA_F_NODAD), NOW)
    host.add_route(Route(ANY4, 0, "eth0", parse_ip("10.0.2.2")))
    host.add_route(Route(ANY6, 0, "eth0", parse_ip("fec0::2"), metric=1024))
    return network


class Ours:
    """The model, asked as the kernel is."""

    def __init__(self) -> None:
        self.network = model()
        self.ports = Ports()
        self.router = Router(self.network, self.ports, NOW)
        self.now = NOW
        self._pids = itertools.count(4000)

    def ask(self, *requests: bytes, options: tuple[int, ...] = (), groups: int = 0) -> list[bytes]:
        said: list[bytes] = []

        def deliver(data: bytes, sender: int, group: int) -> bool:
            said.append(data)
            return True

        port = Port(ROUTE, deliver, next(self._pids), ext_ack=EXT_ACK in options, strict=STRICT in options)
        self.ports.bind(port, 0, groups)
        for request in requests:
            said += handle(self.router, port, request, self.now)
        self.ports.close(port)
        return said


class Kernel:
    """The namespace, asked through its pipe."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def _order(self, **order: object) -> list:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def ask(self, *requests: bytes, options: tuple[int, ...] = (), groups: int = 0, protocol: int = ROUTE
            ) -> list[bytes]:
        hexed = [request.hex() for request in requests]
        said = self._order(protocol=protocol, options=options, groups=groups, requests=hexed)
        return [bytes.fromhex(each) for each in said]

    def shell(self, command: str) -> str:
        code, out, err = self._order(shell=command)
        assert code == 0, err
        return out

    @property
    def pid(self) -> int:
        return self._process.pid


@contextmanager
def kernel(script: str = "netlink_kernel.py") -> Iterator[Kernel]:
    """A namespace that lives as long as the block."""
    unshare = ["unshare", "-n" if os.geteuid() == 0 else "-Urn", "--"]
    script = str(Path(__file__).with_name(script))
    with subprocess.Popen(
        [*unshare, sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no namespace with a TAP: {process.stderr.read().strip()}")
        try:
            yield Kernel(process)
        finally:
            process.stdin.close()


#: Attributes that our messages lack or whose values are another device's, and why.
DIFFERENT = {
    "IFLA_STATS": "counters", "IFLA_STATS64": "counters", "TCA_STATS": "counters",
    "7": "TCA_STATS2: counters",
    "IFLA_LINKINFO": "the TAP has a kind", "IFLA_PERM_ADDRESS": "the TAP has none",
    "IFLA_PARENT_DEV_NAME": "the TAP is on no bus", "IFLA_PARENT_DEV_BUS_NAME": "the TAP is on no bus",
    "IFLA_MIN_MTU": "of the driver", "IFLA_MAX_MTU": "of the driver", "IFLA_TSO_MAX_SIZE": "of the driver",
    "IFLA_NUM_TX_QUEUES": "of the driver", "IFLA_NUM_RX_QUEUES": "of the driver",
    "IFLA_CARRIER_CHANGES": "history", "IFLA_CARRIER_UP_COUNT": "history",
    "IFLA_CARRIER_DOWN_COUNT": "history", "IFLA_AF_SPEC": "settings of the stack that we do not have",
    "IFLA_PROTINFO": "likewise", "IFA_CACHEINFO": "times", "NDA_CACHEINFO": "times",
    "RTA_CACHEINFO": "times and references",
    **{str(number): "newer than Linux 6.1" for number in range(62, 75)},
}  # fmt: skip


def plain(datagrams: list[bytes]) -> list[tuple]:
    """The messages of an answer as values that can be compared: without ports, and without DIFFERENT."""
    values = []
    for message in (each for datagram in datagrams for each in decode_netlink(datagram)):
        head, body = message.header, message.body
        if message.name.endswith(("RULE", "NEIGH")) and _not_ours(message.name, body):
            continue
        if message.name == "RTM_NEWQDISC":
            body = body._replace(tcm_handle=0)
        if message.name == "NLMSG_ERROR":
            body = body._replace(msg=body.msg._replace(nlmsg_pid=0))
        kept = {each.name: _value(each) for each in message.attributes if each.name not in DIFFERENT}
        told = (head.nlmsg_flags, head.nlmsg_seq, _plain_body(body), sorted(kept.items()))
        values.append((message.name, *told))
    return values


def heads(datagrams: list[bytes]) -> list:
    """The headers of the messages that ``plain`` gives."""
    messages = [each for datagram in datagrams for each in decode_netlink(datagram)]
    ours = [
        each
        for each in messages
        if not (each.name.endswith(("RULE", "NEIGH")) and _not_ours(each.name, each.body))
    ]
    return [each.header for each in ours]


def _not_ours(name: str, body: object) -> bool:
    """Rules of multicast routing, and the neighbours that the kernel keeps for multicast groups."""
    return body.family > 127 if name == "RTM_NEWRULE" else body.ndm_state == NUD_NOARP and body.ndm_type == 5


def _plain_body(body: object) -> object:
    return tuple(body) if isinstance(body, tuple) else body


def _value(attribute: Attribute) -> str:
    return repr(attribute.value)
