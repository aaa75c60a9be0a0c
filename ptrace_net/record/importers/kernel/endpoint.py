"""smoltcp's ``Endpoint { addr: Ipv4(Address([127, 0, 0, 1])), port: 554 }`` as a socket address."""

import re
import socket

from ptrace_net.record.importers.strace.literals import decimal
from ptrace_net.record.model import Unknown, Value
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, struct_of

_ADDRESS = re.compile(r"ip(v[46])\w*\W+(?:address\W+)?([\d, ]+)\]", re.IGNORECASE)
_PORT = re.compile(r"\bp(?:ort)?: (\d+)")


def parse_endpoint(text: str) -> Value:
    """The sockaddr, or `Unknown` where the text is cut; sixteen zeros may have lost some on the way."""
    address, port = _ADDRESS.search(text), _PORT.search(text)
    if not address or not port:
        return Unknown(text, "the line is cut inside the address")
    octets = [decimal(word) for word in re.findall(r"\d+", address[2])]
    family = AF_INET if address[1].lower() == "v4" else AF_INET6
    size = 4 if family == AF_INET else 16
    if len(octets) < size and not any(octets):
        octets = [0] * size
    if len(octets) != size or max(octets) > 255:
        return Unknown(text, "not the octets of an address")
    return struct_of(Endpoint(family, socket.inet_ntop(_FAMILY[family], bytes(octets)), decimal(port[1])))


_FAMILY = {AF_INET: socket.AF_INET, AF_INET6: socket.AF_INET6}
