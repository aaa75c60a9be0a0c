"""IPPROTO_IPV6: the options of IPv6; ipv6(7), RFC 3493, RFC 3542. The 2292 names are of the older RFC."""

from ptrace_net.abi.constants.in6 import IPV6, IPV6_PMTUDISC, IPV6_PREFER_SRC
from ptrace_net.abi.constants.socket import AF
from ptrace_net.abi.in6 import in6_flowlabel_req, in6_pktinfo, ip6_mtuinfo, ipv6_mreq
from ptrace_net.abi.sockopt.ip import mcast
from ptrace_net.abi.sockopt.model import Row, bits, blob, number, rows, switch

_SOCKET: tuple[Row, ...] = (
    ("IPV6_ADDRFORM", number, "rw", "10", "inet6",
     "AF_INET: turn a socket connected to ::ffff:a.b.c.d into IPv4",
     AF),
    ("IPV6_V6ONLY", switch, "rw", "0", "inet6", "1: no IPv4; set before bind. Default of a host: bindv6only"),
    ("IPV6_TRANSPARENT", switch, "rw", "0", "inet6", "transparent proxy; needs CAP_NET_ADMIN"),
    ("IPV6_FREEBIND", switch, "rw", "0", "inet6", "bind to an address that the host does not have (yet)"),
    ("IPV6_UNICAST_IF", bits, "rw", "0", "inet6", "interface for outgoing packets: index in network order"),
    ("IPV6_ADDR_PREFERENCES", number, "rw", "1280", "inet6", "which source address to choose (RFC 5014)",
     IPV6_PREFER_SRC, "flags"),
    ("IPV6_IPSEC_POLICY", blob, "w", "-", "inet6", "IPsec policy in the form of PF_KEY"),
    ("IPV6_XFRM_POLICY", blob, "w", "-", "inet6", "IPsec policy of this socket; needs CAP_NET_ADMIN"),
)  # fmt: skip

_PACKET: tuple[Row, ...] = (
    ("IPV6_UNICAST_HOPS", number, "rw", "64", "inet6", "hop limit; -1 in set: the default"),
    ("IPV6_MINHOPCOUNT", number, "rw", "0", "inet6", "drop packets with a lower hop limit (RFC 5082)"),
    ("IPV6_TCLASS", number, "rw", "0", "inet6", "traffic class; -1 in set: the default"),
    ("IPV6_AUTOFLOWLABEL", switch, "rw", "1", "inet6", "choose a flow label for each flow"),
    ("IPV6_FLOWLABEL_MGR", in6_flowlabel_req, "rw", "-", "inet6", "get, put or renew a flow label"),
    ("IPV6_FLOWINFO_SEND", switch, "rw", "0", "inet6", "sin6_flowinfo of the destination is sent"),
    ("IPV6_MTU_DISCOVER", number, "rw", "1", "inet6", "path MTU discovery", IPV6_PMTUDISC),
    ("IPV6_MTU", number, "rw", "-", "inet6",
     "path MTU of a connected socket, ENOTCONN before; set: fragment to it"),
    ("IPV6_PATHMTU", ip6_mtuinfo, "r", "-", "inet6", "path MTU of a connected socket"),
    ("IPV6_DONTFRAG", switch, "rw", "0", "inet6", "never fragment: EMSGSIZE"),
    ("IPV6_CHECKSUM", number, "rw", "-1", "raw6", "offset of the checksum that the kernel fills; -1: none"),
    ("IPV6_HDRINCL", switch, "rw", "0", "raw6", "the program writes the IPv6 header itself"),
    ("IPV6_ROUTER_ALERT", number, "rw", "0", "raw6",
     "get packets with this value; IPPROTO_RAW only; -1: none"),
    ("IPV6_ROUTER_ALERT_ISOLATE", switch, "rw", "0", "raw6", "only those of the own namespace"),
    ("IPV6_NEXTHOP", blob, "", "-", "inet6", "RFC 3542 has it, Linux does not: ENOPROTOOPT"),
    ("IPV6_AUTHHDR", blob, "", "-", "inet6", "reserved: ENOPROTOOPT"),
)

