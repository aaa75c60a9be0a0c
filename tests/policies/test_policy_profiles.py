"""Kernel profiles: every line of the seeds that states a failure, with a program that meets it.

The documents are cited by number and line as the profiles cite them: 000 on IPv6 sockets, 001 on ZLMediaKit
and ffmpeg, 003 on zCore, 004 on Asterinas and Starry-Old.
"""

import re
from pathlib import Path

import pytest
from policy_probe import Under, execute

from ptrace_net.policies.policy import DATA, load, names
from ptrace_net.policies.support import TABLES

PANIC = "the kernel of this policy panics: "
# (profile, where the seeds say so, what the program does, what it sees, what the kernel's panic says)
FAILURES = [
    ("starry", "000:20", ["socket,10,1,6", "socket,2,1,6"], ["socket -97", "socket 3"], ""),
    (
        "starry-ipv6-begun",
        "000:82",
        ["socket,10,1,6", "setsockopt,@,41,26,0", "listen,@,5"],
        ["socket 3"],
        "[setsockopt()] level 41 not supported",
    ),
    (
        "starry-ipv6-connect",
        "000:229",
        ["socket,10,1,6", "setsockopt,@,41,26,0", "connect,@,::1,5547"],
        ["socket 3", "setsockopt 0", "connect -1"],
        "",
    ),
    (
        "starry-ipv6-connect",
        "000:239",
        ["socket,2,1,6", "connect,@,127.0.0.1,5547"],
        ["socket 3", "connect -1"],
        "",
    ),
    (
        "starry-ipv6",
        "001:48-54",
        ["socket,10,2,17", "setsockopt,@,1,15,1", "getsockopt,@,1,15"],
        ["socket 3", "setsockopt 0", "value 0", "getsockopt 0"],
        "",
    ),
    ("starry-ipv6", "001:62-64", ["socket,10,2,17", "setsockopt,@,1,13,1"], ["socket 3", "setsockopt 0"], ""),
    (
        "starry-ipv6",
        "001:71-76",
        ["socket,10,2,17", "setsockopt,@,41,26,0", "bind,@,::,0"],
        ["socket 3", "setsockopt 0", "bind 0"],
        "",
    ),
    (
        "starry-ipv6-loopback",
        "001:241-242",
        ["socket,2,1,6", "bind,@,127.0.0.1,0", "getpeername,@"],
        ["socket 3", "bind 0", "getpeername -107"],
        "",
    ),
    (
        "starry-ipv6",
        "001:298",
        ["socket,2,1,6", "socket,16,0x80003,0", "socket,2,1,6"],
        ["socket 3"],
        "[socket()] Address Family not supported: 16",
    ),
    ("starry-ipv6", "001:424", ["socket,16,2,0", "close,@"], [], "Address Family not supported: 16"),
    ("starry-ipv6", "001:401", ["socket,1,1,0", "close,@"], [], "not implemented (address family 1)"),
    ("starry-ipv6", "001:458", ["socket,2,3,1", "close,@"], [], "unimplemented SocketType: SOCK_RAW"),
    ("starry-ipv6", "001:508", ["socket,2,2,0", "sendmmsg,@,0"], ["socket 3"], "unknown syscall id: 307"),
    ("starry-ipv6", "001:657", ["socket,2,1,0", "sendmsg,@,0x4040"], ["socket 3"], "unknown syscall id: 46"),
    ("starry-ipv6", "001:339-340", ["readlink,/proc/self/exe"], ["readlink 0"], ""),
    ("starry-ipv6", "001:781", ["open,/dev/urandom"], ["open -2"], ""),
    ("starry-ipv6", "001:1084", ["syscall,133,0,0,0", "close,0"], [], "unknown syscall id: 133"),
    ("starry-ipv6", "001:1091", ["syscall,165,0,0,0,0"], ["syscall -1"], ""),
    (
        "zcore-smoltcp",
        "003:369",
        ["socket,10,1,0", "socket,16,3,0", "socket,1,1,0", "socket,2,1,0"],
        ["socket -97", "socket -97", "socket 3", "socket 4"],
        "",
    ),
    (
        "zcore-smoltcp",
        "003:367",
        ["socket,2,5,0", "socket,2,4,0", "socket,2,0x80001,0"],
        ["socket -22"] * 3,
        "",
    ),
    (
        "zcore-smoltcp",
        "003:194-197",
        ["socket,2,1,0", "setsockopt,@,1,2,1", "setsockopt,@,99,99,1", "getsockopt,@,1,2"],
        ["socket 3", "setsockopt 0", "setsockopt 0", "value -1", "getsockopt 0"],
        "",
    ),
    (
        "zcore-smoltcp",
        "003:199-202",
        ["socket,2,1,0", "ioctl,@,0x8913", "ioctl,@,0x89f0"],
        ["socket 3", "ioctl 0", "ioctl 0"],
        "",
    ),
    (
        "arceos",
        "000:59-72",
        ["socket,10,1,0", "socket,2,3,1", "socket,2,1,132", "socket,2,1,6", "socket,2,2,0"],
        ["socket -22", "socket -22", "socket -22", "socket 3", "socket 4"],
        "",
    ),
    (
        "asterinas",
        "004:14",
        ["socket,1,5,0", "socketpair,1,5,0", "socket,1,1,0"],
        ["socket -97", "socketpair -97", "socket 3"],
        "",
    ),
    (
        "asterinas",
        "004:10",
        ["socket,16,3,0", "socket,10,1,0", "socket,2,1,0"],
        ["socket -97", "socket -97", "socket 3"],
        "",
    ),
    (
        "starry-ipv6-connect",
        "000:183-191",
        ["socket,10,1,6", "setsockopt,@,41,26,1", "setsockopt,@,41,99,1"],
        ["socket 3", "setsockopt 0", "setsockopt 0"],
        "",
    ),
    ("starry-old", "001:478-481", ["socket,2,3,1", "close,@"], [], "unimplemented SocketType: SOCK_RAW"),
    ("asterinas", "004:26", ["socket,1,2,0", "socket,40,2,0"], ["socket -97", "socket -97"], ""),
    (
        "asterinas",
        "004:14",
        ["socket,2,1,17", "socket,2,3,1", "socket,2,9,0", "socket,2,2,17", "socket,40,1,0"],
        ["socket -97", "socket -97", "socket -22", "socket 3", "socket 4"],
        "",
    ),
    (
        "arceos",
        "000:30-39",
        ["socket,2,0x80001,0", "socket,2,2,17", "setsockopt,@,1,2,1", "getsockopt,@,1,2", "sendmsg,@,0",
         "socketpair,1,1,0"],
        ["socket -22", "socket 3", "setsockopt 0", "getsockopt -38", "sendmsg 0", "socketpair -38"],
        "",
    ),
    ("starry", "001:478-481", ["socket,2,1,0", "socket,2,3,1"], ["socket 3"], "unimplemented SocketType"),
    ("starry", "001:474", ["socket,1,1,0", "socket,1,5,0", "socket,2,9,0"],
     ["socket 3", "socket 4", "socket -22"], ""),
    ("starry", "000:82", ["socket,2,1,0", "setsockopt,@,6,1,1", "setsockopt,@,41,26,0"],
     ["socket 3", "setsockopt 0"], "[setsockopt()] level 41 not supported"),
    ("starry-old", "004:36", ["socket,16,3,0", "socketpair,1,1,0"], ["socket -97", "socketpair 0"], ""),
    (
        "starry-old",
        "004:35-75",
        ["socketpair,1,2,0", "sendmmsg,@,0"],
        ["socketpair 0"],
        "unknown syscall id: 307",
    ),
]


