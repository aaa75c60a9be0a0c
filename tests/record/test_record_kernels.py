"""Logs of zCore, of Asterinas, of kernels that a mapping file describes; and gaps in them."""

from pathlib import Path

import pytest
from record_support import texts

from ptrace_net.record.errors import RecordError
from ptrace_net.record.importers import read_lines, read_text, sniff
from ptrace_net.record.model import Log
from ptrace_net.record.sockaddr import endpoint_of

ZCORE = """\
[  1.234567 INFO  0 0:0 linux_syscall::net] sys_socket: domain:10, type:2, protocol:17
[  1.234600 WARN  0 0:0 linux_syscall::net] invalid domain: 10
[  1.234650 INFO  0 0:0 linux_syscall] <= Err(EAFNOSUPPORT)
[  1.234700 INFO  0 0:0 linux_syscall::net] sys_socket: domain: 2, socket_type: 1, protocol: 0
[  1.234750 INFO  0 0:0 linux_syscall] <= Ok(3)
[  1.234800 INFO  0 0:0 linux_syscall::net] sys_connect: sockfd:3, addr:0x7f0010, addrlen:16
[  1.300000 INFO  0 0:0 linux_syscall] <= Ok(0)
\x1b[37m[  1.300100 \x1b[92mINFO \x1b[m \x1b[37m0 0:0 linux_syscall::net]\x1b[m sys_setsockopt: sockfd:3, \
level:6, optname:1, optval:0x7f0020 , optlen:4\x1b[m
[  1.300200 INFO  0 0:0 linux_syscall] <= Ok(0)
[  1.300300 ERROR 0 0:0 linux_syscall] unknown syscall: SENDMMSG. exit...
"""

ASTERINAS = """\
[     4.100] Info  : [pid=7][tid=7][id=41][SYS_SOCKET]
[     4.101] Debug : domain = AF_INET6, sock_type = SOCK_STREAM, sock_flags = SOCK_CLOEXEC
[     4.101] Debug : protocol = IPPROTO_TCP
[     4.102] Info  : [pid=7][tid=7][id=49][SYS_BIND]
[     4.102] Debug : sockfd = 3, socket_addr = IPv4([127, 0, 0, 1], 8080)
[     4.103] Debug : syscall return error: Error { errno: EADDRINUSE, msg: Some("the port is taken") }
[     4.104] Info  : [pid=7][tid=8][id=54][SYS_SETSOCKOPT]
[     4.104] Debug : level = SOL_SOCKET, sockfd = 3, optname = 15, optval = 4
[     4.105] Debug : syscall return error: Error { errno: ENOPROTOOPT, msg: None }
[     4.106] Info  : [pid=7][tid=7][id=42][SYS_CONNECT]
[     4.106] Debug : fd = 3, socket_addr = Unix(Path("/run/x"))
"""

MAPPING = r"""
name = "mykernel"
frame = '^\[ *(?P<time>[\d.]+)\] (?P<task>\d+) (?P<message>.*)'
[[line]]
kind = "entry"
pattern = 'enter (?P<name>\w+)\((?P<args>[^)]*)\)'
[[line]]
kind = "result"
pattern = 'leave (?P<name>\w+) = (?P<result>-?\d+)'
[[line]]
kind = "detail"
name = "bind"
pattern = 'binding (?P<fd>\d+) to (?P<host>[\d.]+):(?P<port>\d+)'
[[line]]
kind = "panic"
pattern = 'PANIC (?P<text>.*)'
"""


def of(text: str, kind: str | None = None) -> Log:
    return read_lines("kernel.log", text.splitlines(), kind)


def test_zcore() -> None:
    log = of(ZCORE)
    assert log.kind == "zcore"
    assert texts(log) == [
        "socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP) = -1 EAFNOSUPPORT",
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3",
        "connect(3, 0x7f0010, 16) = 0",
        "setsockopt(3, SOL_TCP, TCP_NODELAY, 0x7f0020, 4) = 0",
    ]
    first, _, connect, _ = log.calls
    assert first.notes == ("invalid domain: 10",)
    assert connect.duration == pytest.approx(0.0652)
    assert [event.text for event in log.events if event.kind == "panic"] == [
        "unknown syscall: SENDMMSG. exit..."
    ]


