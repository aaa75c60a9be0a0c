"""ICMP errors of a router, the Linux kernel: what SO_ERROR and the error queue tell a program, as natively.

The same program behind the same router: natively over a veth, then in a run over the TAP. Its addresses
differ, as the router limits errors for each (five, then one a second: ip_error() in net/ipv4/route.c).
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.runner import Runner
from wire_rig import KERNEL, Rig, said, until

ROUTER = """
set -e
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv4/icmp_ratemask
echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
ip route add unreachable 198.51.100.1
ip route add prohibit 198.51.100.2
ip -6 route add unreachable fd66::1
ip -6 route add prohibit fd66::2
ip link add d0 mtu 1300 type veth peer name d1
ip addr add 198.18.0.1/24 dev d0
ip -6 addr add fd67::1/64 dev d0 nodad
ip link set d1 up
ip link set d0 up
for number in 10 11 12 13 14 15; do
    ip neigh add 198.18.0.$number lladdr 02:00:00:00:00:09 dev d0
    ip neigh add fd67::$number lladdr 02:00:00:00:00:09 dev d0
done
"""
CLIENT = """
set -e
ip link set lo up
echo ready
read connected
ip addr add 10.0.2.16/24 dev eth0
ip -6 addr add fec0::16/64 dev eth0 nodad
ip link set eth0 up
ip route add default via 10.0.2.2
ip -6 route add default via fec0::2
echo ready
exec cat
"""
PROGRAM = '''
import errno, select, socket, struct, sys
IN = {4: socket.AF_INET, 6: socket.AF_INET6}
RECVERR = {4: (0, 11), 6: (41, 25)}
HOPS = {4: (0, 2), 6: (41, 16)}
DISCOVER = {4: (0, 10), 6: (41, 23)}
MTU = {4: (0, 14), 6: (41, 24)}
LIMIT = {4: (0, 12), 6: (41, 51)}
ROUTER = {4: "10.0.2.2", 6: "fec0::2"}
HERE, BEYOND, TOO_FAR, NARROW = "port", ("unreachable", "prohibited", "no route"), "hops", "mtu"
TARGETS = {
    HERE: ROUTER, BEYOND[0]: {4: "198.51.100.1", 6: "fd66::1"}, BEYOND[1]: {4: "198.51.100.2", 6: "fd66::2"},
    BEYOND[2]: {4: "192.0.2.77", 6: "fd68::1"}, TOO_FAR: {4: "198.18.0.9", 6: "fd67::9"},
}
NOBODY = {4: "10.0.2.%d", 6: "fec0::%d"}
narrow = {4: (f"198.18.0.{last}" for last in range(10, 16)), 6: (f"fd67::{last}" for last in range(10, 16))}
def told(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
def so_error(s):
    return errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
def events(s, wait):
    poll = select.poll()
    poll.register(s, select.POLLIN)
    return [event for _, event in poll.poll(wait)]
def fence(version):
    """What was sent before this has been answered."""
    s = socket.socket(IN[version], socket.SOCK_DGRAM)
    s.connect((ROUTER[version], 8))
    s.sendmsg([b"fence"])
    assert events(s, 5000), "no answer of the router"
def queued(s):
    data, control, flags, name = s.recvmsg(2000, 300, socket.MSG_ERRQUEUE)
    return len(data), data[:4], [(*which, value.hex()) for *which, value in control], hex(flags), name
def prepared(version, what, kind):
    s = socket.socket(IN[version], kind)
    s.setsockopt(*LIMIT[version], 1)
    if what == "hops":
        s.setsockopt(*HOPS[version], 1)
    return s
def datagram(version, what, recverr, connected):
    print("datagram", version, what, recverr, connected, end=": ")
    s = prepared(version, what, socket.SOCK_DGRAM)
    s.setsockopt(*RECVERR[version], recverr)
    target = (next(narrow[version]) if what == NARROW else TARGETS[what][version], 9)
    if connected:
        s.connect(target)
    for _ in range(20):  # the router may have said as much as it may just then
        data = bytes(1400) if what == NARROW else b"data"
        sent = told(s.sendmsg, [data], [], 0, *([] if connected else [target]))
        fence(version)
        seen = events(s, 200 if recverr else 0)
        if seen or not recverr:
            break
    print(sent, seen, end=" ")
    if recverr:
        print(told(queued, s), told(queued, s), end=" ")
    print(told(s.recvmsg, 10, 0, socket.MSG_DONTWAIT), so_error(s), events(s, 0), flush=True)
def asked(version):
    """SO_ERROR alone, once."""
    s = prepared(version, HERE, socket.SOCK_DGRAM)
    s.connect((ROUTER[version], 9))
    s.sendmsg([b"data"])
    print("asked", events(s, 3000), so_error(s), so_error(s), told(s.recvmsg, 10, 0, socket.MSG_DONTWAIT))
def path(version):
    """What was too big once is known."""
    s = prepared(version, NARROW, socket.SOCK_DGRAM)
    s.setsockopt(*RECVERR[version], 1)
    s.setsockopt(*DISCOVER[version], 2)
    s.connect((next(narrow[version]), 9))
    print("path", told(s.sendmsg, [bytes(1400)]), events(s, 3000), told(queued, s), so_error(s), end=" ")
    print(s.getsockopt(*MTU[version]), told(s.sendmsg, [bytes(1400)]), told(queued, s), end=" ")
    print(told(s.sendmsg, [bytes(1200)]), so_error(s), flush=True)
def silent(version):
    """Nobody on the link has the address: who has not asked is told nothing."""
    asking = (0, 1), (1, 0), (1, 1)
    sockets = []
    for last, (recverr, connected) in enumerate(asking):
        s = socket.socket(IN[version], socket.SOCK_DGRAM)
        s.setsockopt(*RECVERR[version], recverr)
        target = (NOBODY[version] % (70 + last), 9)
        if connected:
            s.connect(target)
        s.sendmsg([b"data"], [], 0, *([] if connected else [target]))
        sockets.append(s)
    for (recverr, connected), s in reversed([*zip(asking, sockets)]):
        print("silent", version, recverr, connected, events(s, 15000 if recverr else 1000), end=" ")
        said = told(queued, s)
        if recverr:  # the offender is the host itself
            size, data, ((*which, value),), flags, name = said
            said = size, data, which, value[:32], flags, name
        print(said, told(s.recvmsg, 10, 0, socket.MSG_DONTWAIT), so_error(s), flush=True)
def stream(version, what, blocking):
    print("stream", version, what, blocking, end=": ")
    s = prepared(version, what, socket.SOCK_STREAM)
    s.settimeout(20 if blocking else 0)
    print(told(s.connect, (TARGETS[what][version], 9)), end=" ")
    if not blocking:
        poll = select.poll()
        poll.register(s, select.POLLOUT)
        print(bool(poll.poll(20000)), so_error(s), end=" ")
    print(flush=True)
for version in (4, 6):
    for what in BEYOND:
        datagram(version, what, 0, 1)
    for what in (HERE, TOO_FAR, NARROW):
        for connected in (0, 1):
            datagram(version, what, 0, connected)
    for number, what in enumerate([*TARGETS, NARROW]):
        for connected in (0, 1):
            if version == 6 or what not in BEYOND or connected == number % 2:
                datagram(version, what, 1, connected)
    asked(version)
    silent(version)
    path(version)
    for number, what in enumerate(TARGETS):
        for blocking in (True, False):
            if what == HERE or blocking == (number + version // 2) % 2:
                stream(version, what, blocking)
'''


@contextmanager
def native(wire: Rig) -> Iterator[Runner]:
    """A host of the kernel's own behind the router, in place of a run behind the TAP."""
    said(wire.kernel.run("ip", "addr", "flush", "dev", "tap0"))
    said(wire.kernel.run("ip", "-6", "addr", "flush", "dev", "tap0", "scope", "site"))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with wire.kernel.program("unshare", "-n", "sh", "-c", CLIENT, **pipes) as holder:
        assert holder.stdout.readline() == b"ready\n"
        pair = ("ip", "link", "add", "v0", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        said(wire.kernel.run(*pair))
        addressed(wire, "v0")
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"ready\n"
        inside = Runner("native", (), (*wire.enter, "nsenter", "-t", str(holder.pid), "-n", "--"))
        for address in KERNEL.values():
            until(lambda: inside.run("ping", "-c", "1", "-W", "1", address).returncode == 0)  # noqa: B023
        yield inside
        said(wire.kernel.run("ip", "link", "del", "v0"))
        addressed(wire, "tap0")


def addressed(wire: Rig, interface: str) -> None:
    """The router's addresses are there."""
    said(wire.kernel.run("ip", "addr", "add", f"{KERNEL[4]}/24", "dev", interface))
    said(wire.kernel.run("ip", "-6", "addr", "add", f"{KERNEL[6]}/64", "dev", interface, "nodad"))
    said(wire.kernel.run("ip", "link", "set", interface, "up"))


@pytest.mark.parametrize("engine", ["auto", pytest.param("ptrace", marks=pytest.mark.slow)])
def test_what_a_router_says_reaches_the_program(wire: Rig, engine: str) -> None:
    said(wire.kernel.run("sh", "-c", ROUTER))
    program = (sys.executable, "-c", PROGRAM)
    with native(wire) as host:
        expected = said(host.run(*program, seconds=60)).splitlines()
    for word in ("ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EACCES", "EMSGSIZE"):
        assert sum(word in line for line in expected) >= 2, word
    assert said(wire.net("--engine", engine).run(*program, seconds=60)).splitlines() == expected
