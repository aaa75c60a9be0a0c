"""Every socket option as a row: ``OPTIONS[level, number]``; socket(7), ip(7), ipv6(7), tcp(7), packet(7).

>>> option(41, 26).name
'IPV6_V6ONLY'
"""

from collections.abc import Mapping
from types import MappingProxyType

from ptrace_net.abi.sockopt.ip import IP_OPTIONS
from ptrace_net.abi.sockopt.ipv6 import IPV6_OPTIONS
from ptrace_net.abi.sockopt.model import SCOPES, Option
from ptrace_net.abi.sockopt.other import OTHER_OPTIONS
from ptrace_net.abi.sockopt.packet import PACKET_OPTIONS
from ptrace_net.abi.sockopt.socket import SOCKET_OPTIONS
from ptrace_net.abi.sockopt.tcp import TCP_OPTIONS

_ALL = (*SOCKET_OPTIONS, *IP_OPTIONS, *IPV6_OPTIONS, *TCP_OPTIONS, *PACKET_OPTIONS, *OTHER_OPTIONS)

OPTIONS: Mapping[tuple[int, int], Option] = MappingProxyType({(o.level, o.number): o for o in _ALL})

_BY_NAME = {name: each for each in reversed(_ALL) for name in (each.name, *each.aliases)}


def option(level: int, number: int) -> Option | None:
    """The option that setsockopt(2) calls (level, number), if there is one."""
    return OPTIONS.get((level, number))


def option_named(name: str) -> Option | None:
    """The option of a C name; where two levels share it (MCAST_JOIN_GROUP), the IPv4 one."""
    return _BY_NAME.get(name)


__all__ = ["OPTIONS", "SCOPES", "Option", "option", "option_named"]