def test_zcore_tells_the_endpoint_of_a_bind() -> None:
    log = of(
        "[  1.000000 INFO  0 0:0 linux_syscall::net] sys_bind: sockfd:3, addr:0x7f0010, addrlen:16\n"
        "[  1.000001 DEBUG 0 0:0 linux_syscall::net] sys_bind: fd:3 bind to "
        "Ip(Endpoint { addr: Ipv4(Address([10, 0, 2, 15])), port: 80 })\n"
        "[  1.000002 INFO  0 0:0 linux_syscall] <= Ok(0)\n"
    )
    (call,) = log.calls
    assert endpoint_of(call.args[1]) == (2, "10.0.2.15", 80, 0, 0)


def test_zcore_without_frames() -> None:
    log = of("sys_socket: domain: 2, socket_type: 2, protocol: 0\n<= Ok(4)\n")
    assert texts(log) == ["socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 4"]


def test_asterinas() -> None:
    log = of(ASTERINAS)
    assert log.kind == "asterinas"
    address = '{sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}'
    assert texts(log) == [
        "socket(AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = ?",
        f"bind(3, {address}, ?) = -1 EADDRINUSE",
        "setsockopt(3, SOL_SOCKET, SO_REUSEPORT, ?, 4) = -1 ENOPROTOOPT",
        'connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, ?) = ? <unfinished ...>',
    ]
    assert [call.task for call in log.calls] == [7, 7, 8, 7]
    assert next(log.calls).lost == ("the log has no result for this call",)


def test_a_mapping_file_adds_a_kernel(tmp_path: Path) -> None:
    mapping, text = tmp_path / "my.toml", tmp_path / "my.log"
    mapping.write_text(MAPPING)
    text.write_text(
        "[1.5] 4 enter SOCKET(10, 1, 6)\n[1.6] 4 leave socket = 3\n[1.7] 4 enter 49(3, 4096, 16)\n"
        "[1.7] 4 binding 3 to 10.0.2.15:80\n[1.8] 4 leave bind = -99\nnoise\n[2.0] 4 enter 307(3, 0, 1, 0)\n"
        "[2.1] 4 PANIC not implemented\n"
    )
    log = read_text(text, str(mapping))
    assert log.kind == "mykernel"
    socket, bind, sendmmsg = log.calls
    assert (socket.args[0], socket.result) == (("AF_INET6", 10), 3)
    assert (bind.errno, endpoint_of(bind.args[1])) == ("EADDRNOTAVAIL", (2, "10.0.2.15", 80, 0, 0))
    assert (sendmmsg.name, sendmmsg.outcome) == ("sendmmsg", "panicked")
    assert str(log.lost[0]) == "my.log:6:1: not a line of the kernel: 'noise'"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 1 =", "not a mapping file"),
        ("name = 'x'", "the key 'line' is missing"),
        ("[[line]]\nkind = 'entry'\npattern = '('", "not a mapping file"),
        ("[[line]]\nkind = 'enter'\npattern = 'x'", "is not one of entry, result"),
    ],
)
def test_a_bad_mapping_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    mapping = tmp_path / "bad.toml"
    mapping.write_text(text)
    with pytest.raises(RecordError, match=problem):
        read_text(mapping, str(mapping))


def test_sniffing_counts_lines() -> None:
    assert sniff(ZCORE.splitlines()) == "zcore"
    assert sniff(ASTERINAS.splitlines()) == "asterinas"
    assert sniff(["hello", ""]) is None


def test_tasks_are_kept_apart() -> None:
    log = of(
        "[ 1.000001 0:4 m::n:1] [syscall] id = SOCKET, args = [2, 1, 0, 0, 0, 0], entry\n"
        "[ 1.000002 0:5 m::n:1] [syscall] id = SOCKET, args = [2, 2, 0, 0, 0, 0], entry\n"
        "[ 1.000003 0:4 m::n:1] [syscall] id = 41,return 3\n"
        "[ 1.000004 0:5 m::n:1] [syscall] id = 41,return 4\n"
    )
    assert [(call.task, call.result, call.args[1].number) for call in log.calls] == [(4, 3, 1), (5, 4, 2)]


def test_a_result_of_another_call_does_not_end_this_one() -> None:
    log = of(
        "[ 1.000001 0:4 m::n:1] [syscall] id = SOCKET, args = [2, 1, 0, 0, 0, 0], entry\n"
        "[ 1.000003 0:4 m::n:1] [syscall] id = 49,return -98\n"
    )
    assert [(call.name, call.result, call.errno) for call in log.calls] == [
        ("socket", None, None),
        ("bind", -1, "EADDRINUSE"),
    ]
