"""What the host's network offers to runs: IPv6, socket diagnosis, TAP devices, ports and pings."""

from __future__ import annotations

import errno
import fcntl
import os
import socket

from ptrace_net.doctor.finding import LIMITED, MISSING, NOTE, OK, Finding
from ptrace_net.sockets.emulated.unixdiag import UnixDiag
from ptrace_net.tracer.spawn import has_capability

_TUN = "/dev/net/tun"
_TUNGETFEATURES = 0x800454CF
_IFF_TAP = 2
_CAP_NET_BIND_SERVICE, _CAP_NET_ADMIN = 10, 12
_TAP = "`sudo ip tuntap add dev tap0 mode tap user $USER`, then --device eth0=tap:tap0"


def ipv6() -> Finding:
    what = "IPv6"
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        known = error.errno == errno.EADDRNOTAVAIL
        told = "no address ::1" if known else f"no AF_INET6 sockets ({os.strerror(error.errno or 0)})"
        return Finding(what, NOTE, f"{told}; programs get theirs all the same, served by IPv4 ones")
    return Finding(what, OK, "the host has ::1")


def unix_diag() -> Finding:
    what = "unix_diag"
    if UnixDiag().alive_probe():
        return Finding(what, OK, "sockets that programs have closed are found at once")
    told = "/proc/net/unix is read instead, which is slower with many sockets"
    return Finding(what, LIMITED, told, "`modprobe unix_diag` (CONFIG_UNIX_DIAG)")


def tap() -> Finding:
    what = "TAP devices"
    try:
        handle = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return Finding(what, MISSING, f"{_TUN}: {os.strerror(error.errno or 0)}", _tun_remedy(error.errno))
    try:
        features = bytearray(4)
        fcntl.ioctl(handle, _TUNGETFEATURES, features)
    except OSError as error:
        return Finding(what, MISSING, f"{_TUN} is no TUN device: {os.strerror(error.errno or 0)}")
    finally:
        os.close(handle)
    if not int.from_bytes(features, "little") & _IFF_TAP:
        return Finding(what, MISSING, "the kernel's TUN device has no TAP mode")
    if not has_capability("self", _CAP_NET_ADMIN):
        return Finding(what, LIMITED, "only with one that somebody has made for us", _TAP)
    return Finding(what, OK, "--device eth0=tap:NAME")


def _tun_remedy(number: int | None) -> str:
    if number in (errno.EACCES, errno.EPERM):
        return f"{_TUN} must be readable and writable; for Docker: --device {_TUN}"
    return f"`modprobe tun`; for Docker: --device {_TUN}"


def low_ports() -> Finding:
    what = "published ports"
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            first = int(file.read())
    except OSError:
        first = 1024
    if first == 0 or has_capability("self", _CAP_NET_BIND_SERVICE):
        return Finding(what, OK, "of any number")
    told = f"below {first} on the host another number is taken; within a run every port is free"
    remedy = "`sysctl net.ipv4.ip_unprivileged_port_start=0`, or -p HOST:PORT with a higher one"
    return Finding(what, NOTE, told, remedy)


def ping() -> Finding:
    what = "ping sockets"
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    except OSError as error:
        remedy = '`sysctl net.ipv4.ping_group_range="0 2147483647"`'
        return Finding(what, NOTE, f"refused to this group ({os.strerror(error.errno or 0)})", remedy)
    return Finding(what, OK, "echo requests reach the outside")
