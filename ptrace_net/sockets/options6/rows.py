"""The options of linux/in6.h: a row each (ipv6(7), net/ipv6/ipv6_sockglue.c), or what refuses it.

``ROWS`` are the integers: which values Linux takes, what it reads back at first, and the option of level
IPPROTO_IP that has the same effect on the host; without one the value is kept and read back. ``REFUSED`` are
those that every UDP and TCP socket refuses, or that IPv4 cannot do. The rest: ``special`` and ``groups``.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

IP_TOS, IP_TTL, IP_PKTINFO, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS = 1, 2, 8, 10, 11, 12, 13
IP_FREEBIND, IP_TRANSPARENT, IP_RECVORIGDSTADDR, IP_MINTTL = 15, 19, 20, 21
IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_MULTICAST_ALL, IP_UNICAST_IF = 33, 34, 49, 50
UNICAST_HOPS, RECVERR, TCLASS = 16, 25, 67
_INT_MIN, _INT_MAX = -(1 << 31), (1 << 31) - 1


class Row(NamedTuple):
    """``low`` to ``high`` are the values taken, ``boolean`` ones read back as 0 or 1.

    ``datagram``: set on datagram sockets alone, read on all. ``any_length``: shorter than an int is 0.
    ``shared``: Linux itself keeps it where the option of IPPROTO_IP is.
    """

    name: str
    low: int
    high: int
    default: int
    host: int | None = None  # the option of level IPPROTO_IP
    boolean: bool = False
    datagram: bool = False
    any_length: bool = False
    shared: bool = False


def _flag(name: str, host: int | None = None, default: int = 0, **more: bool) -> Row:
    return Row(name, _INT_MIN, _INT_MAX, default, host, boolean=True, **more)


ROWS: dict[int, Row] = {
    2: _flag("IPV6_2292PKTINFO", IP_PKTINFO),
    3: _flag("IPV6_2292HOPOPTS"),
    4: _flag("IPV6_2292DSTOPTS"),
    5: _flag("IPV6_2292RTHDR"),
    8: _flag("IPV6_2292HOPLIMIT", IP_RECVTTL),
    11: _flag("IPV6_FLOWINFO"),
    16: Row("IPV6_UNICAST_HOPS", -1, 255, 64, IP_TTL),
    18: Row("IPV6_MULTICAST_HOPS", -1, 255, 1, IP_MULTICAST_TTL, datagram=True),
    19: Row("IPV6_MULTICAST_LOOP", 0, 1, 1, IP_MULTICAST_LOOP),
    23: Row("IPV6_MTU_DISCOVER", 0, 5, 1, IP_MTU_DISCOVER),
    25: _flag("IPV6_RECVERR", IP_RECVERR),
    29: _flag("IPV6_MULTICAST_ALL", default=1),
    30: _flag("IPV6_ROUTER_ALERT_ISOLATE"),
    31: Row("IPV6_RECVERR_RFC4884", 0, 1, 0),
    33: _flag("IPV6_FLOWINFO_SEND"),
    49: _flag("IPV6_RECVPKTINFO", IP_PKTINFO),
    51: _flag("IPV6_RECVHOPLIMIT", IP_RECVTTL),
    53: _flag("IPV6_RECVHOPOPTS"),
    56: _flag("IPV6_RECVRTHDR"),
    58: _flag("IPV6_RECVDSTOPTS"),
    60: _flag("IPV6_RECVPATHMTU"),
    62: _flag("IPV6_DONTFRAG", any_length=True),
    66: _flag("IPV6_RECVTCLASS", IP_RECVTOS),
    67: Row("IPV6_TCLASS", -1, 255, 0, IP_TOS),
    70: _flag("IPV6_AUTOFLOWLABEL", default=1, any_length=True),
    73: Row("IPV6_MINHOPCOUNT", 0, 255, 0, IP_MINTTL),
    74: _flag("IPV6_RECVORIGDSTADDR", IP_RECVORIGDSTADDR),
    75: _flag("IPV6_TRANSPARENT", IP_TRANSPARENT, shared=True),
    77: _flag("IPV6_RECVFRAGSIZE", any_length=True),
    78: _flag("IPV6_FREEBIND", IP_FREEBIND, shared=True),
}

# Level IPPROTO_IP on the same socket: these answer for themselves, whatever IPv6 asked of the host's option.
TWINS: dict[int, tuple[int, ...]] = {
    **{
        host: tuple(option for option, row in ROWS.items() if row.host == host)
        for host in {row.host for row in ROWS.values() if row.host is not None and not row.shared}
    },
    IP_UNICAST_IF: (76,),
    IP_MULTICAST_ALL: (),  # starts as 0, and as 1 on an AF_INET socket
}


class Refusal(NamedTuple):
    """The errno for setting, and for reading; 0: it reads as empty."""

    name: str
    set: int
    get: int


_UNKNOWN = errno.ENOPROTOOPT
REFUSED: dict[int, Refusal] = {
    # Raw sockets have these two.
    7: Refusal("IPV6_CHECKSUM", _UNKNOWN, _UNKNOWN),
    36: Refusal("IPV6_HDRINCL", _UNKNOWN, _UNKNOWN),
    # Linux has them in control messages, or not at all.
    9: Refusal("IPV6_NEXTHOP", _UNKNOWN, _UNKNOWN),
    10: Refusal("IPV6_AUTHHDR", _UNKNOWN, _UNKNOWN),
    52: Refusal("IPV6_HOPLIMIT", _UNKNOWN, _UNKNOWN),
    63: Refusal("IPV6_USE_MIN_MTU", _UNKNOWN, _UNKNOWN),
    # No extension header travels in an IPv4 packet: as without CAP_NET_RAW.
    54: Refusal("IPV6_HOPOPTS", errno.EPERM, 0),
    55: Refusal("IPV6_RTHDRDSTOPTS", errno.EPERM, 0),
    59: Refusal("IPV6_DSTOPTS", errno.EPERM, 0),
    # The host's policies are for its IPv4: as without CAP_NET_ADMIN.
    34: Refusal("IPV6_IPSEC_POLICY", errno.EPERM, _UNKNOWN),
    35: Refusal("IPV6_XFRM_POLICY", errno.EPERM, _UNKNOWN),
    # Packet filters of IPv6 (netfilter_ipv6/ip6_tables.h): as without CAP_NET_ADMIN.
    64: Refusal("IP6T_SO_GET_INFO", errno.EPERM, errno.EPERM),
    65: Refusal("IP6T_SO_GET_ENTRIES", errno.EPERM, errno.EPERM),
    68: Refusal("IP6T_SO_GET_REVISION_MATCH", _UNKNOWN, errno.EPERM),
    69: Refusal("IP6T_SO_GET_REVISION_TARGET", _UNKNOWN, errno.EPERM),
    # As where IPv6 connections are not tracked.
    80: Refusal("IP6T_SO_ORIGINAL_DST", _UNKNOWN, _UNKNOWN),
    # Multicast routing (linux/mroute6.h) is for raw ICMPv6 sockets.
    **{option: Refusal("MRT6_*", errno.EOPNOTSUPP, errno.EOPNOTSUPP) for option in range(200, 213)},
}
