"""DHCPv4: messages, the client's states, and a whole exchange with a server made of our own messages."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stack_net import MACS, make_host

from ptrace_net.stack import dhcp, ethernet, ipv4, udp
from ptrace_net.stack.addresses import ANY4, BROADCAST4, BROADCAST_MAC, parse_ip
from ptrace_net.stack.dhcp import DhcpMessage
from ptrace_net.stack.dhcp_client import Bound, ClientState, DhcpClient, Lost, Send
from ptrace_net.stack.dhcp_service import DhcpService
from ptrace_net.stack.frame import Frame, Malformed
from ptrace_net.stack.result import IN_USE
from ptrace_net.stack.route import Route

SERVER, OURS = parse_ip("192.168.7.1"), parse_ip("192.168.7.50")
OFFERED = {
    dhcp.SERVER_ID: SERVER, dhcp.SUBNET_MASK: b"\xff\xff\xff\x00", dhcp.ROUTER: SERVER,
    dhcp.DNS_SERVER: SERVER + b"\x08\x08\x08\x08", dhcp.LEASE_TIME: (1000).to_bytes(4, "big"),
    dhcp.INTERFACE_MTU: (1400).to_bytes(2, "big"),
}  # fmt: skip


def answer(request: DhcpMessage, kind: int, **changes: object) -> memoryview:
    options = {dhcp.MESSAGE_TYPE: bytes((kind,)), **OFFERED, **changes.pop("options", {})}
    fields = {"op": 2, "xid": request.xid, "chaddr": request.chaddr, "yiaddr": OURS, **changes}
    return memoryview(DhcpMessage(options=options, **fields).pack())


@given(
    st.dictionaries(st.integers(1, 254).filter(lambda code: code != 52), st.binary(max_size=50), max_size=6)
)
def test_messages_come_back(options: dict[int, bytes]) -> None:
    message = DhcpMessage(1, 0xDEADBEEF, MACS[0], 3, ANY4, OURS, SERVER, True, options)
    packed = message.pack()
    assert dhcp.parse(memoryview(packed)) == message
    assert len(packed) >= 300


def test_overload_padding_and_split_options() -> None:
    packed = bytearray(DhcpMessage(2, 1, MACS[0], options={52: b"\3"}).pack())
    packed[108 : 108 + 5] = bytes((0, 54, 2, 1, 2))  # file
    packed[44 : 44 + 4] = bytes((54, 2, 3, 4))  # sname
    assert dhcp.parse(memoryview(packed)).options[54] == b"\1\2\3\4"
    assert dhcp.parse_options(bytes((0, 6, 1, 1, 6, 1, 2))) == {6: b"\1\2"}


def test_broken_messages_are_malformed() -> None:
    packed = DhcpMessage(2, 1, MACS[0], options={54: b"abcd"}).pack()
    for broken in (
        packed[:239],
        packed[:236] + bytes(10),
        packed[:1] + b"\7" + packed[2:],
        packed[:240] + b"\1\xff\0",
    ):
        with pytest.raises(Malformed):
            dhcp.parse(memoryview(broken))
    with pytest.raises(Malformed):
        dhcp.parse_options(b"\1")


def test_accessors_of_missing_options() -> None:
    empty = DhcpMessage(2, 1, MACS[0])
    assert (empty.type, empty.address(1), empty.seconds(51)) == (0, None, None)


class Script:
    """A client and the messages it sends."""

    def __init__(self) -> None:
        self.client = DhcpClient(MACS[0], random.Random(1).random)
        self.client.start(0.0)

    def poll(self, now: float) -> DhcpMessage:
        (event,) = self.client.poll(now)
        assert isinstance(event, Send)
        return event.message

    def bind(self, now: float = 0.0) -> None:
        (request,) = self.client.receive(answer(self.poll(now), dhcp.OFFER), now)
        assert request.message.type == dhcp.REQUEST
        (bound,) = self.client.receive(answer(request.message, dhcp.ACK), now)
        assert isinstance(bound, Bound)
        assert self.client.state is ClientState.BOUND


def test_a_lease_is_got_renewed_rebound_and_lost() -> None:
    script = Script()
    client = script.client
    script.bind()
    lease = client.lease
    assert (lease.address, lease.length, lease.router, lease.mtu) == (OURS, 24, SERVER, 1400)
    assert (lease.renew_at, lease.rebind_at, lease.expires_at) == (500.0, 875.0, 1000.0)
    (renew,) = client.poll(500.0)
    assert (renew.server, renew.message.ciaddr, client.state) == (SERVER, OURS, ClientState.RENEWING)
    (again,) = client.poll(client.deadline())
    (bound,) = client.receive(answer(again.message, dhcp.ACK), 700.0)
    assert bound.lease.expires_at == 1500.0
    now = bound.lease.renew_at
    while client.state is not ClientState.REBINDING:
        (event,) = client.poll(client.deadline())
    assert event.server == BROADCAST4
    while client.state is ClientState.REBINDING:
        now = client.deadline()
        events = client.poll(now)
    assert now == bound.lease.expires_at
    assert isinstance(events[0], Lost)
    assert events[1].message.type == dhcp.DISCOVER


def test_a_refused_request_starts_over() -> None:
    script = Script()
    offer = answer(script.poll(0.0), dhcp.OFFER)
    (request,) = script.client.receive(offer, 0.0)
    events = script.client.receive(answer(request.message, dhcp.NAK), 0.0)
    assert [event.message.type for event in events] == [dhcp.DISCOVER]


def test_a_server_that_falls_silent_is_given_up() -> None:
    script = Script()
    script.client.receive(answer(script.poll(0.0), dhcp.OFFER), 0.0)
    kinds = [script.poll(script.client.deadline()).type for _ in range(4)]
    assert kinds == [dhcp.REQUEST] * 3 + [dhcp.DISCOVER]
    assert script.client.state is ClientState.SELECTING
    assert script.poll(script.client.deadline()).type == dhcp.DISCOVER


def test_what_is_not_for_us_is_ignored() -> None:
    script = Script()
    discover = script.poll(0.0)
    for other in (
        answer(discover, dhcp.OFFER, xid=discover.xid ^ 1),
        answer(discover, dhcp.OFFER, op=1),
        answer(discover, dhcp.OFFER, chaddr=MACS[1]),
        answer(discover, dhcp.OFFER, options={dhcp.SERVER_ID: b""}),
        answer(discover, dhcp.ACK),
    ):
        assert script.client.receive(other, 0.0) == []
    assert script.client.poll(0.0) == []


def test_a_meagre_lease_has_defaults() -> None:
    script = Script()
    bare = {
        dhcp.SUBNET_MASK: b"",
        dhcp.ROUTER: b"",
        dhcp.DNS_SERVER: b"",
        dhcp.LEASE_TIME: b"",
        dhcp.INTERFACE_MTU: b"",
    }
    (request,) = script.client.receive(answer(script.poll(0.0), dhcp.OFFER), 0.0)
    (bound,) = script.client.receive(answer(request.message, dhcp.ACK, options=bare), 0.0)
    assert (bound.lease.length, bound.lease.router, bound.lease.mtu, bound.lease.dns) == (24, None, None, ())
    assert bound.lease.expires_at == 3600.0


def sent_messages(host, now: float) -> list[DhcpMessage]:
    found = []
    for _interface, frames in host.poll(now):
        for frame in frames:
            view = memoryview(frame.data)
            if ethernet.parse(view).type == 0x800:
                packet = ipv4.parse(view[14:])
                if packet.protocol == 17:
                    found.append(dhcp.parse(udp.parse(packet.payload, packet.src, packet.dst).payload))
    return found


def reply(host, data: memoryview, now: float, to: bytes = BROADCAST4) -> None:
    head = udp.header(SERVER, to, 67, 68, data)
    packet = ipv4.header(SERVER, to, 17, len(head) + len(data)) + head + data
    eth0 = host.interfaces["eth0"]
    mac = BROADCAST_MAC if to == BROADCAST4 else eth0.mac
    host.feed(eth0, Frame(ethernet.header(mac, MACS[1], 0x800) + packet), now)


def test_a_host_configures_itself_and_loses_its_lease() -> None:
    host = make_host(0)
    eth0 = host.interfaces["eth0"]
    service = DhcpService(host, eth0)
    assert service.start(100.0) is None
    assert DhcpService(host, eth0).start(100.0) == IN_USE
    (discover,) = sent_messages(host, 100.0)
    assert discover.broadcast
    reply(host, memoryview(b"not DHCP"), 100.0)
    reply(host, answer(discover, dhcp.OFFER), 100.1, OURS)  # some servers ignore the broadcast flag
    (request,) = sent_messages(host, 100.1)
    dropped = eth0.counters.rx_dropped
    host.feed(eth0, Frame(ethernet.header(eth0.mac, MACS[1], 0x800) + ipv4.header(SERVER, OURS, 6, 0)), 100.1)
    assert eth0.counters.rx_dropped == dropped + 1
    reply(host, answer(request, dhcp.ACK), 100.2)
    assert sent_messages(host, 100.2) == []
    default = Route(ANY4, 0, "eth0", SERVER, metric=100)
    assert OURS in eth0.addresses
    assert default in host.routes.routes
    assert (eth0.mtu, service.dns) == (1400, (SERVER, parse_ip("8.8.8.8")))
    eth0.neighbors4.observe(SERVER, MACS[1], 600.0)
    (renewal,) = sent_messages(host, 600.1)
    assert renewal.ciaddr == OURS
    reply(host, answer(renewal, dhcp.ACK, options={dhcp.ROUTER: b"", dhcp.INTERFACE_MTU: b""}), 600.2)
    sent_messages(host, 600.2)
    assert OURS in eth0.addresses
    while OURS in eth0.addresses:
        host.poll(host.deadline())
    assert service.dns == ()


def test_the_default_route_goes_with_the_lease() -> None:
    host = make_host(0)
    service = DhcpService(host, host.interfaces["eth0"])
    service.start(100.0)
    (discover,) = sent_messages(host, 100.0)
    reply(host, answer(discover, dhcp.OFFER), 100.0)
    (request,) = sent_messages(host, 100.0)
    reply(host, answer(request, dhcp.ACK), 100.0)
    host.poll(100.0)
    assert host.routes.lookup(parse_ip("8.8.8.8")).gateway == SERVER
    host.interfaces["eth0"].neighbors4.observe(SERVER, MACS[1], 600.0)
    (renewal,) = sent_messages(host, 600.1)
    reply(host, answer(renewal, dhcp.NAK), 600.2)
    host.poll(600.2)
    assert host.routes.lookup(parse_ip("8.8.8.8")) is None
