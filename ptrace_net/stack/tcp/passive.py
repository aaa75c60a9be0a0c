"""Passive open: what a listener does with a SYN, and with the ACK that answers a SYN cookie."""

from typing import TYPE_CHECKING

from ..addresses import IP
from ..ip_output import Flow
from . import arrival, options, segment, transition
from .cookies import pack_timestamp, unpack_timestamp
from .listener import Listener
from .options import Options
from .segment import ACK, SYN, Addressing, Segment
from .sequence import MASK
from .states import Event, State

if TYPE_CHECKING:
    from .layer import TcpLayer


def spawn(layer: "TcpLayer", listener: Listener, src: IP, dst: IP, seg: Segment, now: float) -> None:
    """A SYN for a listener: a new connection in SYN_RECEIVED, a cookie, or nothing."""
    flow = layer.flow_to(dst, src, now)
    if flow is None or listener.full:
        _drop(layer, listener)
        return
    ends = Addressing.of(dst, seg.dst_port, src, seg.src_port)
    if listener.queue_full(layer.config.max_syn_backlog):
        if layer.config.syn_cookies:
            _send_cookie(layer, listener, flow, ends, seg, now)
        else:
            _drop(layer, listener)
        return
    tcb = layer.create(ends, flow, listener.opts, now)
    tcb.listener, tcb.state = listener, State.SYN_RECEIVED
    listener.handshakes[tcb] = None
    arrival.negotiate(tcb, seg, now)
    transition.answer_syn(tcb, now)


def _drop(layer: "TcpLayer", listener: Listener) -> None:
    listener.overflows += 1
    layer.statistics.listen_drops += 1


def _send_cookie(
    layer: "TcpLayer", listener: Listener, flow: Flow, ends: Addressing, seg: Segment, now: float
) -> None:
    """A SYN-ACK that leaves nothing behind here."""
    four = (ends.src, ends.src_port, ends.dst, ends.dst_port)
    offered, config = seg.options, layer.config
    cookie = layer.cookies.make(four, seg.seq, offered.mss or 536, now)
    stamped = offered.ts_val is not None and config.timestamps
    clock = (int(now * 1000) + layer.isn.timestamp_offset(four)) & MASK
    answer = Options(
        mss=min(flow.mtu, 65535) - flow.header_length - segment.HEADER_LENGTH,
        wscale=config.wscale if stamped and offered.wscale is not None and config.window_scaling else None,
        sack_permitted=stamped and offered.sack_permitted and config.sack,
        ts_val=pack_timestamp(clock, offered) if stamped else None,
        ts_ecr=offered.ts_val or 0,
    )
    window = min(listener.opts.rcvbuf or config.rcvbuf, 0xFFFF)
    partial = flow.interface.offload.tx_checksum
    head = segment.header(
        ends, cookie, (seg.seq + 1) & MASK, SYN | ACK, window, options.pack_syn(answer), b"", partial
    )
    flow.send(head, b"", now, 0, segment.CHECKSUM_OFFSET if partial else None)
    listener.cookies_sent += 1
    layer.statistics.cookies_sent += 1


def try_cookie(layer: "TcpLayer", listener: Listener, src: IP, dst: IP, seg: Segment, now: float) -> None:
    """An ACK without a connection: if it returns a cookie of ours, the connection is made up from it."""
    four = (dst, seg.dst_port, src, seg.src_port)
    isn, peer_isn = (seg.ack - 1) & MASK, (seg.seq - 1) & MASK
    mss = layer.cookies.check(four, isn, peer_isn, now) if listener.cookies_sent else None
    flow = layer.flow_to(dst, src, now)
    if mss is None or flow is None:
        layer.statistics.cookies_failed += bool(listener.cookies_sent)
        layer.refuse(src, dst, seg, now)
        return
    if listener.full:
        _drop(layer, listener)
        return
    layer.statistics.cookies_received += 1
    tcb = layer.create(Addressing.of(dst, seg.dst_port, src, seg.src_port), flow, listener.opts, now, isn)
    tcb.listener, tcb.state = listener, State.SYN_RECEIVED
    syn = seg._replace(seq=peer_isn, options=unpack_timestamp(seg.options, mss), flags=SYN)
    arrival.negotiate(tcb, syn, now)
    tcb.snd.nxt = tcb.snd.iss + 1
    arrival.segment_arrives(tcb, seg, now)


def close(listener: Listener, now: float) -> None:
    """The listener goes: connections that nobody accepted are reset."""
    for tcb in listener.pending():
        tcb.orphan = True
        transition.step(tcb, Event.ABORT, now)
    listener.handshakes.clear()
    listener.ready.clear()

