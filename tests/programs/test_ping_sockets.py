"""icmp(7): datagram sockets for echo requests belong to one family each, so the kernel serves them itself."""

import os
import sys

import pytest
from support.runner import Runner

NEEDS = ["unshare", "ip"]

# A namespace in which everybody's group may ping: root's, and a user's own, which is mapped to root.
PREPARE = "ip link set lo up; echo 0 0 > /proc/sys/net/ipv4/ping_group_range"
ENTER = ["unshare", "-n" if os.geteuid() == 0 else "-Urn", "--", "sh", "-c", f'{PREPARE}; exec "$@"', "sh"]
PING = """
import socket
for family, protocol, address, request in [
    (socket.AF_INET6, socket.IPPROTO_ICMPV6, "::1", 128),
    (socket.AF_INET, socket.IPPROTO_ICMP, "127.0.0.1", 8),
    (socket.AF_INET6, socket.IPPROTO_ICMP, "::1", 8),
    (socket.AF_INET, socket.IPPROTO_ICMPV6, "127.0.0.1", 128),
]:
    try:
        with socket.socket(family, socket.SOCK_DGRAM, protocol) as sock:
            sock.settimeout(5)
            sock.sendto(bytes([request, 0, 0, 0, 0, 0, 0, 1]) + b"hello", (address, 0))
            data, source = sock.recvfrom(100)
            print(data[0], data[8:], source[0])
    except OSError as error:
        print(error)
"""


@pytest.mark.parametrize("policy", [[], ["--policy", "ipv4-on-ipv6"]])
def test_ping_sockets(supervised: Runner, policy: list[str]) -> None:
    native = Runner("native").run(*ENTER, sys.executable, "-c", PING)
    words = [*ENTER, *supervised.supervise[:-1], *policy, "--"]
    under = Runner("host").run(*words, sys.executable, "-c", PING)
    refused = "[Errno 93] Protocol not supported\n" * 2
    assert native.stdout.decode() == f"129 b'hello' ::1\n0 b'hello' 127.0.0.1\n{refused}"
    assert under.stdout == native.stdout
