"""IPPROTO_IP: the options of IPv4 and the multicast options of both families; ip(7), RFC 3678."""

from ptrace_net.abi.constants.in_ import IP, IP_PMTUDISC
from ptrace_net.abi.in_ import (
    group_filter,
    group_req,
    group_source_req,
    in_addr_value,
    ip_mreq,
    ip_mreq_source,
    ip_mreqn,
    ip_msfilter,
)
from ptrace_net.abi.sockopt.model import Row, bits, blob, number, octet, rows, switch

_PACKET: tuple[Row, ...] = (
    ("IP_TOS", octet, "rw", "0", "inet", "type of service octet; its two low bits are ECN's"),
    ("IP_TTL", octet, "rw", "64", "inet", "time to live; -1 in set: the default"),
    ("IP_MINTTL", octet, "rw", "0", "inet", "drop packets with a lower time to live (RFC 5082)"),
    ("IP_HDRINCL", switch, "rw", "0", "raw", "the program writes the IP header itself"),
    ("IP_OPTIONS", blob, "rw", "", "inet", "IP options of every packet, at most 40 bytes"),
    ("IP_ROUTER_ALERT", switch, "rw", "0", "raw", "get forwarded packets with the router alert option"),
    ("IP_MTU_DISCOVER", octet, "rw", "1", "inet", "path MTU discovery", IP_PMTUDISC),
    ("IP_MTU", number, "r", "-", "inet", "path MTU of a connected socket; ENOTCONN before"),
    ("IP_NODEFRAG", switch, "rw", "0", "raw", "do not reassemble for the filters"),
    ("IP_CHECKSUM", switch, "rw", "0", "inet", "checksum of the datagram, as a control message"),
    ("IP_PROTOCOL", number, "r", "-", "inet", "protocol number of the socket"),
)

_ADDRESS: tuple[Row, ...] = (
    ("IP_FREEBIND", switch, "rw", "0", "inet", "bind to an address that the host does not have (yet)"),
    ("IP_TRANSPARENT", switch, "rw", "0", "inet", "transparent proxy; needs CAP_NET_ADMIN"),
    ("IP_BIND_ADDRESS_NO_PORT", switch, "rw", "0", "inet", "bind to port 0 chooses a port in connect only"),
    ("IP_LOCAL_PORT_RANGE", bits, "rw", "0", "inet", "ports to choose from: low 16 bits first, high 16 last"),
    ("IP_UNICAST_IF", bits, "rw", "0", "inet", "interface for outgoing packets: index in network order"),
    ("IP_IPSEC_POLICY", blob, "w", "-", "inet", "IPsec policy in the form of PF_KEY; needs CAP_NET_ADMIN"),
    ("IP_XFRM_POLICY", blob, "w", "-", "inet", "IPsec policy of this socket; needs CAP_NET_ADMIN"),
)

_RECEIVE: tuple[Row, ...] = (
    ("IP_PKTINFO", switch, "rw", "0", "inet", "in_pktinfo with each datagram"),
    ("IP_RECVTTL", switch, "rw", "0", "inet", "IP_TTL with each datagram"),
    ("IP_RECVTOS", switch, "rw", "0", "inet", "IP_TOS with each datagram"),
    ("IP_RECVOPTS", switch, "rw", "0", "inet", "IP options with each datagram"),
    ("IP_RETOPTS IP_RECVRETOPTS", switch, "rw", "0", "inet", "the same, ready to be sent back"),
    ("IP_ORIGDSTADDR IP_RECVORIGDSTADDR", switch, "rw", "0", "inet",
     "address that a redirected datagram was for"),
    ("IP_RECVFRAGSIZE", switch, "rw", "0", "inet", "size of the largest fragment with each datagram"),
    ("IP_PASSSEC", switch, "rw", "0", "inet", "security label with each datagram"),
    ("IP_RECVERR", switch, "rw", "0", "inet", "queue errors for recvmsg(MSG_ERRQUEUE)"),
    ("IP_RECVERR_RFC4884", switch, "rw", "0", "inet", "with the extensions of RFC 4884"),
    ("IP_PKTOPTIONS", blob, "r", "-", "tcp", "control messages of a stream: PKTINFO, TTL, TOS"),
)

_MULTICAST: tuple[Row, ...] = (
    ("IP_MULTICAST_IF", (ip_mreqn, ip_mreq, in_addr_value), "rw", "0.0.0.0", "inet",
     "outgoing interface; ip_mreq or in_addr do too; "
     "getsockopt gives an in_addr"),
    ("IP_MULTICAST_TTL", octet, "rw", "1", "inet", "time to live of multicast packets; -1 in set: 1"),
    ("IP_MULTICAST_LOOP", octet, "rw", "1", "inet", "the host's own members get them too"),
    ("IP_MULTICAST_ALL", switch, "rw", "1", "inet", "also groups that other sockets joined"),
    ("IP_ADD_MEMBERSHIP", (ip_mreqn, ip_mreq), "w", "-", "inet", "join a group; ip_mreq does too"),
    ("IP_DROP_MEMBERSHIP", (ip_mreqn, ip_mreq), "w", "-", "inet", "leave it"),
    ("IP_ADD_SOURCE_MEMBERSHIP", ip_mreq_source, "w", "-", "inet", "join one source of a group"),
    ("IP_DROP_SOURCE_MEMBERSHIP", ip_mreq_source, "w", "-", "inet", "leave it"),
    ("IP_BLOCK_SOURCE", ip_mreq_source, "w", "-", "inet", "ignore one source of a joined group"),
    ("IP_UNBLOCK_SOURCE", ip_mreq_source, "w", "-", "inet", "no longer"),
    ("IP_MSFILTER", ip_msfilter, "rw", "-", "inet", "all sources of a group at once"),
)  # fmt: skip

_MCAST: tuple[Row, ...] = (
    ("MCAST_JOIN_GROUP", group_req, "w", "-", "join a group of the socket's family"),
    ("MCAST_LEAVE_GROUP", group_req, "w", "-", "leave it"),
    ("MCAST_JOIN_SOURCE_GROUP", group_source_req, "w", "-", "join one source of a group"),
    ("MCAST_LEAVE_SOURCE_GROUP", group_source_req, "w", "-", "leave it"),
    ("MCAST_BLOCK_SOURCE", group_source_req, "w", "-", "ignore one source of a joined group"),
    ("MCAST_UNBLOCK_SOURCE", group_source_req, "w", "-", "no longer"),
    ("MCAST_MSFILTER", group_filter, "rw", "-", "all sources of a group at once"),
)


def mcast(scope: str) -> tuple[Row, ...]:
    """The options that IPv4 and IPv6 share by name and number, for sockets of one of them."""
    return tuple((*row[:4], scope, row[4]) for row in _MCAST)


IP_OPTIONS = tuple(rows(0, "SOL_IP", IP, _PACKET + _ADDRESS + _RECEIVE + _MULTICAST + mcast("inet")))