@pytest.mark.parametrize(("profile", "line", "words", "expected", "panic"), FAILURES)
def test_what_the_seeds_say_fails_fails(
    profile: str, line: str, words: list[str], expected: list[str], panic: str, under: Under
) -> None:
    ran = under(*words, names=(profile,))
    assert ran.lines == expected
    if panic:
        assert ran.status == 137
        assert PANIC in ran.said
        assert panic in ran.said
    else:
        assert (ran.status, ran.said) == (0, "")


# With the feature allowed the run goes on.
ALLOWED = [
    ("starry", '[families]\nAF_INET6 = "ok"\n', ["socket,10,1,6"], ["socket 3"]),
    (
        "starry-ipv6-begun",
        '[options]\nSOL_IPV6 = "ok"\n',
        ["socket,10,1,6", "setsockopt,@,41,26,1", "getsockopt,@,41,26"],
        ["socket 3", "setsockopt 0", "value 1", "getsockopt 0"],
    ),
    (
        "starry-ipv6",
        '[families]\nAF_NETLINK = "ok"\n[types.AF_NETLINK]\nSOCK_RAW = "ok"\n',
        ["socket,16,3,0", "netlink,@,18"],
        ["socket 3", "netlink 16"],
    ),
    ("starry-ipv6", '[families]\n"*" = "ok"\n', ["socket,1,1,0"], ["socket 3"]),
    (
        "starry-ipv6",
        '[calls]\nsendmsg = "ok"\nsendmmsg = "ok"\n',
        ["socket,2,2,0", "connect,@,127.0.0.1,9", "sendmsg,@,0"],
        ["socket 3", "connect 0", "sendmsg 5"],
    ),
    (
        "starry-ipv6",
        '[types]\nSOCK_RAW = "errno EPERM"\n',
        ["socket,2,3,1", "socket,2,1,0"],
        ["socket -1", "socket 3"],
    ),
]


