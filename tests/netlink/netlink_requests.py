"""Requests of NETLINK_ROUTE by what they ask for."""

from ptrace_net.abi.constants.rtnetlink import RTM
from ptrace_net.abi.netlink.messages import build_message, build_object
from ptrace_net.stack.addresses import parse_ip as ip

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCL, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800
ETH0, LO, NOBODY = 2, 1, 9
#: the types that are dumped, and the length of the header each has
BODIES = {"GETLINK": 16, "GETADDR": 8, "GETROUTE": 12, "GETNEIGH": 12, "GETRULE": 12, "GETQDISC": 20}


def dump(kind: str, family: int = 0) -> bytes:
    body = bytes([family]) + bytes(BODIES[kind] - 1)
    return build_message(RTM[f"RTM_{kind}"], body, flags=REQUEST | DUMP, seq=7)


def ask(kind: str, body: dict, attributes: dict, flags: int = 0) -> bytes:
    return build_object(RTM[f"RTM_{kind}"], body, attributes, flags=REQUEST | ACK | flags, seq=9)


def _family(address: str) -> int:
    return 10 if ":" in address else 2


def address(
    kind: str, text: str, length: int, index: int = ETH0, flags: int = 0, **attributes: object
) -> bytes:
    both = {"IFA_LOCAL": ip(text), "IFA_ADDRESS": ip(text), **attributes}
    body = {"ifa_family": _family(text), "ifa_prefixlen": length, "ifa_index": index}
    return ask(kind, body, {name: value for name, value in both.items() if value is not None}, flags)


def route(kind: str, prefix: str, flags: int = 0, body: dict | None = None, **attributes: object) -> bytes:
    """``prefix`` is 10.0.0.0/8, or an address alone."""
    text, _, length = prefix.partition("/")
    bits = int(length) if length else len(ip(text)) * 8
    head = {"rtm_family": _family(text), "rtm_dst_len": bits}
    if kind != "GETROUTE":
        head |= {"rtm_table": 254, "rtm_protocol": 3, "rtm_type": 1}
    destination = {"RTA_DST": ip(text)} if bits else {}
    return ask(kind, head | (body or {}), destination | attributes, flags)


def neighbour(
    kind: str, text: str, mac: bytes | None, index: int = ETH0, state: int = 0x80, flags: int = 0
) -> bytes:
    attributes = {"NDA_DST": ip(text)} | ({"NDA_LLADDR": mac} if mac else {})
    body = {"ndm_family": _family(text), "ndm_ifindex": index, "ndm_state": state}
    return ask(kind, body, attributes, flags)


def link(kind: str, index: int, flags: int = 0, body: dict | None = None, **attributes: object) -> bytes:
    return ask(kind, {"ifi_index": index, **(body or {})}, attributes, flags)
