"""tcp tcp6 udp udp6 raw raw6 unix netlink packet sockstat sockstat6 of /proc/net (net/ipv4/tcp_ipv4.c and
its like).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from ptrace_net.network.sockets import (
    IPPROTO_TCP,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_STREAM,
    TCP_LISTEN,
    InetSocket,
)
from ptrace_net.views.view import View, words

AF_INET, AF_INET6 = 2, 10
_TAIL = "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
_DATAGRAM_TAIL = f"{_TAIL} ref pointer drops"
_HEAD4 = "local_address rem_address   "
_HEAD6 = "local_address                         remote_address                        "
_POINTER = "0" * 16  # %pK of an unprivileged reader
#: kind -> (heading, how wide lines are padded, digits of the number)
_TABLES: dict[tuple[int, int], tuple[str, int, int]] = {
    (AF_INET, SOCK_STREAM): (f"  sl  {_HEAD4}{_TAIL}", 149, 4),
    (AF_INET6, SOCK_STREAM): (f"  sl  {_HEAD6}{_TAIL}", 0, 4),
    (AF_INET, SOCK_DGRAM): (f"   sl  {_HEAD4}{_DATAGRAM_TAIL}", 127, 5),
    (AF_INET6, SOCK_DGRAM): (f"  sl  {_HEAD6}{_DATAGRAM_TAIL}", 0, 5),
    (AF_INET, SOCK_RAW): (f"  sl  {_HEAD4}{_DATAGRAM_TAIL}", 0, 4),
    (AF_INET6, SOCK_RAW): (f"  sl  {_HEAD6}{_DATAGRAM_TAIL}", 0, 5),
}


def table(family: int, kind: int) -> Callable[[View], str]:
    """The file of one family and kind."""

    def render(view: View) -> str:
        heading, width, digits = _TABLES[family, kind]
        rows = [heading]
        chosen = (each for each in view.sockets.inet() if each.family == family and each.kind == kind)
        for number, each in enumerate(sorted(chosen, key=_order)):
            rows.append(_row(number, each, digits))
        return "".join(f"{row.ljust(width)}\n" for row in rows)

    return render


def _order(each: InetSocket) -> tuple[bool, int]:
    """Listeners first."""
    return each.state != TCP_LISTEN, each.inode


def _row(number: int, each: InetSocket, digits: int) -> str:
    listening = each.state == TCP_LISTEN
    send = 0 if listening else each.send
    head = (
        f"{number:{digits}d}: {words(each.local)}:{each.local_port:04X} "
        f"{words(each.remote)}:{each.remote_port:04X} {each.state:02X} {send:08X}:{each.receive:08X} "
        f"00:{0:08X} {0:08X} {each.uid:5d} {0:8d} {each.inode} "
    )
    if each.protocol != IPPROTO_TCP or each.kind != SOCK_STREAM:
        return f"{head}2 {_POINTER} 0"
    if listening:
        return f"{head}1 {_POINTER} 100 0 0 10 0"
    return f"{head}1 {_POINTER} 20 4 0 10 -1"


def unix(view: View) -> str:
    """The kernel's table, without the backing sockets and those of the supervisor."""
    heading, _, rest = view.kernel("unix").partition("\n")
    hidden = {str(inode) for inode in view.sockets.hidden()}
    rows = (line for line in rest.splitlines() if line.split()[6:7] and line.split()[6] not in hidden)
    return "".join(f"{row}\n" for row in (heading, *rows))


def netlink(view: View) -> str:
    heading = (
        "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
    )
    return heading + "".join(
        f"{_POINTER} {each.protocol:<3d} {each.portid:<10d} {each.groups:08x} {0:<8d} {0:<8d} {0:<5d} "
        f"{2:<8d} {each.dropped:<8d} {each.inode:<8d}\n"
        for each in view.sockets.netlink()
    )


def packet(view: View) -> str:
    """Nobody has packet sockets."""
    return "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"


def sockstat(view: View) -> str:
    """IPv4; the first line counts all sockets of the run."""
    inet = list(view.sockets.inet())
    four = _count(inet, AF_INET)
    total = len(inet) + len(list(view.sockets.netlink()))
    tcp = sum(each.kind == SOCK_STREAM for each in inet)
    return (
        f"sockets: used {total}\n"
        f"TCP: inuse {four[SOCK_STREAM]} orphan 0 tw 0 alloc {tcp} mem 0\n"
        f"UDP: inuse {four[SOCK_DGRAM]} mem 0\nUDPLITE: inuse 0\nRAW: inuse {four[SOCK_RAW]}\n"
        "FRAG: inuse 0 memory 0\n"
    )


def sockstat6(view: View) -> str:
    six = _count(view.sockets.inet(), AF_INET6)
    return (
        f"TCP6: inuse {six[SOCK_STREAM]}\nUDP6: inuse {six[SOCK_DGRAM]}\nUDPLITE6: inuse 0\n"
        f"RAW6: inuse {six[SOCK_RAW]}\nFRAG6: inuse 0 memory 0\n"
    )


def _count(sockets: Iterable[InetSocket], family: int) -> Counter[int]:
    return Counter(each.kind for each in sockets if each.family == family)