@pytest.mark.parametrize(("profile", "mine", "words", "expected"), ALLOWED)
def test_with_the_feature_allowed_the_run_goes_on(
    profile: str, mine: str, words: list[str], expected: list[str], under: Under
) -> None:
    ran = under(*words, names=(profile,), policy=mine)
    assert (ran.lines, ran.status, ran.said) == (expected, 0, "")


def test_linux_is_the_identity(under: Under, natively: Under) -> None:
    words = ["socket,10,1,6", "setsockopt,@,41,26,1", "getsockopt,@,41,26", "socket,16,3,0", "netlink,@,18",
             "socketpair,1,1,0", "sendmsg,@,0,1,1", "readlink,/proc/self/exe", "socket,10,9,0"]  # fmt: skip
    assert under(*words, names=("linux",)) == natively(*words)


def test_no_ipv6_module(under: Under) -> None:
    """As Linux has it where the family is not registered (net/socket.c, __sock_create)."""
    words = ["socket,10,1,6", "socket,10,2,17", "socketpair,10,1,0", "socket,2,1,6"]
    assert under(*words, names=("linux-no-ipv6",)).lines == [
        "socket -97",
        "socket -97",
        "socketpair -97",
        "socket 3",
    ]


ADDRESSES = ["::1", "::", "::ffff:127.0.0.1", "2001:db8::1", "fe80::1"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_ipv6_address_is_as_in_a_namespace_without_one(address: str, under: Under, probe: Path) -> None:
    words = ["socket,10,1,6", f"bind,@,{address},0", "socket,10,2,17", f"bind,@,{address},0",
             "socket,10,1,6", f"connect,@,{address},9", "socket,10,2,17", f"connect,@,{address},9",
             "socket,10,2,17", f"sendto,@,{address},9,0"]  # fmt: skip
    disabled = "ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1"
    native = execute(["unshare", "-Urn", "sh", "-c", f'{disabled}; exec "$@"', "sh", str(probe), *words])
    assert native.status == 0, native.said
    assert under(*words, names=("linux-no-ipv6-address",)).lines == native.lines


# The profiles themselves.


@pytest.mark.parametrize("name", [name for name in names() if re.match("starry|zcore|asterinas", name)])
def test_every_profile_says_where_it_is_from(name: str) -> None:
    text = Path(DATA, f"{name}.toml").read_text()
    assert re.search(r"\b00[0134]:\d+", text)


@pytest.mark.parametrize("name", names())
def test_every_entry_of_a_profile_is_known(name: str) -> None:
    policy = load(name)
    assert policy.title
    assert set(policy.tables) <= set(TABLES)


# Every line of the documents that states a failure, whose words are quoted; what no profile plays says why.
STATED = [
    ("000:10", "address 10 is not supported", "000:20"),
    ("000:20", "id = 41, return -97", "000:20"),
    ("000:82", "level 41 not supported, not implemented", "000:82"),
    ("000:87", "no actual connection", "000:229"),
    ("000:229", "Operation not permitted", "000:229"),
    ("000:239", "Operation not permitted", "000:239"),
    ("000:254", "panicked at fatfs fs.rs", "a file system"),
    ("001:53", "option 15 not supported", "001:48-54"),
    ("001:63", "option 13 not supported", "001:62-64"),
    ("001:72", "option 26 not supported", "001:71-76"),
    ("001:177", "pselect6 of standard input returns 1", "a terminal"),
    ("001:242", "id = 52, return -107", "001:241-242"),
    ("001:264", "AF_NETLINK is not supported", "001:298"),
    ("001:298", "Address Family not supported: 16", "001:298"),
    ("001:338", "READLINK of /proc/self/exe returns 0", "001:339-340"),
    ("001:348", "Kernel #PF", "memory"),
    ("001:401", "AF_UNIX and AF_NETLINK have to be supported", "001:401"),
    ("001:424", "Address Family not supported: 16", "001:424"),
    ("001:425", "panicked at socket.rs:851:28", "001:401"),
    ("001:458", "unimplemented SocketType: SOCK_RAW", "001:458"),
    ("001:486", "system call 307 is missing", "001:508"),
    ("001:508", "unknown syscall id: 307", "001:508"),
    ("001:657", "syscall_sendmsg, id = 46, is missing", "001:657"),
    ("001:781", "the file /dev/urandom is missing", "001:781"),
    ("001:874", "unwrap() of NotFound in link.rs", "a file system"),
    ("001:978", "unwrap() of NotFound in link.rs", "a file system"),
    ("001:1015", "BIO_new_file failed", "files of the program's own"),
    ("001:1022", "inet_pton to ipv4 address failed: 0:0:0:0", "the program's configuration"),
    ("001:1084", "mknod is missing", "001:1084"),
    ("001:1091", "mount: permission denied", "001:1091"),
    ("001:1094", "su: unknown user root", "the user database"),
    ("003:171", "Err(LxError::EINVAL), of bind and others that a socket lacks", "by the kind of a socket"),
    ("003:195", "setsockopt is unimplemented", "003:194-197"),
    ("003:200", "ioctl is unimplemented", "003:199-202"),
    ("003:205", "fcntl is unimplemented", "by the kind of a descriptor"),
    ("003:367", "Err(LxError::EINVAL)", "003:367"),
    ("003:369", "Err(LxError::EAFNOSUPPORT)", "003:369"),
    ("004:14", "SOCK_SEQPACKET is not supported", "004:14"),
    ("004:92", "libc-test fails here", "the environment of the tests"),
]


@pytest.mark.parametrize(("line", "words", "where"), STATED)
def test_every_failure_that_is_stated_is_played_or_beyond(line: str, words: str, where: str) -> None:
    played = {mark for _, mark, *_ in FAILURES}
    assert words
    if re.match(r"00[0134]:\d", where):
        assert where in played
    else:
        assert not set(_range(line)) & {n for mark in played for n in _range(mark)}


def test_marks_are_lines_of_the_seeds() -> None:
    """Every mark in a profile is tested above, or allows something."""
    tested = {int(number) for _, line, *_ in FAILURES for number in _range(line)}
    for name in names():
        for line in Path(DATA, f"{name}.toml").read_text().splitlines():
            entry, _, comment = line.partition("  # ")
            marks = re.findall(r"(00[0134]):(\d+)(?:-(\d+))?", comment)
            if marks and '"ok"' not in entry:
                numbers = {n for doc, a, b in marks for n in _range(f"{doc}:{a}" + (f"-{b}" if b else ""))}
                assert numbers & tested, line


def _range(mark: str) -> range:
    document, _, lines = mark.partition(":")
    first, _, last = lines.partition("-")
    offset = int(document) * 100000
    return range(offset + int(first), offset + int(last or first) + 1)
