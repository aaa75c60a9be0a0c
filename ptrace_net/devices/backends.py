"""Opening what a device stands on: a TAP, a hub, a stream, nothing; errors name the remedy."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from ..failure import Failure
from .hub import join_hub
from .identity import E1000
from .memory import NullDevice
from .stream import StreamDevice
from .tap import open_tap

if TYPE_CHECKING:
    from .device import Device
    from .spec import DeviceSpec

SIOCGIFFLAGS, SIOCGIFMTU = 0x8913, 0x8921
IFF_UP = 1
STREAM_MTU = 1500
_IFREQ = struct.Struct("16sH22x")
_REFUSED = (errno.EPERM, errno.EACCES)


def open_backend(spec: DeviceSpec, run: str) -> Device:
    """The device that a `--device` asks for; Failure where it cannot be had."""
    return _BACKENDS[spec.backend](spec, run)


def _none(spec: DeviceSpec, _run: str) -> Device:
    return NullDevice(spec.name, spec.mac or E1000.mac, spec.mtu or 1500)


def _tap(spec: DeviceSpec, _run: str) -> Device:
    try:
        flags, mtu = _interface(spec.target)
    except OSError:
        raise Failure(f"no interface {spec.target}: {_tap_recipe(spec)}") from None
    if not flags & IFF_UP:
        raise Failure(f"{spec.target} is down: ip link set {spec.target} up")
    try:
        return open_tap(spec.target, spec.mac or E1000.mac, spec.name, spec.mtu or mtu, spec.offload)
    except OSError as error:
        raise Failure(f"{spec.target}: {error.strerror}: {_tap_remedy(error, spec)}") from None


def _interface(name: str) -> tuple[int, int]:
    """Flags and MTU of a kernel interface; OSError (ENODEV) where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = _IFREQ.pack(name.encode(), 0)
        flags = _IFREQ.unpack(fcntl.ioctl(asking, SIOCGIFFLAGS, request))[1]
        (mtu,) = struct.unpack_from("i", fcntl.ioctl(asking, SIOCGIFMTU, request), 16)
        return flags, mtu


def _tap_recipe(spec: DeviceSpec) -> str:
    return (
        f"make it as root: ip tuntap add dev {spec.target} mode tap user $USER && "
        f"ip addr add 10.0.2.2/24 dev {spec.target} && ip link set {spec.target} up"
    )


def _tap_remedy(error: OSError, spec: DeviceSpec) -> str:
    if error.errno == errno.ENOENT:
        return "there is no /dev/net/tun; as root: modprobe tun"
    if error.errno == errno.EBUSY:
        return "another program is attached to it; end that, or use another TAP"
    if error.errno == errno.EINVAL:
        return f"not a TAP with a single queue; {_tap_recipe(spec)}"
    if error.errno in _REFUSED:
        return f"it belongs to another user; {_tap_recipe(spec)}"
    return _tap_recipe(spec)


def hubs() -> Path:
    """Where the hubs of this user are."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "ptrace-net" / "hubs" if runtime else Path(f"/tmp/ptrace-net-{os.geteuid()}/hubs")


def _hub(spec: DeviceSpec, run: str) -> Device:
    directory = hubs() / spec.target
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return join_hub(directory, spec.mac, run, spec.name, spec.mtu or 1500)
    except PermissionError as error:
        reason = error.strerror or str(error)
        raise Failure(f"hub {spec.target}: {directory}: {reason}; choose another name for the hub") from None
    except OSError as error:
        remedy = "set XDG_RUNTIME_DIR to a directory of yours"
        raise Failure(f"hub {spec.target}: {directory}: {error.strerror or error}; {remedy}") from None


def _stream(spec: DeviceSpec, _run: str) -> Device:
    try:
        connection = _connected(spec.target)
    except (OSError, ValueError) as error:
        remedy = "start its other end first: passt --socket PATH, or QEMU with -netdev stream,server=on"
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise Failure(f"stream {spec.target}: {said}; {remedy}") from None
    return StreamDevice(connection, spec.mac or E1000.mac, spec.name, spec.mtu or STREAM_MTU)


def _connected(target: str) -> socket.socket:
    """A path, or HOST:PORT; OSError, or ValueError for a port that is none."""
    host, colon, port = target.rpartition(":")
    if colon and "/" not in target:
        return socket.create_connection((host.strip("[]"), int(port)), timeout=10)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(target)
    except OSError:
        connection.close()
        raise
    return connection


_BACKENDS = {"none": _none, "tap": _tap, "hub": _hub, "stream": _stream}
