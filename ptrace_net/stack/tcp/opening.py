"""listen(2) and connect(2): the ports, the addresses, and the first segment."""

from typing import TYPE_CHECKING

from ..addresses import ANY4, ANY6, IP, is_any
from ..bindings import Binding
from ..ip_output import Flow
from ..result import IN_PROGRESS, IN_USE, INVALID, NOT_AVAILABLE, Fail
from . import arrival, transition
from .listener import SOMAXCONN, Listener
from .segment import IPPROTO_TCP, Addressing
from .states import Event

if TYPE_CHECKING:
    from .socket import TcpSocket


def listen(handle: "TcpSocket", backlog: int) -> Fail | None:
    """Listen where the handle is bound; EADDRINUSE where somebody else listens there."""
    backlog = min(max(backlog, 0), SOMAXCONN)
    if handle.listener is not None:
        handle.listener.backlog = backlog
        return None
    if handle.binding is None:
        failed = handle.bind(ANY4 if handle.version == 4 else ANY6, 0)
        if failed is not None:
            return failed
    return _listen_on(handle, handle.binding, backlog) if handle.binding else INVALID


def _listen_on(handle: "TcpSocket", binding: Binding, backlog: int) -> Fail | None:
    binding.listening = True
    if handle.host.tcp_bindings.conflict(binding):
        binding.listening = False
        return IN_USE
    handle.listener = Listener(binding, backlog, handle.opts, handle, handle.dual, handle.interface)
    handle.host.tcp.add_listener(handle.listener)
    return None


def connect(handle: "TcpSocket", address: IP, port: int, now: float) -> Fail:
    """EINPROGRESS, or why not: ENETUNREACH, EADDRNOTAVAIL."""
    bound = handle.binding.address if handle.binding else None
    src = bound if bound is not None and not is_any(bound) and len(bound) == len(address) else None
    host = handle.host
    flow = host.flow(address, IPPROTO_TCP, now, src=src, interface=handle.interface)
    if isinstance(flow, Fail):
        return flow
    local_port = _local_port(handle, flow, port)
    if local_port is None:
        return NOT_AVAILABLE
    ends = Addressing.of(flow.src, local_port, flow.dst, port)
    if host.tcp.key(ends) in host.tcp.connections:
        return NOT_AVAILABLE
    flow.ttl, flow.tos = flow.ttl if handle.ttl is None else handle.ttl, handle.tos
    tcb = host.tcp.create(ends, flow, handle.opts, now)
    tcb.owner, handle.tcb = handle, tcb
    arrival.set_segment_size(tcb)
    transition.step(tcb, Event.CONNECT, now)
    return IN_PROGRESS


def _local_port(handle: "TcpSocket", flow: Flow, port: int) -> int | None:
    """The bound port, or an ephemeral one that is free towards this peer (RFC 6056)."""
    if handle.binding is not None:
        return handle.binding.port
    host = handle.host

    def taken(candidate: int) -> bool:
        ends = Addressing(flow.src, flow.dst, candidate, port, 0)
        return host.tcp.key(ends) in host.tcp.connections or host.port_taken(flow.src, candidate)

    found = host.ports.choose(taken, flow.dst, port)
    if found is not None:
        # another connection to another peer may share the port, a listener may not
        handle.binding = Binding(flow.src, found, reuseaddr=True)
        host.tcp_bindings.add(handle.binding)
    return found
