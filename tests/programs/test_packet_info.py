"""Datagram servers that answer from the address asked, as name servers do (IPV6_PKTINFO, RFC 3542)."""

import sys

import pytest
from support.session import Session

SERVER_AND_CLIENT = """
import socket
IPV6_RECVPKTINFO = 49
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, {v6only})
server.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
server.bind(("{bound}", 0))
port = server.getsockname()[1]
if {v6only}:
    other.bind(("0.0.0.0", port))
for asked in {asked}:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect((asked, port))
        client.send(b"question")
        data, control, flags, source = server.recvmsg(100, 200)
        server.sendmsg([b"answer"], [item for item in control if item[0] == socket.IPPROTO_IPV6], 0, source)
        print(asked, source[0], socket.inet_ntop(socket.AF_INET6, control[0][2][:16]), client.recv(100))
"""
SERVERS = {
    "beside IPv4": {"v6only": 1, "bound": "::", "asked": ["::1"]},
    "loopback": {"v6only": 0, "bound": "::1", "asked": ["::1"]},
    "dual-stack": {"v6only": 0, "bound": "::", "asked": ["::1", "::ffff:127.0.0.1"]},
}


@pytest.mark.parametrize("name", SERVERS)
def test_answer_comes_from_where_the_question_went(session: Session, name: str) -> None:
    """A connected client takes nothing else."""
    told = session.output(sys.executable, "-c", SERVER_AND_CLIENT.format(**SERVERS[name]))
    assert told == "".join(f"{asked} {asked} {asked} b'answer'\n" for asked in SERVERS[name]["asked"])
