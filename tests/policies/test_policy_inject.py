"""`--inject`: what strace(1) does with the same rule; and what it cannot: addresses, chances, short reads."""

import shutil
import socket
import sys
import time
from pathlib import Path

import pytest
from policy_probe import Under, execute
from support.ports import free_port

SOCKETS = ["socket,2,1,0"] * 7
WORDS = [
    *SOCKETS[:2],
    "setsockopt,@,1,2,1",
    "setsockopt,@,1,9,1",
    "bind,@,127.0.0.1,0",
    "listen,@,5",
    "socket,2,2,0",
    "getsockopt,@,1,3",
    "close,@",
    "open,/dev/null",
    "socketpair,1,1,0",
    "send,@0,0",
]
RULES = [
    ("socket:error=EMFILE", SOCKETS),
    ("socket:error=24:when=2", SOCKETS),
    ("socket:error=ENOMEM:when=3+", SOCKETS),
    ("socket:error=ENOMEM:when=2+2", SOCKETS),
    ("socket:error=ENOMEM:when=2..4", SOCKETS),
    ("socket:error=ENOMEM:when=2..6+2", SOCKETS),
    ("socket:error=ENOMEM:when=2..3+", SOCKETS),
    ("socket:retval=42:when=2", SOCKETS),
    ("setsockopt:retval=0", WORDS),
    ("setsockopt,bind:error=EACCES", WORDS),
    ("setsockopt,bind,listen:error=EACCES:when=1", WORDS),
    ("%net:error=EPERM:when=2+", WORDS),
    ("%network:error=EPERM", WORDS),
    ("/^s.*ock:error=ENOSYS:when=2", WORDS),
    ("?nosuchcall,bind:error=EIO", WORDS),
    ("openat:error=EACCES:when=3", WORDS),
    ("close:error=EIO:when=2+", WORDS),
    ("socket:signal=SIGUSR1:when=2", SOCKETS),
    ("socket:signal=TERM:error=EMFILE:when=3", SOCKETS),
    ("socket:signal=9:when=2", SOCKETS),
    ("bind:when=1:error=EADDRINUSE:when=2", ["socket,2,1,0", "bind,@,127.0.0.1,0", "bind,@,127.0.0.1,0"]),
]


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize(("rule", "words"), RULES)
def test_as_strace_does(rule: str, words: list[str], under: Under, probe: Path) -> None:
    strace = execute(["strace", "-f", "-o", "/dev/null", f"--inject={rule}", str(probe), *words])
    ran = under(*words, options=("--net", "host", "--inject", rule))
    shell = strace.status if strace.status >= 0 else 128 - strace.status
    assert (ran.lines, ran.status) == (strace.lines, shell), ran.said


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize(
    "rule",
    [
        "socket:error=EMFILEX",
        "socket:error=0",
        "socket:error=4096",
        "nocall:error=EIO",
        "socket:when=2",
        "socket:error=EIO:retval=3",
        "socket:error=EIO:when=0",
        "socket:error=EIO:when=x",
        "socket:error=EIO:when=3..2",
        "socket:signal=99",
        "socket:signal=SIGNOTHING",
        "socket:delay_enter=x",
        "socket:retval=x",
        "socket:",
        ":error=EIO",
        "socket:nothing=1",
        "socket:error=EIO:when=65536",
    ],
)
def test_what_strace_refuses_is_refused(rule: str, under: Under) -> None:
    assert execute(["strace", "-o", "/dev/null", f"--inject={rule}", "true"]).status == 1
    ran = under("socket,2,1,0", options=("--inject", rule))
    assert (ran.lines, ran.status) == ([], 125)
    assert ran.said.startswith(f"ptrace-net: --inject {rule!r}") or repr(rule.split(":")[0]) in ran.said


