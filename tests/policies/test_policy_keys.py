"""Every key of a policy does what it says, with a real program; and with the notification engine too."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from policy_probe import Under, execute
from support.ports import free_port

from ptrace_net.policies.support import TABLES

# One row for each table and behaviour: the policy, the calls, what they return.
USES = {
    "families": (
        '[families]\nAF_INET6 = "errno EAFNOSUPPORT"\n',
        ["socket,10,1,6", "socket,2,1,6"],
        ["socket -97", "socket 3"],
    ),
    "families any": (
        '[families]\nAF_INET = "ok"\n"*" = "errno EINVAL"\n',
        ["socket,10,1,0", "socket,1,1,0", "socketpair,1,1,0", "socket,2,2,0"],
        ["socket -22", "socket -22", "socketpair -22", "socket 3"],
    ),
    "types": (
        '[types]\nSOCK_DGRAM = "errno ESOCKTNOSUPPORT"\n',
        ["socket,2,2,0", "socket,2,0x80001,0"],
        ["socket -94", "socket 3"],
    ),
    "types of a family": (
        '[types.AF_INET6]\nSOCK_DGRAM = "errno EINVAL"\n',
        ["socket,10,0x802,0", "socket,2,2,0"],
        ["socket -22", "socket 3"],
    ),
    "protocols": (
        '[protocols.AF_INET.SOCK_DGRAM]\nIPPROTO_UDP = "errno EPROTONOSUPPORT"\n',
        ["socket,2,2,17", "socket,2,2,0"],
        ["socket -93", "socket 3"],
    ),
    "calls": (
        '[calls]\nlisten = "errno ENOSYS"\nshutdown = "return 7"\n',
        ["socket,2,1,0", "listen,@,1", "shutdown,@,2"],
        ["socket 3", "listen -38", "shutdown 7"],
    ),
    "calls ignored": (
        '[calls]\nconnect = "ignore"\n',
        ["socket,2,1,0", "connect,@,127.0.0.1,1"],
        ["socket 3", "connect 0"],
    ),
    "flags": (
        '[flags.socket]\nSOCK_CLOEXEC = "errno EINVAL"\n',
        ["socket,2,0x80001,0", "socket,2,0x801,0"],
        ["socket -22", "socket 3"],
    ),
    "flags cleared": (
        '[flags.recv]\nMSG_PEEK = "ignore"\n[flags.recvfrom]\nMSG_PEEK = "ignore"\n',
        ["socketpair,1,1,0", "send,@0,0", "recv,@1,9,2", "recv,@1,9,0x40"],
        ["socketpair 0", "send 5", "recv 5", "recv -11"],
    ),
    "options": (
        '[options.SOL_SOCKET]\nSO_REUSEPORT = "errno ENOPROTOOPT"\n',
        ["socket,2,1,0", "setsockopt,@,1,15,1", "getsockopt,@,1,15", "setsockopt,@,1,2,1"],
        ["socket 3", "setsockopt -92", "getsockopt -92", "setsockopt 0"],
    ),
    "options set": (
        '[options.SOL_SOCKET.SO_KEEPALIVE]\nset = "ignore"\n',
        ["socket,2,1,0", "setsockopt,@,1,9,1", "getsockopt,@,1,9"],
        ["socket 3", "setsockopt 0", "value 0", "getsockopt 0"],
    ),
    "options of a level": (
        '[options.SOL_TCP]\n"*" = "errno EOPNOTSUPP"\nTCP_NODELAY = "ok"\n',
        ["socket,2,1,0", "setsockopt,@,6,1,1", "setsockopt,@,6,3,1", "getsockopt,@,6,11"],
        ["socket 3", "setsockopt 0", "setsockopt -95", "getsockopt -95"],
    ),
    "control": (
        '[control.SOL_SOCKET]\nSCM_RIGHTS = "errno EINVAL"\n',
        ["socketpair,1,2,0", "sendmsg,@,0,1,1", "sendmsg,@,0", "sendmmsg,@,0,1,1"],
        ["socketpair 0", "sendmsg -22", "sendmsg 5", "sendmmsg -22"],
    ),
    "control dropped": (
        '[control.SOL_SOCKET]\nSCM_RIGHTS = "ignore"\n',
        ["socketpair,1,2,0", "close,0", "sendmsg,@,0,1,1", "sendmmsg,@,0,1,1"],
        ["socketpair 0", "close 0", "sendmsg 5", "sendmmsg 1"],
    ),
    "ioctls": (
        '[ioctls]\nSIOCGIFFLAGS = "errno ENOTTY"\n',
        ["socket,2,1,0", "ioctl,@,0x8913", "ioctl,@,0x8933"],
        ["socket 3", "ioctl -25", "ioctl 0"],
    ),
    "netlink": (
        '[netlink.NETLINK_ROUTE]\nRTM_GETLINK = "errno EOPNOTSUPP"\n',
        ["socket,16,3,0", "netlink,@,18", "netlink,@,22"],
        ["socket 3", "netlink -95", "netlink 20"],
    ),
    "netlink ignored": (
        '[netlink.NETLINK_ROUTE]\n"*" = "ignore"\n',
        ["socket,16,3,0", "netlink,@,18"],
        ["socket 3", "netlink -11"],
    ),
    "files": (
        '[files]\n"/proc/net/*" = "errno ENOENT"\n"/dev/null".open = "errno EACCES"\n',
        ["open,/proc/net/tcp", "open,/dev/null", "stat,/dev/null", "stat,/proc/net/udp"],
        ["open -2", "open -13", "stat 0", "stat -2"],
    ),
    "files returned": (
        '[files]\n"/proc/self/exe".readlink = "return 0"\n',
        ["readlink,/proc/self/exe"],
        ["readlink 0"],
    ),
    "provider stub": (
        '[[provider]]\nuse = "stub"\nanswer = "errno EPERM"\nfamily = "AF_INET"\ntype = "SOCK_DGRAM"\n',
        ["socket,2,2,0", "socket,2,1,0"],
        ["socket -1", "socket 3"],
    ),
    "provider program": (
        '[[provider]]\nuse = "stub"\nanswer = "errno EPERM"\nprogram = "pro*"\n'
        '[[provider]]\nuse = "stub"\nanswer = "errno EACCES"\nprogram = "other"\n',
        ["socket,2,1,0"],
        ["socket -1"],
    ),
    "provider inert": (
        '[[provider]]\nuse = "stub"\nanswer = "ignore"\nfamily = "AF_INET6"\n',
        [
            "socket,10,2,0",
            "bind,@,::1,53",
            "connect,@,2001:db8::1,9",
            "sendto,@,2001:db8::1,9,0",
            "setsockopt,@,41,26,1",
            "sendmsg,@,0",
        ],
        ["socket 3", "bind 0", "connect 0", "sendto 5", "setsockopt 0", "sendmsg 5"],
    ),
    "provider address": (
        '[[provider]]\nuse = "stub"\nanswer = "errno EHOSTUNREACH"\naddress = "127.7.0.0/16"\n',
        ["socket,2,2,0", "connect,@,127.7.0.1,9", "connect,@,127.8.0.1,9", "sendto,@,127.7.1.1,9,0"],
        ["socket 3", "connect -113", "connect 0", "sendto -113"],
    ),
    "provider port": (
        '[[provider]]\nuse = "stub"\nanswer = "errno EACCES"\nport = "6000-6010"\ncalls = ["bind"]\n'
        'type = "SOCK_STREAM"\n',
        ["socket,2,1,0", "bind,@,127.9.9.9,6005", "socket,2,2,0", "bind,@,127.9.9.9,6005"],
        ["socket 3", "bind -13", "socket 4", "bind 0"],
    ),
    "limits ports": (
        '[limits]\nports = "1024-2000"\n',
        ["socket,2,1,0", "bind,@,127.9.9.9,2001", "bind,@,127.9.9.9,0"],
        ["socket 3", "bind -13", "bind 0"],
    ),
    "limits descriptors": (
        "[limits]\ndescriptors = 4\n",
        ["socket,2,1,0", "socket,2,1,0", "socketpair,1,1,0"],
        ["socket 3", "socket -24", "socketpair -24"],
    ),
    "limits buffers": (
        "[limits]\nrcvbuf = 8192\nsndbuf = 5000\n",
        [
            "socket,2,2,0",
            "setsockopt,@,1,8,100000",
            "getsockopt,@,1,8",
            "setsockopt,@,1,7,6000",
            "getsockopt,@,1,7",
            "setsockopt,@,1,7,4999",
            "getsockopt,@,1,7",
        ],
        [
            "socket 3",
            "setsockopt 0",
            "value 16384",
            "getsockopt 0",
            "setsockopt 0",
            "value 10000",
            "getsockopt 0",
            "setsockopt 0",
            "value 9998",
            "getsockopt 0",
        ],
    ),
    "inject": (
        'inject = ["socket:error=EMFILE:when=2"]\n',
        ["socket,2,1,0"] * 3,
        ["socket 3", "socket -24", "socket 4"],
    ),
    "timeline": (
        '[[timeline]]\nafter = 0\nlasts = "30s"\ninject = ["socket:error=ENOMEM"]\n',
        ["socket,2,1,0"],
        ["socket -12"],
    ),
    "timeline later": (
        '[[timeline]]\nafter = "60s"\ninject = ["socket:error=ENOMEM"]\n',
        ["socket,2,1,0"],
        ["socket 3"],
    ),
    "timeline down": (
        "[[timeline]]\ndown = true\n",
        ["socket,2,2,0", "connect,@,192.0.2.1,9", "connect,@,127.0.0.1,9"],
        ["socket 3", "connect -101", "connect 0"],
    ),
    "extends": ('extends = "linux-no-ipv6"\n', ["socket,10,1,0"], ["socket -97"]),
}
PTRACE_ONLY = {
    "calls",
    "flags cleared",
    "control dropped",
    "provider inert",
    "limits buffers",
}


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
@pytest.mark.parametrize("use", USES)
def test_every_key_does_what_it_says(use: str, engine: str, under: Under) -> None:
    policy, words, expected = USES[use]
    if engine == "notify" and use in PTRACE_ONLY - {"calls"}:
        ran = under(*words, policy=policy, options=("--engine", "notify"))
        assert ran.status == 125
        assert "the ptrace engine" in ran.said
        return
    ran = under(*words, policy=policy, options=("--engine", engine))
    assert (ran.lines, ran.status) == (expected, 0), ran.said


@pytest.mark.parametrize("use", USES)
def test_the_trace_shows_what_the_policy_answered(use: str, under: Under) -> None:
    """With a trace nothing is decided in the filter, and the answers are the same."""
    policy, words, expected = USES[use]
    ran = under(*words, policy=policy, options=("-t",))
    assert ran.lines == expected, ran.said
    for line in ran.lines:
        call, _, result = line.partition(" ")
        if call == "socket":
            assert f") = {'-1 ' if result.startswith('-') else result}" in ran.said.replace("  ", " ")


@pytest.mark.parametrize("name", ["probe", "linked", "pro*", "oth*"])
def test_a_program_has_the_name_of_its_link_too(
    name: str, probe: Path, ptrace_net_command: list[str], tmp_path: Path
) -> None:
    """Debian's redis-server is a link to redis-check-rdb; a pattern may say either."""
    program = tmp_path / probe.name
    shutil.copy(probe, program)
    link = tmp_path / "linked"
    link.symlink_to(program.name)
    rule = f"socket:error=EMFILE:program={name}"
    ran = execute([*ptrace_net_command, "--inject", rule, "--", str(link), "socket,2,1,0"])
    assert ran.lines == ["socket 3" if name == "oth*" else "socket -24"]
    policy = tmp_path / "panic.toml"
    policy.write_text('[families]\nAF_INET = "panic in {program}"\n')
    ran = execute([*ptrace_net_command, "--policy", str(policy), "--", str(link), "socket,2,1,0"])
    assert "panics: in linked\n" in ran.said


