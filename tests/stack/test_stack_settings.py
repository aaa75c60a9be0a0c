"""What the run's own programs ask of the stack: links set down, neighbors by hand, routes that will end."""

from stack_net import IP4, IP6, MACS, Lab, Peer, flags_of, make_host

from ptrace_net.stack import ipv4, ndp, udp
from ptrace_net.stack.addresses import LOOPBACK6, link_local, solicited_node
from ptrace_net.stack.ethernet import ETH_P_IP
from ptrace_net.stack.ethernet import header as ethernet_header
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.neighbor import State as NeighborState
from ptrace_net.stack.result import AGAIN, BROKEN_PIPE, Fail
from ptrace_net.stack.tcp.segment import ACK
from ptrace_net.stack.tcp.states import State


def datagram_to_host() -> Frame:
    body = udp.header(IP4[1], IP4[0], 5000, 6000, b"hello")
    packet = ipv4.header(IP4[1], IP4[0], udp.IPPROTO_UDP, len(body) + 5, ident=7) + body + b"hello"
    return Frame(ethernet_header(MACS[0], MACS[1], ETH_P_IP) + packet)


def test_an_interface_that_is_down_drops_what_comes() -> None:
    host = make_host(0)
    eth0 = host.interfaces["eth0"]
    bound = host.udp_socket(4)
    assert bound.bind(IP4[0], 6000) is None
    eth0.up = False
    host.feed(eth0, datagram_to_host(), 1.0)
    assert bound.recv() == AGAIN
    assert (eth0.counters.rx_packets, eth0.counters.rx_dropped) == (1, 1)
    eth0.up = True
    host.feed(eth0, datagram_to_host(), 1.0)
    got = bound.recv()
    assert not isinstance(got, Fail)
    assert got.data == b"hello"


def test_the_addresses_of_lo_are_in_no_group() -> None:
    """Nobody solicits a neighbor on lo, so that there is no group to leave."""
    host = make_host(0)
    lo = host.interfaces["lo"]
    joined = dict(lo.groups.joined)
    assert solicited_node(LOOPBACK6) not in joined
    lo.remove_address(LOOPBACK6, 1.0)
    assert LOOPBACK6 not in lo.addresses
    assert lo.groups.joined == joined


def test_a_neighbor_by_hand_takes_what_waited() -> None:
    """ip-neighbour(8): a datagram that waits for an answer is free to go to the address that was said."""
    host = make_host(0)
    eth0 = host.interfaces["eth0"]
    sender = host.udp_socket(4)
    host.poll(0.0)
    assert not isinstance(sender.send(b"waits", 0.0, (IP4[1], 9)), Fail)
    assert host.deadline() == 0.0, "poll at once"
    [(_, [request])] = [(interface, frames) for interface, frames in host.poll(0.0) if interface is eth0]
    assert bytes(request.data[:6]) == b"\xff" * 6
    held = eth0.neighbors4.set(IP4[1], MACS[1], NeighborState.PERMANENT, 0.0)
    assert len(held) == 1
    assert eth0.neighbors4.entries[IP4[1]].state is NeighborState.PERMANENT
    assert eth0.neighbors4.deadline() is None, "nobody asks any more"


def test_a_neighbor_by_hand_without_anything_waiting() -> None:
    host = make_host(0)
    neighbors = host.interfaces["eth0"].neighbors6
    assert neighbors.set(IP6[1], MACS[1], NeighborState.STALE, 1.0) == []
    assert neighbors.entries[IP6[1]].mac == MACS[1]
    neighbors.remove(IP6[1])
    assert IP6[1] not in neighbors.entries


def test_when_an_advertised_route_ends() -> None:
    host = make_host(0)
    eth0 = host.interfaces["eth0"]
    router = link_local(MACS[1])
    eth0.autoconf.advert(ndp.RouterAdvert(64, False, False, 1800, 0, 0, MACS[1], None, (), ()), router, 100.0)
    ours = {route: eth0.autoconf.expires(route) for route in host.routes.routes if route.interface == "eth0"}
    assert [at for route, at in ours.items() if route.gateway == router] == [1900.0]
    assert {at for route, at in ours.items() if route.gateway is None} == {None}


def test_how_much_a_socket_would_take() -> None:
    """``room`` is what ``send`` takes; 1 where send has an errno to say, 0 where POLLOUT will come."""
    lab = Lab.pair()
    assert lab.hosts[0].tcp_socket(4).room() == 1
    client, _server = lab.connect()
    room = client.room()
    assert client.send(bytes(room + 1)) == room
    assert client.room() == 0
    assert client.send(b"x") == AGAIN
    lab.settle()
    client.shutdown(1, lab.now)
    assert client.room() == 1
    assert client.send(b"x") == BROKEN_PIPE
    opening = lab.hosts[0].tcp_socket(4)
    opening.connect(IP4[1], 81, lab.now)
    assert opening.tcb is not None
    assert opening.tcb.state is State.SYN_SENT
    assert opening.room() == 0
    assert opening.tcb.snd.want_room


def test_errnos_by_name() -> None:
    assert str(BROKEN_PIPE) == "EPIPE (Broken pipe)"


def test_an_old_connection_in_the_way_of_a_new_one() -> None:
    """RFC 9293, 3.5.1: our reset clears it, and the first SYN is repeated soon; later ones in time."""
    peer = Peer(make_host(0))
    peer.connecting()
    assert flags_of(peer.send(ACK, 500, 77)) == "R"
    assert flags_of(peer.poll(0.2)) == "S"
    assert flags_of(peer.send(ACK, 500, 77)) == "R"
    assert flags_of(peer.poll(0.2)) == "", "has been repeated: the timeout decides"
    assert flags_of(peer.poll(4.0)) == "S"
