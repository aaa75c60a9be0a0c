"""What the kernel says about its sockets: /proc/net/{tcp,udp}{,6}, /proc/net/sockstat6 (proc_net(5)).

Looking here instead of connecting keeps a probe from using up the one connection that a server takes.
Under the host provider an AF_INET6 listener is listed among the AF_INET ones, so both tables are read.
"""

from pathlib import Path

TCP_LISTEN = 0x0A
LOCAL, STATE = 1, 3


def rows(table: str, pid: int | str = "self") -> list[list[str]]:
    """The fields of each socket in one table ("tcp", "udp6"…); none where the kernel has no such table."""
    path = Path(f"/proc/{pid}/net/{table}")
    return [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []


def local_port(row: list[str]) -> int:
    return int(row[LOCAL].rpartition(":")[2], 16)


def listening(port: int, kind: str = "tcp", pid: int | str = "self") -> bool:
    """Whether some socket of `kind` ("tcp" or "udp"), of either family, waits for peers on `port`."""
    found = [row for table in (kind, kind + "6") for row in rows(table, pid) if local_port(row) == port]
    return any(kind != "tcp" or int(row[STATE], 16) == TCP_LISTEN for row in found)


def inet6_in_use(pid: int | str = "self") -> dict[str, int]:
    """The non-zero "inuse" counters of sockstat6, by protocol ("TCP6", "UDP6", "RAW6"…)."""
    path = Path(f"/proc/{pid}/net/sockstat6")
    lines = path.read_text().splitlines() if path.exists() else []
    counters = {name: int(rest.split()[1]) for name, rest in (line.split(": ", 1) for line in lines)}
    return {name: count for name, count in counters.items() if count}
