"""A network of one's own for a replay: namespaces in which every address and port is local and free.

A new user and network namespace (root needs the latter only), loopback up, and a route of type ``local``
for everything on it, so that a replay can bind and reach the addresses of the recording without touching
the machine's. ``python -m ptrace_net.record.replay.isolate COMMAND…`` runs a command in such a network, or in
the machine's with the reason in the environment.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

WHY = "PTRACE_NET_NOT_ALONE"
"""The environment variable with the reason."""

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40
_RTM_NEWROUTE, _NLM_F_REQUEST_ACK_CREATE = 24, 0x1 | 0x4 | 0x400
_RT_TABLE_LOCAL, _RTPROT_STATIC, _RTN_LOCAL, _RTA_OIF, _SCOPE_HOST = 255, 4, 2, 4, 254


def isolate() -> str:
    """Move this process into its own network. Empty when done, else why not."""
    try:
        _unshare()
        _up()
        for family in (socket.AF_INET, socket.AF_INET6):
            _everything_local(family)
        _write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1")
        _write("/proc/sys/net/ipv4/ip_nonlocal_bind", "1")
    except OSError as error:
        return f"no network namespace: {error.strerror or error}"
    return ""


def _unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if user == 0 and libc.unshare(_CLONE_NEWNET) == 0:
        return
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {user} 1")
    _write("/proc/self/gid_map", f"0 {group} 1")


def _up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(control, _SIOCSIFFLAGS, request)


def _everything_local(family: int) -> None:
    """``ip route add local default dev lo table local``; a family that the machine lacks is left alone."""
    body = struct.pack(
        "=BBBBBBBBI", family, 0, 0, 0, _RT_TABLE_LOCAL, _RTPROT_STATIC, _SCOPE_HOST, _RTN_LOCAL, 0
    )
    body += struct.pack("=HHI", 8, _RTA_OIF, socket.if_nametoindex("lo"))
    head = struct.pack("=IHHII", 16 + len(body), _RTM_NEWROUTE, _NLM_F_REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        route.sendto(head + body, (0, 0))
        answer = route.recv(4096)
    (error,) = struct.unpack_from("=i", answer, 16)
    if error and family == socket.AF_INET:
        raise OSError(-error, os.strerror(-error))


def _write(path: str, text: str) -> None:
    """Write to /proc; what this kernel does not have is not needed either."""
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except FileNotFoundError:
        return
    except OSError:
        if "nonlocal_bind" not in path:
            raise


def main(command: list[str]) -> int:
    """Become `command` in a network of its own."""
    os.environ[WHY] = isolate()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"ptrace-net: {command[0]}: {error.strerror}", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
