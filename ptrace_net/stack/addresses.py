"""Addresses as the bytes on the wire: 4 for IPv4, 16 for IPv6, 6 for Ethernet.

The length says the family, so tables are plain dicts and prefixes compare as integers.  Text conversion
uses inet_pton(3) and inet_ntop(3); multicast mappings are RFC 1112, RFC 2464 and RFC 4291.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

IP = bytes
MAC = bytes

BROADCAST_MAC = b"\xff" * 6
ZERO_MAC = bytes(6)
ANY4 = bytes(4)
ANY6 = bytes(16)
BROADCAST4 = b"\xff" * 4
LOOPBACK4 = b"\x7f\x00\x00\x01"
LOOPBACK6 = bytes(15) + b"\x01"
ALL_HOSTS4 = b"\xe0\x00\x00\x01"
ALL_NODES6 = b"\xff\x02" + bytes(13) + b"\x01"
ALL_ROUTERS6 = b"\xff\x02" + bytes(13) + b"\x02"
_SOLICITED_PREFIX = b"\xff\x02" + bytes(9) + b"\x01\xff"
_LINK_LOCAL_PREFIX = b"\xfe\x80" + bytes(6)


def parse_ip(text: str) -> IP:
    """``"10.0.0.1"`` or ``"fe80::1"`` to bytes; ValueError where it is neither."""
    return ip_address(text).packed


def format_ip(address: IP) -> str:
    """Bytes to the text of inet_ntop(3)."""
    return str(IPv4Address(address) if len(address) == 4 else IPv6Address(address))


def parse_mac(text: str) -> MAC:
    """``"52:54:98:76:54:33"`` to bytes; ValueError where it is not six octets."""
    mac = bytes.fromhex(text.replace(":", ""))
    if len(mac) != 6:
        raise ValueError(f"not an Ethernet address: {text!r}")
    return mac


def format_mac(mac: MAC) -> str:
    return mac.hex(":")


def is_any(address: IP) -> bool:
    return not any(address)


def is_multicast(address: IP) -> bool:
    return 224 <= address[0] <= 239 if len(address) == 4 else address[0] == 0xFF


def is_loopback(address: IP) -> bool:
    return address[0] == 127 if len(address) == 4 else address == LOOPBACK6


def is_link_local(address: IP) -> bool:
    """169.254/16 or fe80::/10; multicast of link-local scope is not included."""
    if len(address) == 4:
        return address[:2] == b"\xa9\xfe"
    return address[0] == 0xFE and address[1] & 0xC0 == 0x80


def is_unicast(address: IP) -> bool:
    return not (is_any(address) or is_multicast(address) or address == BROADCAST4)


def in_prefix(address: IP, network: IP, length: int) -> bool:
    """Whether the first ``length`` bits agree; False between families."""
    return len(address) == len(network) and common_bits(address, network) >= length


def common_bits(a: IP, b: IP) -> int:
    """How many leading bits two addresses of one family share."""
    difference = int.from_bytes(a, "big") ^ int.from_bytes(b, "big")
    return len(a) * 8 - difference.bit_length()


def network_of(address: IP, length: int) -> IP:
    """The address with its host bits cleared."""
    host_bits = len(address) * 8 - length
    return (int.from_bytes(address, "big") >> host_bits << host_bits).to_bytes(len(address), "big")


def broadcast_of(address: IP, length: int) -> IP:
    """The IPv4 directed broadcast address of a prefix."""
    return (int.from_bytes(address, "big") | (1 << (32 - length)) - 1).to_bytes(4, "big")


def multicast_mac(group: IP) -> MAC:
    """The Ethernet group address: 23 bits of IPv4 (RFC 1112, 6.4), 32 of IPv6 (RFC 2464, 7)."""
    if len(group) == 4:
        return b"\x01\x00\x5e" + bytes((group[1] & 0x7F,)) + group[2:]
    return b"\x33\x33" + group[12:]


def solicited_node(address: IP) -> IP:
    """The solicited-node multicast address (RFC 4291, 2.7.1)."""
    return _SOLICITED_PREFIX + address[13:]


def eui64(mac: MAC) -> bytes:
    """The modified EUI-64 interface identifier (RFC 4291, appendix A): 8 bytes."""
    return bytes((mac[0] ^ 2,)) + mac[1:3] + b"\xff\xfe" + mac[3:]


def link_local(mac: MAC) -> IP:
    """fe80::/64 with the interface identifier of ``mac``."""
    return _LINK_LOCAL_PREFIX + eui64(mac)