NETLINK = """
import os, socket, struct, sys
kind, flags, way = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
asker = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
asker.bind((int(sys.argv[4]), 0))
message = struct.pack("=IHHII", 24, kind, 1 | flags, 77, 0) + b"\\0\\1\\2\\3\\4\\5\\6\\7"
sent = os.write(asker.fileno(), message) if way == "write" else asker.send(message)
answer = bytearray(asker.recv(4096))
answer[24:26] = b"??"  # the type that is quoted
print(sent, answer.hex())
"""
RTM_GETLINK, RTM_UNKNOWN = "18", "1000"


@pytest.mark.parametrize("flags", ["0", "4", str(0x300)])
@pytest.mark.parametrize("way", ["send", "write"])
def test_a_netlink_request_is_refused_as_the_kernel_refuses_one_that_it_does_not_know(
    way: str, flags: str, ptrace_net_command: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "p.toml"
    file.write_text('[netlink.NETLINK_ROUTE]\nRTM_GETLINK = "errno EOPNOTSUPP"\n')
    script, portid = [sys.executable, "-c", NETLINK], str(1 << 24 | os.getpid())  # no other test's
    native = execute([*script, RTM_UNKNOWN, flags, way, portid])
    ours = execute([*ptrace_net_command, "--net", "stack", "--policy", str(file), "--", *script,
                    RTM_GETLINK, flags, way, portid])  # fmt: skip
    assert native.status == 0, native.said
    assert ours == native


def test_on_the_host_provider_the_call_fails(under: Under) -> None:
    policy = '[netlink.NETLINK_ROUTE]\nRTM_GETLINK = "errno EOPNOTSUPP"\n'
    words = ["socket,16,3,0", "netlink,@,18", "netlink,@,22"]
    assert under(*words, policy=policy, options=("--net", "host")).lines == [
        "socket 3", "netlink -95", "netlink 20"]  # fmt: skip


def test_every_table_has_a_use() -> None:
    assert set(TABLES) <= {use.split()[0] for use in USES}


def test_kill(under: Under) -> None:
    assert under("socket,2,1,0", policy='[families]\nAF_INET = "kill"\n').status == 128 + 9
    assert under("socket,2,1,0", policy='[families]\nAF_INET = "kill SIGSYS"\n').status == 128 + 31


def test_panic_ends_the_run_and_says_where(under: Under, tmp_path: Path) -> None:
    ran = under(
        "socket,2,2,0", "listen,@,5", "close,@", policy='[calls]\nlisten = "panic {call} {number} {{}}"\n'
    )
    assert (ran.lines, ran.status) == (["socket 3"], 137)
    assert "the kernel of this policy panics: listen 50 {}" in ran.said
    assert "listen(3, 5)" in ran.said
    assert f"{tmp_path}/mine.toml:2" in ran.said


def test_panic_ends_what_the_program_left_behind(
    ptrace_net_command: list[str], probe: Path, tmp_path: Path
) -> None:
    """A daemon panics when its parent has exited with 0 already: the status is the panic's."""
    file = tmp_path / "p.toml"
    file.write_text('[types]\nSOCK_RAW = "panic unimplemented SocketType: {type_name}"\n')
    script = f"(sleep 0.3; {probe} socket,2,3,1; echo survived) & sleep 30 & exit 0"
    ran = execute([*ptrace_net_command, "--policy", str(file), "--", "sh", "-c", script])
    assert ran.status == 137
    assert "survived" not in ran.lines
    assert "SocketType: SOCK_RAW" in ran.said


def test_limits_backlog(ptrace_net_command: list[str], probe: Path, tmp_path: Path) -> None:
    """The kernel keeps one connection more than the backlog; the next one is not answered."""
    file = tmp_path / "p.toml"
    file.write_text("[limits]\nbacklog = 1\n")
    clients = [word for _ in range(3) for word in ("socket,2,0x801,0", "connect,@,127.0.0.1,PORT")]
    for policy, established in (([], 3), (["--policy", str(file)], 2)):
        port = free_port()
        words = ["socket,2,1,0", f"bind,@,127.0.0.1,{port}", "listen,@,100"]
        words += [word.replace("PORT", str(port)) for word in clients]
        words += [word for index in (1, 2, 3) for word in ("syscall,35,0", f"getpeername,@{index}")]
        words += ["open,/proc/self/net/tcp"]
        ran = execute([*ptrace_net_command, "--net", "host", *policy, "--", str(probe), *words])
        assert sum(line.startswith("getpeername 127.0.0.1") for line in ran.lines) == established, ran


def test_ports_are_others_on_the_host_and_the_programs_to_the_program(
    ptrace_net_command: list[str], probe: Path, tmp_path: Path
) -> None:
    port = free_port()
    file = tmp_path / "p.toml"
    file.write_text(f'[ports]\n"80" = {port}\n')
    words = [
        "socket,2,1,0", "bind,@,127.0.0.1,80", "getsockname,@", "listen,@,5",
        "socket,2,1,0", "connect,@,127.0.0.1,80", "getpeername,@", "accept,@0", "getsockname,@",
        "socket,2,2,0", "bind,@,127.0.0.1,80", "socket,2,2,0", "sendto,@,127.0.0.1,80,0", "recvfrom,@3,0",
        "socket,2,2,0", "bind,@,127.0.0.2,80", "connect,@,127.0.0.1,80", "send,@,0", "recvfrom,@3,0",
        "socket,2,1,0", f"bind,@,127.0.0.1,{port}",
    ]  # fmt: skip
    ran = execute([*ptrace_net_command, "--policy", str(file), "--", str(probe), *words])
    # The listener, the client's peer, the accepted socket: all say 80; so does the source of a datagram.
    assert ran.lines.count("getsockname 127.0.0.1 80") == 2
    assert "getpeername 127.0.0.1 80" in ran.lines
    assert "from 127.0.0.2 80" in ran.lines
    assert ran.lines[-1] == "bind -98"
    assert not [line for line in ran.lines[:-1] if " -" in line]


def test_ports_seen_from_outside(ptrace_net_command: list[str], tmp_path: Path) -> None:
    """A web server that listens on 80 answers on the other port."""
    port = free_port()
    file = tmp_path / "p.toml"
    file.write_text(f'[ports]\n"80" = {port}\n')
    words = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "80", "--directory", str(tmp_path)]
    server = subprocess.Popen(
        [*ptrace_net_command, "--policy", str(file), "--", *words], stdout=subprocess.PIPE, text=True
    )
    try:
        await_port(port)
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"GET /p.toml HTTP/1.0\r\n\r\n")
            assert b"[ports]" in b"".join(iter(lambda: client.recv(4096), b""))
    finally:
        server.terminate()
        server.communicate(timeout=10)


def await_port(port: int) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on {port}")
