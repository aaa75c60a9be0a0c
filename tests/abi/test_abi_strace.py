"""Decoding agrees with strace: addresses, options, control messages, and the netlink of ip and ss.

strace prints what a program passed; the corpus program writes down the bytes that it passed, and for ip and
ss strace itself dumps them. The same bytes, decoded here, must have the names and values that strace gives.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import strace_text

from ptrace_net.abi import catalog
from ptrace_net.abi.address import decode_sockaddr
from ptrace_net.abi.cmsg import ControlMessage, ExtendedError, decode_control
from ptrace_net.abi.constants.socket import SOL
from ptrace_net.abi.netlink.attributes import Attribute, Record
from ptrace_net.abi.netlink.messages import Message, decode_netlink
from ptrace_net.abi.sockopt import option

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="install strace")

CORPUS = Path(__file__).with_name("abi_corpus.py")
_NUMBERS = {name: value for table in catalog.tables() for name, value in table.items()}
# Names that strace has for what the kernel's own headers call otherwise, or not at all.
_NUMBERS |= {"SOCK_TXREHASH_ENABLED": 1, "RTEXT_FILTER_VF": 1, "RTEXT_FILTER_SKIP_STATS": 8}
_NUMBERS |= {"IF_READY": 1 << 31, "IF_RS_SENT": 0x10, "IF_RA_RCVD": 0x20}
_CALLED = {"sin6_family": "sa_family", "sin_family": "sa_family", "sun_family": "sa_family"}
_CALLED |= {"nl_family": "sa_family", "sll_family": "sa_family", "svm_family": "sa_family"}
_CALLED |= {"ipv6mr_ifindex": "ipv6mr_interface"}


# Interfaces by name: those here, and with them those of the namespace that the netlink corpus is run in.
INDICES = {name: index for index, name in socket.if_nameindex()}


def number(text: Any) -> Any:
    """A number from what strace prints for it: itself, a name, flags, or shifted names; else the text."""
    if not isinstance(text, str):
        return text
    if text.startswith("-") and text[1:] in _NUMBERS:
        return -_NUMBERS[text[1:]]
    total = 0
    for part in text.split("|"):
        shifted = re.fullmatch(r"1<<\(?(\w+)(-1)?\)?", part)
        name = shifted[1] if shifted else part
        value = _NUMBERS.get(name)
        if value is None:
            try:
                value = int(name, 0)
            except ValueError:
                return text
        total |= 1 << (value - bool(shifted[2])) if shifted else value
    return total


def agrees(ours: Any, theirs: Any) -> bool:
    """Whether a decoded value is what strace printed."""
    if isinstance(theirs, strace_text.Interface):
        return ours == INDICES.get(theirs)
    if isinstance(ours, int):
        shown = number(theirs[0] if isinstance(theirs, list) and len(theirs) == 1 else theirs)
        return isinstance(shown, int) and (ours - shown) % (1 << 32) == 0
    if hasattr(ours, "_asdict"):
        return struct_agrees(ours._asdict(), theirs)
    if isinstance(ours, tuple):
        return isinstance(theirs, list) and [number(each) for each in theirs] == list(ours)
    if isinstance(ours, str):
        return isinstance(theirs, bytes) and theirs.rstrip(b"\0") == ours.encode()
    return bytes_agree(ours, theirs)


def struct_agrees(ours: dict[str, Any], theirs: Any) -> bool:
    """Every member that strace shows has our value; it leaves out reserved ones.

    The request inside an NLMSG_ERROR is shown as a whole message, of which the head is meant.
    """
    if isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        theirs = theirs[0]
    if not isinstance(theirs, dict):
        return False
    known = {_CALLED.get(name, name): value for name, value in ours.items()}
    shared = known.keys() & theirs.keys()
    return bool(shared) and all(agrees(known[name], theirs[name]) for name in shared)


def bytes_agree(ours: bytes, theirs: Any) -> bool:
    """Bytes against an address, a link-layer address, an array of bytes or a string."""
    if isinstance(theirs, list):
        return list(ours[: len(theirs)]) == [number(each) for each in theirs]
    if isinstance(theirs, bytes):
        return theirs.rstrip(b"\0") == ours.rstrip(b"\0")
    if isinstance(theirs, str) and re.fullmatch(r"([0-9a-f]{2}:)+[0-9a-f]{2}", theirs):
        return ours == bytes.fromhex(theirs.replace(":", ""))
    address = ipaddress.ip_address(theirs)
    return ours[: len(address.packed)] == address.packed and not any(ours[len(address.packed) :])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], list[Any]]]:
    """(what the program noted, the arguments that strace printed) of every call."""
    folder = tmp_path_factory.mktemp("strace")
    calls = "trace=connect,setsockopt,getsockopt,sendmsg,recvmsg"
    command = ["strace", "-o", folder / "log", "-v", "-xx", "-s", "4096", "-e", calls, "-e", "signal=none",
               sys.executable, CORPUS, folder / "noted"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "PTRACE_TRACEME" in done.stderr or "ptrace" in done.stderr:
        pytest.skip(f"strace cannot trace here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    noted = [json.loads(line) for line in (folder / "noted").read_text().splitlines()]
    lines = iter(strace_text.call(line) for line in (folder / "log").read_text().splitlines() if "(" in line)
    pairs = []
    for each in noted:  # the program makes more calls than it notes, to set things up
        pairs.append((each, next(args for name, args, _ in lines if matches(each, name, args))))
    return pairs


def matches(noted: dict[str, Any], name: str, arguments: list[Any]) -> bool:
    if noted["call"] != name:
        return False
    return name != "setsockopt" or len(bytes.fromhex(noted["value"])) == arguments[-1]


def test_addresses(corpus: list[Any]) -> None:
    seen = [(bytes.fromhex(noted["name"]), args) for noted, args in corpus if noted["call"] == "connect"]
    for data, args in seen:
        ours = decode_sockaddr(data)
        theirs = dict(args[1])
        if ours.layout.name == "sockaddr_ll":  # printed up to sll_halen
            assert theirs.pop("sll_addr") == list(ours.values.sll_addr[: ours.values.sll_halen])
        assert struct_agrees(ours.fields, theirs), (ours, theirs)
    assert len(seen) >= 9


def test_options(corpus: list[Any]) -> None:
    seen = 0
    for noted, args in corpus:
        if not noted["call"].endswith("sockopt"):
            continue
        row = option(noted["level"], noted["number"])
        assert args[1] in (row.level_name, SOL.name(row.level)), args
        assert args[2] in (row.name, *row.aliases, row.number), args
        if noted["result"] == 0 and noted["value"]:
            assert option_agrees(row, bytes.fromhex(noted["value"]), args[3]), (row, args)
            seen += 1
    assert seen > 150


def option_agrees(row: Any, data: bytes, theirs: Any) -> bool:
    """Values that strace shows as bytes must be the bytes; others what we decode."""
    if isinstance(theirs, bytes):
        return theirs.rstrip(b"\0") == data.rstrip(b"\0")
    if row.name == "ICMP_FILTER":  # a list of the types that are blocked
        return row.decode(data).data == 0 and theirs == []
    decoded = row.decode(data)
    if isinstance(theirs, list) and hasattr(decoded, "_fields"):  # strace knows the int form only
        decoded = decoded[0]
    if isinstance(decoded, bytes):
        decoded = int.from_bytes(decoded, sys.byteorder)
    return agrees(decoded, theirs)


def test_control_messages(corpus: list[Any]) -> None:
    names = set()
    for noted, args in corpus:
        if noted["call"] not in ("sendmsg", "recvmsg"):
            continue
        ours, theirs = decode_control(bytes.fromhex(noted["control"])), args[1]["msg_control"]
        assert len(ours) == len(theirs)
        for mine, printed in zip(ours, theirs, strict=True):
            assert control_agrees(mine, printed), (mine, printed)
            names.add(mine.name)
    assert {"SCM_RIGHTS", "SCM_CREDENTIALS", "IP_PKTINFO", "IP_TTL", "IP_TOS", "IP_RECVERR"} <= names
    assert {
        "SO_TIMESTAMPNS_OLD",
        "SO_TIMESTAMP_OLD",
        "IPV6_PKTINFO",
        "IPV6_HOPLIMIT",
        "IPV6_RECVERR",
    } <= names


def control_agrees(ours: ControlMessage, theirs: dict[str, Any]) -> bool:
    if theirs["cmsg_len"] != 16 + len(ours.payload) or number(theirs["cmsg_level"]) != ours.level:
        return False
    if theirs["cmsg_type"] not in (ours.name, ours.type):
        return False
    if "cmsg_data" not in theirs:  # strace 6.1 does not know the types of IPv6
        return ours.level == SOL["SOL_IPV6"]
    shown = theirs["cmsg_data"]
    if isinstance(ours.value, ExtendedError):
        offender = dict(shown).pop("offender")
        return agrees(ours.value.error, shown) and struct_agrees(ours.value.offender.fields, offender)
    return agrees(ours.value, shown)


# What the network namespace of the netlink corpus holds; without one, what the machine has.
_SETUP = """
ip link set lo up; ip link add v0 type veth peer name v1 2>/dev/null && ip link set v0 up && {
ip addr add 192.0.2.1/24 brd + dev v0 label v0:x
ip addr add 2001:db8::1/64 dev v0 preferred_lft 100 valid_lft 200
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0; ip route add 198.51.100.0/24 via 192.0.2.2 mtu 1300
ip route add 203.0.113.0/24 nexthop via 192.0.2.3 nexthop via 192.0.2.4; ip rule add from 192.0.2.7 table 7; }
exec "$@"
"""
_NETLINK = {
    "links": ["ip", "-s", "-d", "link"], "addresses": ["ip", "addr"], "neighbours": ["ip", "neigh"],
    "routes": ["ip", "route", "show", "table", "all"], "routes6": ["ip", "-6", "route", "show", "table",
    "all"],
    "rules": ["ip", "rule"], "error": ["ip", "link", "set", "nosuchdevice", "up"], "sockets": ["ss",
    "-tlni"], "local": ["ss",
    "-xlem"],
}  # fmt: skip


def _namespace() -> list[str]:
    """A command that makes a network namespace of its own and furnishes it, where that is allowed."""
    prefix = ["unshare", "-rn", "sh", "-c", _SETUP, "sh"]
    allowed = subprocess.run([*prefix, "true"], capture_output=True, timeout=20, check=False).returncode == 0
    return prefix if allowed else []


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    prefix = _namespace()
    listed = subprocess.run(
        [*prefix, "ip", "-o", "link"], capture_output=True, text=True, timeout=20, check=True
    )
    INDICES.update((name, int(index)) for index, name in re.findall(r"^(\d+): ([\w.]+)", listed.stdout, re.M))
    return prefix


def netlink_log(words: list[str], log: Path) -> list[tuple[int, bytes, Any]]:
    """(protocol, bytes, what strace printed) of each netlink datagram that a command sent or received."""
    calls = "trace=socket,sendto,sendmsg,recvmsg,recvfrom"
    strace = ["strace", "-v", "-xx", "-s", "65536", "-e", "read=all", "-e", "write=all"]
    strace += ["-e", calls, "-o", str(log)]
    place = words.index("--") if "--" in words else 0
    command = [*words[:place], *strace, *words[place + (place > 0) :]]
    clean = {**os.environ, "LC_ALL": "C"}
    subprocess.run(command, capture_output=True, timeout=30, check=False, env=clean)
    found: list[tuple[int, bytes, Any]] = []
    protocol = 0
    for line, dumped in _with_dumps(log.read_text().splitlines()):
        name, args, result = strace_text.call(line)
        if name == "socket":
            protocol = number(args[2]) if args[0] == "AF_NETLINK" else -1
        elif protocol >= 0 and int(result) > 0 and dumped:
            printed = args[1] if name in ("sendto", "recvfrom") else args[1]["msg_iov"][0]["iov_base"]
            found.append((protocol, dumped[: int(result)], printed))
    return found


def _with_dumps(lines: list[str]) -> list[tuple[str, bytes]]:
    """Each call with the bytes that strace dumped after it."""
    found: list[tuple[str, bytes]] = []
    for line in lines:
        dump = re.match(r" \| [0-9a-f]{5}  ((?:[0-9a-f]{2} {1,2}){1,16})", line)
        if dump and found:
            found[-1] = (found[-1][0], found[-1][1] + bytes.fromhex(dump[1]))
        elif re.match(r"\w+\(", line):
            found.append((line, b""))
    return found


@pytest.mark.parametrize("name", _NETLINK)
def test_netlink(name: str, tmp_path: Path, namespace: list[str]) -> None:
    command = _NETLINK[name]
    if not shutil.which(command[0]):
        pytest.skip("install iproute2")
    unix = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    with socket.create_server(("127.0.0.1", 0)), unix[0] as local, unix[1] as filed:  # for ss
        local.bind(f"\0ptrace-net test of netlink {os.getpid()}")
        local.listen()
        filed.bind(str(tmp_path / "s"))
        filed.listen()
        words = command if command[0] == "ss" or not namespace else [*namespace, "--", *command]
        log = netlink_log(words, tmp_path / "log")
    values = 0
    for protocol, data, printed in log:
        messages = decode_netlink(data, protocol, strict=False)
        theirs = [printed] if isinstance(printed[0], dict) else printed
        assert len(theirs) >= len(messages)
        for mine, text in zip(messages, theirs, strict=False):
            values += message_agrees(mine, text)
    assert values > 15


def message_agrees(ours: Message, theirs: list[Any]) -> int:
    """Check one message; how many values were compared."""
    text = theirs if isinstance(theirs, list) else [theirs]
    assert struct_agrees(ours.header._asdict(), text[0]), (ours, text[0])
    assert text[0]["nlmsg_type"] in (ours.name, ours.header.nlmsg_type), text[0]
    count = 5
    if ours.layout is not None and len(text) > 1 and isinstance(text[1], dict):
        assert agrees(ours.body, text[1]), (ours.body, text[1])
        count += len(text[1])
    return count + (attributes_agree(ours.attributes, text[2]) if len(text) > 2 and ours.attributes else 0)


def attributes_agree(ours: tuple[Attribute, ...], theirs: list[Any]) -> int:
    listed = [theirs] if isinstance(theirs[0], dict) else theirs
    assert len(listed) == len(ours), (ours, theirs)
    return sum(attribute_agrees(mine, text) for mine, text in zip(ours, listed, strict=True))


def attribute_agrees(ours: Attribute, theirs: Any) -> int:
    head, *value = theirs if isinstance(theirs, list) else [theirs]
    assert head["nla_len"] == 4 + len(ours.payload), (ours, head)
    assert number(str(head["nla_type"]).removeprefix("NLA_F_NESTED|")) in (ours.number, ours.name), (
        ours,
        head,
    )
    if not value or not ours.payload:
        return 1
    if isinstance(ours.value, tuple) and ours.value and isinstance(ours.value[0], Attribute):
        return attributes_agree(ours.value, value[0])
    if isinstance(ours.value, tuple) and ours.value and isinstance(ours.value[0], Record):
        return records_agree(ours.value, value[0])
    if isinstance(value[0], dict) and isinstance(ours.value, bytes):
        return 1  # bit-fields, or a struct that is left as bytes here
    if isinstance(value[0], bytes):
        assert value[0].rstrip(b"\0") == ours.payload.rstrip(b"\0"), (ours, value)
        return 1
    shown = _unindexed(value[0])
    assert agrees(ours.value, shown) or ours.payload == ours.value, (ours, shown)
    return 1


def records_agree(ours: tuple[Record, ...], theirs: list[Any]) -> int:
    """Next hops: each a struct with attributes after it."""
    listed = theirs if isinstance(theirs[0], list) else [theirs]
    assert len(listed) == len(ours), theirs
    for mine, (head, attributes) in zip(ours, listed, strict=True):
        assert agrees(mine.values, head)
        attributes_agree(mine.attributes, attributes)
    return 5 * len(ours)


def _unindexed(value: Any) -> Any:
    """``[[IPV4_DEVCONF_FORWARDING-1]=0, …]`` without the indices."""
    if isinstance(value, list):
        return [each.rpartition("=")[2] if isinstance(each, str) else each for each in value]
    return value
