"""From a path to the contents that a run's programs shall find there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ptrace_net.views import links, sockets

if TYPE_CHECKING:
    from ptrace_net.views.view import View

AF_INET, AF_INET6, STREAM, DGRAM, RAW = 2, 10, 1, 2, 3
PROC_NET: Mapping[str, Callable[[View], str]] = {
    "tcp": sockets.table(AF_INET, STREAM), "tcp6": sockets.table(AF_INET6, STREAM),
    "udp": sockets.table(AF_INET, DGRAM), "udp6": sockets.table(AF_INET6, DGRAM),
    "raw": sockets.table(AF_INET, RAW), "raw6": sockets.table(AF_INET6, RAW), "unix": sockets.unix,
    "netlink": sockets.netlink, "packet": sockets.packet, "sockstat": sockets.sockstat,
    "sockstat6": sockets.sockstat6, "dev": links.dev, "route": links.route, "ipv6_route": links.ipv6_route,
    "if_inet6": links.if_inet6, "arp": links.arp, "igmp": links.igmp, "igmp6": links.igmp6,
    "dev_mcast": links.dev_mcast, "snmp": links.snmp,
}  # fmt: skip
_PROC = re.compile(r"/proc/(?:(?:self|thread-self|\d+|\d+/task/\d+)/)?net/(\w+)")
_SYS = re.compile(r"/sys/class/net/([^/]+)/(?:(statistics)/)?(\w+)")


def find(path: str) -> Callable[[View], str | None] | None:
    """What renders a path; None for one that is not the network's. It gives None where no such file is."""
    found = _PROC.fullmatch(path)
    if found:
        return PROC_NET.get(found[1])
    found = _SYS.fullmatch(path)
    return None if found is None else _attribute(*found.groups())


def _attribute(name: str, statistics: str | None, file: str) -> Callable[[View], str | None]:
    def render(view: View) -> str | None:
        interface = view.network.by_name(name)
        if interface is None:
            return None
        if statistics:
            return links.statistic(view.network.counters(interface.index), file)
        return links.attribute(view.network.link(interface), file)

    return render
