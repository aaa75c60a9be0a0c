"""Which loopback ports speak IPv6: by the inode that holds them now, not by the port."""

import socket

from ptrace_net.policies.policy import Policy
from ptrace_net.sockets.datagrams import Datagrams
from ptrace_net.sockets.faces import SixOnFour

FACE = SixOnFour(Policy().addresses)


def bound(address: str, port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def network_order(sock: socket.socket) -> int:
    return socket.htons(sock.getsockname()[1])


def test_a_port_is_ipv6s_while_its_socket_lives() -> None:
    datagrams = Datagrams(FACE)
    with bound("127.0.0.1") as speaker, bound("127.0.0.1") as other:
        port = network_order(speaker)
        assert not datagrams.is_own(port)
        datagrams.note(speaker.fileno())
        assert datagrams.is_own(port)
        assert not datagrams.is_own(network_order(other))
        number = speaker.getsockname()[1]
        speaker.close()
        with bound("127.0.0.1", number):
            datagrams.forget()
            assert not datagrams.is_own(port)
            assert not datagrams.is_own(port)


def test_where_ipv6s_loopback_is_reached() -> None:
    datagrams = Datagrams(FACE)
    with bound("127.6.0.1") as alone, bound("0.0.0.0") as dual:
        datagrams.forget()
        assert datagrams.loopback_for(network_order(alone)) == FACE.host_loopback
        assert datagrams.loopback_for(network_order(dual)) == FACE.plain_loopback


def test_a_bind_is_seen_at_once() -> None:
    datagrams = Datagrams(FACE)
    datagrams.loopback_for(0)
    with bound("127.6.0.1") as late:
        datagrams.forget()
        assert datagrams.loopback_for(network_order(late)) == FACE.host_loopback