@pytest.mark.parametrize("unit", ["delay_enter=300000", "delay_enter=300ms", "delay_exit=0.3s"])
def test_delays(unit: str, under: Under) -> None:
    words = ["socket,2,1,0", "socket,2,1,0", "syscall,228,1,0"]
    begun = time.monotonic()
    plain = under(*words, options=("--inject", "listen:error=EIO", "--engine", "ptrace"))
    between = time.monotonic()
    ran = under(*words, options=("--inject", f"socket:{unit}"))
    spent = time.monotonic() - between
    assert (ran.lines, ran.status) == (plain.lines, 0)
    assert spent > 0.6
    assert spent - 0.6 < 2 * (between - begun) + 2
    refused = under(*words, options=("--inject", f"socket:{unit}", "--engine", "notify"))
    assert (refused.status, "they need the ptrace engine" in refused.said) == (125, True)


def test_a_delay_holds_nobody_else_up(ptrace_net_command: list[str]) -> None:
    """Twenty threads sleep at the same time, and another goes on; in turn they took twenty seconds."""
    script = (
        "import socket, threading, time\n"
        "begun, ended = time.monotonic(), []\n"
        "sleep = lambda: ended.append(socket.socket().listen())\n"
        "threads = [threading.Thread(target=sleep) for _ in range(20)]\n"
        "[each.start() for each in threads]; socket.socket(); early = len(ended)\n"
        "[each.join() for each in threads]; late = time.monotonic() - begun\n"
        "print(early, len(ended), 1 <= late < 10)\n"
    )
    rule = "listen:delay_enter=1s"
    ran = execute([*ptrace_net_command, "--inject", rule, "--", sys.executable, "-c", script])
    assert (ran.lines, ran.said) == (["0 20 True"], "")


def test_a_signal_in_a_delay_is_handled_and_the_delay_goes_on(ptrace_net_command: list[str]) -> None:
    """bind(2) never returns EINTR, here neither."""
    script = (
        "import signal, socket, time\n"
        "signal.signal(signal.SIGALRM, lambda *_: print('alarm'))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "begun = time.monotonic(); sock = socket.socket()\n"
        "sock.bind(('127.0.0.1', 0)); print(0.4 <= time.monotonic() - begun, sock.getsockname()[1] > 0)\n"
    )
    for when in ("delay_enter", "delay_exit"):
        rule = f"bind:{when}=400ms"
        ran = execute([*ptrace_net_command, "--inject", rule, "--", sys.executable, "-c", script])
        assert (ran.lines, ran.said) == (["alarm", "True True"], "")


def test_a_blocking_call_is_counted_once(ptrace_net_command: list[str]) -> None:
    """accept(2) that waits in the supervisor is one call, and the rule for the second is the second's."""
    script = (
        "import socket, threading, time\n"
        "server = socket.create_server(('::1', 0), family=socket.AF_INET6)\n"
        "def connect():\n"
        "    for _ in range(3): time.sleep(0.1); socket.create_connection(server.getsockname()[:2])\n"
        "threading.Thread(target=connect).start()\n"
        "for _ in range(3):\n"
        "    try: print(server.accept()[1][0])\n"
        "    except OSError as error: print(error.errno)\n"
    )
    rule = "accept4,accept:error=ECONNABORTED:when=2"
    for engine in ("ptrace", "notify"):
        command = [*ptrace_net_command, "--engine", engine, "--inject", rule]
        ran = execute([*command, "--", sys.executable, "-c", script])
        assert ran.lines == ["::1", "103", "::1"], ran.said


