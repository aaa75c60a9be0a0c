"""From the command line to a host with its devices: backends opened, wrapped, attached and given addresses.

A capture is what the stack sees: outside of the impairment, which takes frames after they were captured on
their way out, and before on their way in.  On ``lo`` a frame is captured when it arrives.  Failure says what
is wrong and what would help.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..failure import Failure
from ..stack.addresses import ANY4, ANY6, IP, link_local, parse_ip
from ..stack.dhcp_service import DhcpService
from ..stack.host import Host
from ..stack.route import Route
from ..stack.source import AddressState
from .attached import AttachedHost
from .backends import open_backend
from .capture import Capture, CaptureFile
from .hub import HubDevice
from .impair import Impair
from .memory import loopback
from .sink import Sink, open_sink
from .spec import CaptureSpec, DeviceSpec, ImpairSpec, Prefix
from .trace import Trace, TraceFile

if TYPE_CHECKING:
    from ..stack.frame import Frame
    from ..stack.interface import Interface
    from .device import Device

#: QEMU's user network, which virtual machines are used to
SUBNETS = (Prefix(parse_ip("10.0.2.15"), 24), Prefix(parse_ip("fec0::15"), 64))
GATEWAYS = (parse_ip("10.0.2.2"), parse_ip("fec0::2"))
SETTLING = 10.0
STDERR = 2
Comment = Callable[["Frame", int], str]


@dataclass(slots=True, eq=False)
class Devices:
    """What was opened; ``close`` finishes the captures."""

    attached: AttachedHost
    leases: list[DhcpService] = field(default_factory=list)
    captures: dict[str, tuple[CaptureFile, Sink]] = field(default_factory=dict)
    traces: dict[str, TraceFile] = field(default_factory=dict)
    comment: Comment = lambda frame, direction: ""  #: whose a frame is, for captures
    packets_on_lo: bool = False  #: somebody wants to see, or disturb, the frames of ``lo``

    def settled(self) -> bool:
        """Leases are there, and no address is being probed."""
        interfaces = self.attached.host.interfaces.values()
        probing = any(
            address.state is AddressState.TENTATIVE
            for interface in interfaces
            for address in interface.addresses.values()
        )
        return not probing and not any(lease.interface.configuring for lease in self.leases)

    def settle(self, seconds: float = SETTLING) -> bool:
        """Serve until addresses are usable, so that no program starts without; False where time is up."""
        end = time.monotonic() + seconds
        while not self.settled():
            now = time.monotonic()
            if now >= end:
                return False
            due = self.attached.deadline()
            wait = end - now if due is None else min(end - now, max(0.0, due - now))
            select.select(self.attached.descriptors(), [], [], wait)
            self.attached.service(time.monotonic())
        return True

    def close(self, now: float) -> None:
        for device in self.attached.devices.values():
            device.close()
        for file, sink in self.captures.values():
            file.finish(now)
            sink.close()
        for trace in self.traces.values():
            trace.finish()


def open_devices(
    devices: Sequence[DeviceSpec], captures: Sequence[CaptureSpec], impairs: Sequence[ImpairSpec], now: float,
    run: str = "ptrace-net", traces: Sequence[CaptureSpec] = (), clock: Callable[[], float] | None = None,
    attached: AttachedHost | None = None,
) -> Devices:  # fmt: skip
    """``lo`` and the devices asked for, for ``attached`` or a new host; ``clock`` is what ``now`` comes
    from, for captures.
    """
    _check_names(devices, {"capture": captures, "frames": traces, "impair": impairs})
    opened = Devices(attached or AttachedHost(Host(os.urandom)))
    wrapping = _Wrapping(opened, captures, impairs, traces, time.time() - now, clock)
    try:
        opened.attached.attach_loopback(wrapping.around(loopback()), now)
        opened.packets_on_lo = wrapping.used
        for spec in devices:
            backend = open_backend(spec, run)
            number = backend.number if isinstance(backend, HubDevice) else 0
            interface = opened.attached.attach(wrapping.around(backend), dad=spec.dhcp)
            _configure(opened, interface, spec, number, now)
    except Failure:
        opened.close(now)
        raise
    return opened


def _check_names(
    devices: Sequence[DeviceSpec], asked: Mapping[str, Sequence[CaptureSpec | ImpairSpec]]
) -> None:
    names = ["lo"]
    for spec in devices:
        if spec.name in names:
            raise Failure(f"--device {spec.name} is given twice; a second device needs another name")
        names.append(spec.name)
    for option, wanted in asked.items():
        for item in wanted:
            if item.device and item.device not in names:
                remedy = f"give {item.device} a link with --device {item.device}=…"
                raise Failure(f"--{option} {item.device}: frames pass {', '.join(names)} only; {remedy}")


@dataclass(slots=True)
class _Wrapping:
    """Puts the impairments, captures and traces around each device that they name."""

    opened: Devices
    captures: Sequence[CaptureSpec]
    impairs: Sequence[ImpairSpec]
    traces: Sequence[CaptureSpec]
    epoch: float
    clock: Callable[[], float] | None
    used: bool = False

    def around(self, device: Device) -> Device:
        self.used = False
        for impair in self.impairs:
            if impair.device == device.name:
                device, self.used = Impair(device, impair.impairment), True
        for capture in self.captures:
            if capture.device in ("", device.name):
                device, self.used = Capture(device, self._file(capture.path), self._comment), True
        for trace in self.traces:
            if trace.device in ("", device.name):
                device, self.used = Trace(device, self._lines(trace.path).write), True
        return device

    def _comment(self, frame: Frame, direction: int) -> str:
        return self.opened.comment(frame, direction)

    def _file(self, path: str) -> CaptureFile:
        """One file for all devices that are captured into it."""
        if path not in self.opened.captures:
            sink = _sink("capture", path, "wireshark -k -i")
            self.opened.captures[path] = CaptureFile(sink.write, self.epoch, clock=self.clock), sink
        return self.opened.captures[path][0]

    def _lines(self, path: str) -> TraceFile:
        """One for all devices that are traced into it."""
        if path not in self.opened.traces:
            self.opened.traces[path] = TraceFile(_sink("frames", path, "cat"))
        return self.opened.traces[path]


def _sink(option: str, path: str, reader: str) -> Sink:
    """``-`` is standard error for lines of text."""
    try:
        return Sink(os.dup(STDERR)) if (option, path) == ("frames", "-") else open_sink(path)
    except OSError as error:
        unread = error.errno == errno.ENXIO
        remedy = f"start its reader first: {reader} {path}" if unread else "choose another"
        raise Failure(f"--{option} {path}: {error.strerror}; {remedy}") from None


def _configure(opened: Devices, interface: Interface, spec: DeviceSpec, number: int, now: float) -> None:
    """Addresses and default routes: as given, by DHCP and router advertisements, or as in QEMU's network."""
    host = opened.attached.host
    automatic = [] if spec.dhcp else [_numbered(prefix, number) for prefix in SUBNETS]
    for address, length in automatic if spec.addresses is None else spec.addresses:
        interface.add_address(address, length, now)
    interface.add_address(link_local(interface.mac), 64, now)
    for gateway in _gateways(spec):
        anywhere = ANY4 if len(gateway) == 4 else ANY6
        host.add_route(Route(anywhere, 0, interface.name, gateway))
    if spec.dhcp:
        lease = DhcpService(host, interface)
        lease.start(now)
        opened.leases.append(lease)
        interface.autoconf.start_router_discovery(now)


def _numbered(prefix: Prefix, number: int) -> Prefix:
    """The address of run ``number`` on a hub: 10.0.2.15, 10.0.2.16…"""
    value = int.from_bytes(prefix.address, "big") + number
    return prefix._replace(address=value.to_bytes(len(prefix.address), "big"))


def _gateways(spec: DeviceSpec) -> Sequence[IP]:
    """On a TAP the kernel is behind 10.0.2.2, unless addresses were given; on a hub nobody is."""
    if spec.gateways is not None:
        return spec.gateways
    return GATEWAYS if spec.backend == "tap" and spec.addresses is None and not spec.dhcp else ()
