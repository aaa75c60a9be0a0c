"""Multicast membership reports as packets: IGMP and MLD in the version that the querier speaks."""

from typing import TYPE_CHECKING

from . import icmp, igmp, ipv4, ipv6, mld
from .addresses import ALL_ROUTERS6, ANY4, ANY6, IP
from .multicast import Report

if TYPE_CHECKING:
    from .interface import Interface


def membership_report(interface: "Interface", report: Report) -> tuple[IP, tuple[bytes, ...]]:
    """Where the report goes, and the packet in pieces."""
    return _igmp(interface, report) if len(report.group) == 4 else _mld(interface, report)


def _igmp(interface: "Interface", report: Report) -> tuple[IP, tuple[bytes, ...]]:
    leaving = report.change == igmp.CHANGE_TO_INCLUDE
    if report.version >= 3:
        destination, message = igmp.V3_ROUTERS, igmp.v3_report([(report.change, report.group)])
    elif leaving:
        destination, message = igmp.ALL_ROUTERS, igmp.v2_message(igmp.V2_LEAVE, report.group)
    else:
        destination, message = report.group, igmp.v2_message(igmp.V2_REPORT, report.group)
    source = interface.host.source_for(interface, report.group) or ANY4
    head = ipv4.header_with_options(
        source, destination, igmp.IPPROTO_IGMP, len(message), igmp.ROUTER_ALERT, ttl=1, tos=0xC0
    )
    return destination, (head, message)


def _mld(interface: "Interface", report: Report) -> tuple[IP, tuple[bytes, ...]]:
    """The source is link-local, or unspecified while there is none (RFC 3590)."""
    local = (a.ip for a in interface.addresses.values() if len(a.ip) == 16 and a.usable and a.ip[0] == 0xFE)
    source = next(local, ANY6)
    leaving = report.change == mld.CHANGE_TO_INCLUDE
    if report.version >= 2:
        destination, kind, rest = mld.V2_ROUTERS, mld.V2_REPORT, 1
        body = mld.v2_records([(report.change, report.group)])
    else:
        destination = ALL_ROUTERS6 if leaving else report.group
        kind, rest, body = (mld.V1_DONE if leaving else mld.V1_REPORT), 0, report.group
    message = icmp.pack(source, destination, kind, 0, rest, body)
    length = len(mld.HOP_BY_HOP_ALERT) + len(message)
    head = ipv6.header(source, destination, ipv6.HOP_BY_HOP, length, hop_limit=1)
    return destination, (head, mld.HOP_BY_HOP_ALERT, message)