def test_short_reads_and_writes(ptrace_net_command: list[str]) -> None:
    script = (
        "import os, socket\n"
        "a, b = socket.socketpair()\n"
        "print(a.send(b'x' * 100), os.write(a.fileno(), b'y' * 100))\n"
        "print(len(b.recv(100)), len(os.read(b.fileno(), 100)), b.recv_into(bytearray(5)))\n"
    )
    rules = [
        "--inject",
        "sendto:short=30",
        "--inject",
        "write:short=40:fd=3",
        "--inject",
        "recvfrom,read:short=7:fd=4",
    ]
    ran = execute([*ptrace_net_command, *rules, "--", sys.executable, "-c", script])
    assert (ran.lines, ran.said) == (["30 40", "7 7 5"], "")


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
def test_addresses_ports_and_programs(engine: str, under: Under) -> None:
    words = ["socket,2,2,0", "connect,@,127.1.0.1,7", "connect,@,127.2.0.1,8", "connect,@,127.2.0.1,9"]
    for rule, expected in (
        ("connect:error=EIO:addr=127.2.0.1", [0, -5, -5]),
        ("connect:error=EIO:addr=127.0.0.0/8:port=8", [0, -5, 0]),
        ("connect:error=EIO:port=7-8", [-5, -5, 0]),
        ("connect:error=EIO:addr=127.2.0.0/16:when=2", [0, 0, -5]),
        ("connect:error=EIO:program=probe", [-5, -5, -5]),
        ("connect:error=EIO:program=other", [0, 0, 0]),
        ("connect:error=EIO:fd=4", [0, 0, 0]),
        ("connect:error=EIO:fd=3", [-5, -5, -5]),
    ):
        ran = under(*words, options=("--inject", rule, "--engine", engine))
        assert ran.lines == ["socket 3", *(f"connect {result}" for result in expected)], (rule, ran.said)


@pytest.mark.parametrize("family", ["127.0.0.1", "::1"])
def test_calls_without_an_address_are_known_by_their_sockets(family: str, under: Under) -> None:
    """The peer's port, or the socket's own; asked of whoever services the socket."""
    domain, port = 10 if ":" in family else 2, free_port()
    words = [
        f"socket,{domain},1,0",
        f"bind,@,{family},{port}",
        "listen,@,5",
        f"socket,{domain},1,0",
        f"connect,@,{family},{port}",
        "send,@,0",
        "setsockopt,@,6,1,1",
        f"socket,{domain},1,0",
        "setsockopt,@,6,1,1",
        "accept,@0",
        "recv,@,5,0",
    ]
    ran = under(*words, options=("--inject", f"sendto,setsockopt,recvfrom:error=EIO:port={port}"))
    expected = {"send": [-5], "setsockopt": [-5, 0], "recv": [-5]}
    for call, results in expected.items():
        assert [int(line.split()[1]) for line in ran.lines if line.split()[0] == call] == results, ran


def test_the_same_seed_gives_the_same_faults_ten_times(under: Under) -> None:
    words = ["socket,2,1,0", "close,@"] * 40
    rule = ("--inject", "socket:error=EMFILE:probability=30%", "--inject", "close:error=EIO:probability=0.2")
    runs = [under(*words, options=(*rule, "--seed", "7")).lines for _ in range(10)]
    assert all(run == runs[0] for run in runs)
    failures = sum(line == "socket -24" for line in runs[0])
    assert 3 < failures < 25
    assert under(*words, options=(*rule, "--seed", "8")).lines != runs[0]
    assert under(*words, options=rule).lines == under(*words, options=(*rule, "--seed", "0")).lines