_HEADERS: tuple[Row, ...] = (
    ("IPV6_HOPOPTS IPV6_RXHOPOPTS", blob, "rw", "", "inet6", "hop-by-hop options of every packet"),
    ("IPV6_DSTOPTS IPV6_RXDSTOPTS", blob, "rw", "", "inet6", "destination options of every packet"),
    ("IPV6_RTHDRDSTOPTS", blob, "rw", "", "inet6", "destination options before the routing header"),
    ("IPV6_RTHDR", blob, "rw", "", "inet6", "routing header of every packet"),
    ("IPV6_PKTINFO", in6_pktinfo, "w", "-", "inet6", "source and interface of every packet"),
    ("IPV6_HOPLIMIT", number, "", "-", "inet6", "a control message; as an option ENOPROTOOPT"),
    ("IPV6_2292PKTOPTIONS", blob, "rw", "", "stream6",
     "control messages for every packet; of a stream: what came"),
)

_RECEIVE: tuple[Row, ...] = (
    ("IPV6_RECVPKTINFO", switch, "rw", "0", "inet6", "IPV6_PKTINFO (in6_pktinfo) with each datagram"),
    ("IPV6_RECVHOPLIMIT", switch, "rw", "0", "inet6", "IPV6_HOPLIMIT with each datagram"),
    ("IPV6_RECVTCLASS", switch, "rw", "0", "inet6", "IPV6_TCLASS with each datagram"),
    ("IPV6_RECVHOPOPTS", switch, "rw", "0", "inet6", "IPV6_HOPOPTS with each datagram"),
    ("IPV6_RECVDSTOPTS", switch, "rw", "0", "inet6", "IPV6_DSTOPTS with each datagram"),
    ("IPV6_RECVRTHDR", switch, "rw", "0", "inet6", "IPV6_RTHDR with each datagram"),
    ("IPV6_RECVPATHMTU", switch, "rw", "0", "inet6", "IPV6_PATHMTU when the path MTU changes"),
    ("IPV6_RECVFRAGSIZE", switch, "rw", "0", "inet6", "size of the largest fragment with each datagram"),
    ("IPV6_ORIGDSTADDR IPV6_RECVORIGDSTADDR", switch, "rw", "0", "inet6",
     "address a redirected datagram was for"),
    ("IPV6_FLOWINFO", switch, "rw", "0", "inet6", "flow information with each datagram"),
    ("IPV6_RECVERR", switch, "rw", "0", "inet6", "queue errors for recvmsg(MSG_ERRQUEUE)"),
    ("IPV6_RECVERR_RFC4884", switch, "rw", "0", "inet6", "with the extensions of RFC 4884"),
    ("IPV6_2292PKTINFO", switch, "rw", "0", "inet6", "IPV6_RECVPKTINFO of RFC 2292"),
    ("IPV6_2292HOPLIMIT", switch, "rw", "0", "inet6", "IPV6_RECVHOPLIMIT of RFC 2292"),
    ("IPV6_2292HOPOPTS", switch, "rw", "0", "inet6", "IPV6_RECVHOPOPTS of RFC 2292"),
    ("IPV6_2292DSTOPTS", switch, "rw", "0", "inet6", "IPV6_RECVDSTOPTS of RFC 2292"),
    ("IPV6_2292RTHDR", switch, "rw", "0", "inet6", "IPV6_RECVRTHDR of RFC 2292"),
)

_MULTICAST: tuple[Row, ...] = (
    ("IPV6_MULTICAST_IF", number, "rw", "0", "inet6", "outgoing interface by index; 0: by the routing table"),
    ("IPV6_MULTICAST_HOPS", number, "rw", "1", "inet6", "hop limit of multicast packets; -1 in set: 1"),
    ("IPV6_MULTICAST_LOOP", switch, "rw", "1", "inet6", "the host's own members get them too"),
    ("IPV6_MULTICAST_ALL", switch, "rw", "1", "inet6", "also groups that other sockets joined"),
    ("IPV6_ADD_MEMBERSHIP IPV6_JOIN_GROUP", ipv6_mreq, "w", "-", "inet6", "join a multicast group"),
    ("IPV6_DROP_MEMBERSHIP IPV6_LEAVE_GROUP", ipv6_mreq, "w", "-", "inet6", "leave it"),
    ("IPV6_JOIN_ANYCAST", ipv6_mreq, "w", "-", "inet6", "have an anycast address"),
    ("IPV6_LEAVE_ANYCAST", ipv6_mreq, "w", "-", "inet6", "no longer"),
)

IPV6_OPTIONS = tuple(rows(41, "SOL_IPV6", IPV6,
    _SOCKET + _PACKET + _HEADERS + _RECEIVE + _MULTICAST + mcast("inet6")))
