"""Random policies that are valid, as text, and random calls of the probe."""

from hypothesis import strategies as st

from ptrace_net.policies.support import TABLES
from ptrace_net.policies.words import FLAGGED, NETLINK_TYPES, OPTIONS

FAMILIES = ("AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "44", "*")
TYPES = ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_SEQPACKET", "*")
CALLS = (
    "socket",
    "socketpair",
    "bind",
    "connect",
    "listen",
    "accept",
    "accept4",
    "getsockname",
    "getpeername",
    "setsockopt",
    "getsockopt",
    "shutdown",
    "sendto",
    "recvfrom",
    "sendmsg",
    "sendmmsg",
    "recvmsg",
    "recvmmsg",
    "ioctl",
)
FILES = ("/proc/net/tcp", "/proc/net/*", "/dev/null", "/proc/self/exe")
ERRNOS = ("EPERM", "EIO", "EAFNOSUPPORT", "ENOSYS", "EINTR", "EAGAIN", "EMFILE")
LEVELS = {"SOL_SOCKET": 1, "SOL_IP": 0, "SOL_TCP": 6, "SOL_IPV6": 41}

behaviours = st.one_of(
    st.sampled_from(("ok", "ignore", "return 3", "return 0")),
    st.sampled_from(ERRNOS).map(lambda name: f"errno {name}"),
)
refusals = st.one_of(st.just("ok"), st.sampled_from(ERRNOS).map(lambda name: f"errno {name}"))
ends = st.sampled_from(
    ("kill", "kill SIGTERM", "panic", "panic {call} {number} {family} {option_name} {path}")
)


@st.composite
def keys(draw: st.DrawFn, table: str) -> tuple[str, ...]:
    words = TABLES[table].words
    match table:
        case "families":
            return (draw(st.sampled_from(FAMILIES)),)
        case "types":
            return draw(st.sampled_from(FAMILIES)), draw(st.sampled_from(TYPES))
        case "protocols":
            protocol = draw(st.sampled_from(("IPPROTO_TCP", "IPPROTO_UDP", "IPPROTO_ICMP", "0", "17", "*")))
            family = draw(st.sampled_from(tuple(each for each in FAMILIES if each != "AF_NETLINK")))
            return family, draw(st.sampled_from(TYPES)), protocol
        case "calls":
            return (draw(st.sampled_from(CALLS[:-1])),)
        case "flags":
            call = draw(st.sampled_from(sorted(FLAGGED)))
            return call, draw(st.sampled_from((*FLAGGED[call], "*")))
        case "options":
            level = draw(st.sampled_from((*LEVELS, "*")))
            known = tuple(OPTIONS[LEVELS[level]]) if level in LEVELS else ()
            return level, draw(st.sampled_from((*known, "*"))), draw(st.sampled_from(("set", "get", "*")))
        case "control":
            return draw(
                st.sampled_from(
                    (("SOL_SOCKET", "SCM_RIGHTS"), ("SOL_SOCKET", "*"), ("SOL_IP", "IP_TTL"), ("*", "*"))
                )
            )
        case "ioctls":
            return (draw(st.sampled_from(("SIOCGIFFLAGS", "SIOCGIFCONF", "FIONBIO", "*"))),)
        case "netlink":
            return "NETLINK_ROUTE", draw(st.sampled_from((*NETLINK_TYPES[0], "*")))
        case "files":
            return draw(st.sampled_from(FILES)), draw(st.sampled_from(("open", "readlink", "stat", "*")))
    raise AssertionError(words)


@st.composite
def entries(draw: st.DrawFn, table: str, *, ending: bool) -> str:
    allowed = TABLES[table].allowed
    behaviour = draw(refusals if "ignore" not in allowed else behaviours)
    if ending and draw(st.integers(0, 9)) == 0:
        behaviour = draw(ends)
    path = ".".join(f'"{word}"' for word in (table, *draw(keys(table))))
    return f"{path} = {behaviour!r}".replace("'", '"')


@st.composite
def tables(draw: st.DrawFn, names: tuple[str, ...] = tuple(TABLES), *, ending: bool = False) -> str:
    """Lines of dotted keys; a key that stands twice is left out."""
    lines: dict[str, str] = {}
    for name in draw(st.lists(st.sampled_from(names), max_size=8)):
        line = draw(entries(name, ending=ending))
        lines.setdefault(line.partition(" = ")[0], line)
    return "\n".join(lines.values()) + "\n"


faults = st.builds(
    lambda calls, effect, when, where: ":".join(filter(None, (",".join(sorted(calls)), effect, when, where))),
    st.sets(st.sampled_from(CALLS), min_size=1, max_size=3),
    st.sampled_from(
        (
            "error=EIO",
            "retval=0",
            "retval=7",
            "signal=SIGURG",
            "delay_enter=1ms",
            "delay_exit=1ms",
            "error=EPERM:signal=SIGWINCH",
        )
    ),
    st.sampled_from(("", "when=2", "when=1+2", "when=2..3", "probability=0.5")),
    st.sampled_from(("", "fd=3", "port=9", "addr=127.0.0.0/8", "addr=::1", "program=probe")),
)


@st.composite
def policies(draw: st.DrawFn) -> str:
    """A whole policy."""
    head = f"seed = {draw(st.integers(0, 9))}\ninject = {draw(st.lists(faults, max_size=2))!r}\n".replace(
        "'", '"'
    )
    text = head + draw(tables(ending=True))
    if draw(st.booleans()):
        text += draw(
            st.sampled_from(
                (
                    "limits.backlog = 1\n",
                    "limits.sndbuf = 3000\n",
                    "limits.descriptors = 6\n",
                    'limits.ports = "1-5000"\n',
                )
            )
        )
    if draw(st.booleans()):
        text += f'ports."9" = {draw(st.integers(20000, 30000))}\n'
    for _ in range(draw(st.integers(0, 2))):
        text += draw(
            st.sampled_from(
                (
                    '[[provider]]\nuse = "stub"\nanswer = "ignore"\nfamily = "AF_INET6"\n',
                    '[[provider]]\nuse = "kernel"\ntype = "SOCK_DGRAM"\n',
                    '[[provider]]\nuse = "stub"\nanswer = "errno EHOSTUNREACH"\naddress = "127.0.0.0/8"\n',
                    '[[provider]]\nuse = "host"\nfamily = "AF_INET6"\n',
                    '[[provider]]\nuse = "host"\nport = 9\n',
                    '[[provider]]\nuse = "stack"\naddress = "127.0.0.0/8"\n',
                    '[[timeline]]\nafter = "10ms"\nlasts = "1s"\ndown = true\n',
                )
            )
        )
    return text


calls_of_probe = st.lists(
    st.sampled_from(
        (
            "socket,2,1,0",
            "socket,10,0x80801,6",
            "socket,2,2,17",
            "socket,1,5,0",
            "socket,16,3,0",
            "socket,17,3,0",
            "socket,-1,-1,-1",
            "socketpair,1,1,0",
            "socketpair,1,2,0",
            "bind,@,127.0.0.1,0",
            "bind,@,::1,0",
            "bind,@,127.0.0.1,9",
            "connect,@,127.0.0.1,9",
            "connect,@,::1,9",
            "listen,@,5",
            "listen,@,-1",
            "send,@,0x4000",
            "sendto,@,127.0.0.1,9,0x40",
            "sendto,@,::1,9,0x40",
            "recv,@,9,0x40",
            "recvfrom,@,0x42",
            "sendmsg,@,0x40",
            "sendmsg,@,0x40,1,1",
            "sendmsg,@,0,41,50",
            "sendmmsg,@,0x40",
            "sendmmsg,@,0x40,0,2",
            "setsockopt,@,1,2,1",
            "setsockopt,@,1,7,9000",
            "setsockopt,@,41,26,1",
            "setsockopt,@,6,1,1",
            "setsockopt,@,-1,-1,-1",
            "getsockopt,@,1,4",
            "getsockopt,@,41,26",
            "getsockname,@",
            "getpeername,@",
            "shutdown,@,2",
            "ioctl,@,0x8913",
            "ioctl,@,0x5421",
            "ioctl,@,0x8912",
            "netlink,@,18",
            "netlink,@,22",
            "open,/proc/net/tcp",
            "open,/dev/null",
            "readlink,/proc/self/exe",
            "stat,/proc/net/udp",
            "close,@",
            "close,999",
            # addresses that lead nowhere
            "syscall,49,3,1,16",
            "syscall,42,3,-1,16",
            "syscall,46,3,8,0",
            "syscall,47,3,-8,0x40",
            "syscall,54,3,1,7",
            "syscall,51,3,1,1",
            "syscall,44,3,1,1",
            "syscall,307,3,1,4",
            "syscall,257,-100,1,0",
            "syscall,16,3,0x8913,1",
        )
    ),
    max_size=14,
)
