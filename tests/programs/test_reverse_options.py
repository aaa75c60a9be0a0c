"""Options, control messages and errors of an AF_INET socket that AF_INET6 serves: as natively."""

import socket
import subprocess
import sys

import pytest

PROGRAM = """
import socket, struct, time
IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_RECVORIGDSTADDR = 1, 2, 8, 11, 12, 13, 20
MSG_ERRQUEUE = 0x2000
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(('127.0.0.1', 0))
for option in (IP_RECVTTL, IP_RECVTOS, IP_PKTINFO, IP_RECVORIGDSTADDR):
    a.setsockopt(0, option, 1)
    print(a.getsockopt(0, option))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
b.setsockopt(0, IP_TTL, 7)
b.setsockopt(0, IP_TOS, 0x10)
print(b.getsockopt(0, IP_TTL), b.getsockopt(0, IP_TOS))

def shown(received):
    data, control, flags, name = received
    print(data, [(l, t, v if t != IP_RECVORIGDSTADDR else v[4:8]) for l, t, v in control], flags, name[0])

b.sendto(b'options', a.getsockname())
shown(a.recvmsg(10, 500))
info = struct.pack('=i4s4s', 0, socket.inet_aton('127.0.0.1'), bytes(4))
number = struct.Struct('=i').pack
control = [(0, IP_TTL, number(9)), (0, IP_TOS, number(32)), (0, IP_PKTINFO, info)]
b.sendmsg([b'control'], control, 0, a.getsockname())
shown(a.recvmsg(10, socket.CMSG_SPACE(12)))
b.sendto(b'no room', a.getsockname())
shown(a.recvmsg(10))
b.setsockopt(0, IP_RECVERR, 1)
b.connect(('127.0.0.1', 1))
b.send(b'refused')
for _ in range(100):
    try:
        print([(l, t, v[20:24]) for l, t, v in b.recvmsg(10, 500, MSG_ERRQUEUE)[1]])
        break
    except BlockingIOError:
        time.sleep(0.05)
for option, value in ((IP_TTL, 0), (IP_TTL, 256), (99, 1)):
    try:
        b.setsockopt(0, option, value)
    except OSError as error:
        print(option, value, error.errno)
"""


def test_options_and_control_messages(ptrace_net_command: list[str]) -> None:
    if not _has_loopback6():
        pytest.skip("the host's sockets are IPv6 ones here")
    program = [sys.executable, "-c", PROGRAM]
    supervised = [*ptrace_net_command, "--policy", "ipv4-on-ipv6", "--", *program]
    native, seen = (
        subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        for command in (program, supervised)
    )
    assert native.returncode == 0, native.stderr
    assert seen.stdout == native.stdout
    assert (seen.returncode, seen.stderr) == (0, "")


def _has_loopback6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True