@pytest.mark.slow
def test_the_same_seed_with_threads_and_processes(ptrace_net_command: list[str]) -> None:
    """Threads that do not race get the same faults, ten times in a row."""
    script = (
        "import os, socket, sys, threading\n"
        "def work(name, out):\n"
        "    for index in range(20):\n"
        "        try: socket.socket().close()\n"
        "        except OSError: out.append((name, index))\n"
        "out = []\n"
        "for name in range(3):\n"
        "    thread = threading.Thread(target=work, args=(name, out)); thread.start(); thread.join()\n"
        "print(out)\n"
        "pid = os.fork()\n"
        "if not pid: out = []; work('child', out); print(out, flush=True); os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )
    rule = ["--seed", "3", "--inject", "socket:error=EMFILE:probability=0.3"]
    runs = [
        execute([*ptrace_net_command, *rule, "--", sys.executable, "-c", script]).lines for _ in range(10)
    ]
    assert all(run == runs[0] for run in runs)
    assert "child" in "".join(runs[0])


def test_the_time_line(ptrace_net_command: list[str], tmp_path: Path) -> None:
    """The network goes down after 1 s for 1 s: what is sent outside then is refused."""
    policy = tmp_path / "line.toml"
    policy.write_text("[[timeline]]\nafter = 1\nlasts = 1\ndown = true\n")
    script = (
        "import socket, time\n"
        "begun, seen = time.monotonic(), []\n"
        "connect = lambda to: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect((to, 9))\n"
        "while time.monotonic() - begun < 2.6:\n"
        "    try: connect('127.0.0.1'); connect('0.0.0.0'); connect('10.1.1.1')\n"
        "    except OSError as error: seen.append(error.errno)\n"
        "    else: seen.append(0)\n"
        "    time.sleep(0.05)\n"
        "print([each for index, each in enumerate(seen) if not index or seen[index - 1] != each])\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("10.1.1.1", 9))
        except OSError:
            pytest.skip("this machine has no way out, which is what the test needs in between")
    ran = execute([*ptrace_net_command, "--policy", str(policy), "--", sys.executable, "-c", script])
    assert (ran.lines, ran.said) == (["[0, 101, 0]"], "")


def test_a_link_of_our_own_goes_down_and_comes_back(ptrace_net_command: list[str], tmp_path: Path) -> None:
    policy = tmp_path / "line.toml"
    policy.write_text('[[timeline]]\nafter = "1.2s"\nlasts = 1\nimpair = ["lo:loss=100%"]\n')
    script = (
        "import socket, time\n"
        "begun, sent = time.monotonic(), 0\n"
        "server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))\n"
        "server.bind(('127.0.0.1', 0)); server.settimeout(10)\n"
        "while time.monotonic() - begun < 3:\n"
        "    client.sendto(bytes([sent]), server.getsockname()); sent += 1; time.sleep(0.02)\n"
        "client.sendto(bytes([sent]), server.getsockname()); came = [server.recv(9)[0]]\n"
        "while came[-1] != sent: came.append(server.recv(9)[0])\n"
        "seen = [int(number in came) for number in range(sent + 1)]\n"
        "print([each for index, each in enumerate(seen) if not index or seen[index - 1] != each])\n"
    )
    words = ["--", sys.executable, "-c", script]
    ran = execute([*ptrace_net_command, "--net", "stack", "--policy", str(policy), *words])
    assert ran.lines == ["[1, 0, 1]"], ran.said
    ran = execute([*ptrace_net_command, "--net", "host", "--policy", str(policy), *words])
    assert (ran.lines, ran.status) == ([], 125)
    assert "--net stack" in ran.said
    policy.write_text('impair = ["lo:lost=100%"]\n')
    ran = execute([*ptrace_net_command, "--net", "stack", "--policy", str(policy), *words])
    assert (ran.status, "unknown impairment 'lost'" in ran.said) == (125, True)


@pytest.mark.slow
def test_the_same_seed_loses_and_doubles_the_same_packets_ten_times(
    ptrace_net_command: list[str], tmp_path: Path
) -> None:
    script = (
        "import socket\n"
        "sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "sock.bind(('127.0.0.1', 0)); sock.settimeout(0.3)\n"
        "for number in range(60): sock.sendto(bytes([number]), sock.getsockname())\n"
        "try:\n"
        "    while True: print(sock.recv(1)[0])\n"
        "except TimeoutError: pass\n"
    )
    policy = tmp_path / "chances.toml"

    def came(seed: int) -> list[int]:
        policy.write_text(f'impair = ["lo:loss=30%,duplicate=10%,seed={seed}"]\n')
        words = ["--net", "stack", "--policy", str(policy), "--", sys.executable, "-c", script]
        return [int(line) for line in execute([*ptrace_net_command, *words]).lines]

    runs = [came(7) for _ in range(10)]
    assert all(run == runs[0] for run in runs)
    assert 25 < len(set(runs[0])) < 58
    assert len(set(runs[0])) < len(runs[0])
    assert came(8) != runs[0]
