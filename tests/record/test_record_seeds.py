"""Every log excerpt of the notes that the project grew from imports, with the calls that its author saw."""

from collections import Counter

import pytest
from record_support import SEEDS, brief, seed, texts

from ptrace_net.record.errors import RecordError
from ptrace_net.record.importers import read_text
from ptrace_net.record.model import Event, Log
from ptrace_net.record.sockaddr import endpoint_of

WITHOUT_CALLS = ("ffmpeg-connect-fails", "ss-and-ffmpeg", "own-log.txt", "own-log-2", "mediaserver-start")


def panics(log: Log) -> list[str]:
    return [event.text for event in log.events if event.kind == "panic"]


def test_inet6_is_refused() -> None:
    calls = list(seed("000-00-").calls)
    assert brief(seed("000-00-"))[:2] == [("write", 1, None), ("socket", -1, "EAFNOSUPPORT")]
    assert texts(seed("000-00-"))[1] == "socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = -1 EAFNOSUPPORT"
    assert [(call.result, call.outcome) for call in calls[2:]] == [(None, "no result")] * 4 + [
        (None, "unfinished")
    ]
    assert {call.name for call in calls[2:]} == {"socket"}
    assert "the log has no entry line for this call" in calls[0].lost


def test_level_41_panics() -> None:
    (call,) = seed("level-41").calls
    assert (call.name, call.outcome) == ("setsockopt", "panicked")
    assert call.args[1] == ("SOL_IPV6", 41)
    assert "[setsockopt()] level 41 not supported" in call.notes
    assert panics(seed("level-41")) == [
        "crates/linux_syscall_api/src/syscall_net/imp.rs:445:9: not implemented"
    ]


def test_a_call_quoted_in_prose() -> None:
    assert texts(seed("inline")) == ["socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 64"]


def test_udp_9000_on_linux() -> None:
    log = seed("udp9000.strace")
    assert not log.lost
    assert len(texts(log)) == 21
    calls = list(log.calls)
    assert calls[1].errno == "ENOTCONN"
    assert calls[1].detail == "传输端点尚未连接"
    assert endpoint_of(calls[12].args[1]) == (10, "::", 9000, 0, 0)
    assert texts(log)[11] == "setsockopt(24, SOL_IPV6, IPV6_V6ONLY, [0], 4) = 0"
    assert texts(log)[0].endswith("[128 => 28]) = 0")
    assert [call.result for call in calls if call.name == "socket"] == [24, 30]


def test_udp_9000_on_starry() -> None:
    log = seed("udp9000.starry")
    calls = [call for call in log.calls if call.name not in ("prctl", "gettimeofday")]
    assert [call.name for call in calls] == [
        *("write", "socket", "setsockopt", "setsockopt", "ioctl", "setsockopt", "setsockopt", "setsockopt"),
        *("fcntl", "fcntl", "setsockopt", "bind"),
    ]
    assert [call.task for call in calls] == [12] * 12
    assert calls[1].args == (("AF_INET6", 10), ("SOCK_DGRAM", 2), ("IPPROTO_UDP", 17))
    assert calls[1].result == 19
    unsupported = {call.args[2]: call.notes[0] for call in calls if call.name == "setsockopt" and call.notes}
    assert unsupported == {
        ("SO_REUSEPORT", 15): "[setsockopt()] option 15 not supported in Socket level",
        ("SO_LINGER", 13): "[setsockopt()] option 13 not supported in Socket level",
        ("IPV6_V6ONLY", 26): "[setsockopt()] option 26 not supported in ipv6 level",
    }
    assert endpoint_of(calls[-1].args[1]) == (10, "::", 9000, 0, 0)
    assert calls[-1].started == pytest.approx(22.752608)
    assert calls[-1].duration == pytest.approx(0.000353)


def test_ffmpeg_starts_on_linux() -> None:
    log = seed("ffmpeg-start.strace")
    count = Counter(name for name, _, _ in brief(log))
    assert count["futex"] == 10
    assert count["clone3"] == 5
    assert count["write"] == 5
    assert [result for name, result, _ in brief(log) if name == "write"] == [16, 21, 34, 1, 32]
    assert ("openat", 4, None) in brief(log)
    cut = [call for call in log.calls if call.name in ("clone3", "rt_sigaction")]
    assert all(call.outcome == "no result" for call in cut)
    assert any("output of the program" in each.what for each in log.lost)


def test_ffmpeg_starts_on_starry() -> None:
    names = [name for name, _, _ in brief(seed("ffmpeg-start.starry"))]
    assert names == [
        *(
            "clock_gettime",
            "getrusage",
            "clock_gettime",
            "openat",
            "read",
            "close",
            "write",
            "write",
            "write",
        ),
        *("write", "write", "clock_gettime", "clock_gettime", "pselect6", "read"),
    ]
    assert brief(seed("ffmpeg-start.starry"))[-2] == ("pselect6", 1, None)


def test_connect_554_on_linux() -> None:
    log = seed("connect554.strace")
    assert not log.lost
    assert [name for name, _, _ in brief(log)][:9] == [
        *("socket", "fcntl", "fcntl", "connect", "poll", "getsockopt", "getpeername", "poll", "sendto"),
    ]
    assert brief(log)[3] == ("connect", -1, "EINPROGRESS")
    assert len(brief(log)) == 18


def test_connect_554_on_starry() -> None:
    log = seed("connect554.starry")
    calls = [call for call in log.calls if call.name not in ("clock_gettime", "write")]
    assert [(call.name, call.result, call.errno) for call in calls][:7] == [
        ("socket", 5, None),
        ("fcntl", 524288, None),
        ("fcntl", 0, None),
        ("connect", -1, "EINPROGRESS"),
        ("poll", 1, None),
        ("getsockopt", 0, None),
        ("getpeername", -1, "ENOTCONN"),
    ]
    assert endpoint_of(calls[3].args[1]) == (2, "127.0.0.1", 554, 0, 0)
    assert [call.name for call in calls[7:]] == ["poll"] * 10


@pytest.mark.parametrize("name", ["001-06-", "001-11-"])
def test_netlink_panics(name: str) -> None:
    (call,) = seed(name).calls
    assert (call.name, call.args[0], call.outcome) == ("socket", ("AF_NETLINK", 16), "panicked")
    assert "Address Family not supported: 16" in call.notes[0]
    assert len(panics(seed(name))) == 1


def test_readlink_and_a_page_fault() -> None:
    log = seed("readlink-panic")
    assert brief(log) == [("readlink", 0, None)] * 2
    assert "Kernel #PF" in panics(log)[0]


def test_raw_sockets_panic() -> None:
    (call,) = seed("sock-raw").calls
    assert (call.name, call.args[1], call.outcome) == ("socket", ("SOCK_RAW", 3), "panicked")


def test_sendmmsg_is_unknown() -> None:
    (call,) = seed("sendmmsg").calls
    assert (call.name, call.outcome, call.task) == ("sendmmsg", "panicked", 18)
    assert "unknown syscall id: 307" in call.notes[0]


def test_a_client_that_works_logs_no_calls() -> None:
    log = seed("client-works")
    assert not list(log.calls)
    assert [event.text for event in log.events][:2] == ["file.F_DUPFD_CLOEXEC"] * 2


def test_sendmsg_is_cut() -> None:
    (call,) = seed("sendmsg-cut").calls
    assert (call.name, call.outcome, call.args[0]) == ("sendmsg", "unfinished", 13)
    assert call.args[2] == ("MSG_DONTWAIT|MSG_NOSIGNAL", 16448)
    assert call.args[1].get("msg_iov").items[0].get("iov_len") == 279


def test_rtsp_replies_one_byte_at_a_time() -> None:
    log = seed("rtsp-replies")
    received = b"".join(call.args[1].data for call in log.calls if call.name == "recvfrom")
    assert received == b"CbdC\r\n\r\n"
    assert [result for name, result, _ in brief(log) if name == "write"] == [56, 12, 22, 4, None]


def test_urandom() -> None:
    log = seed("urandom")
    assert brief(log) == [
        ("recvfrom", 1, None),
        ("openat", 5, None),
        ("fcntl", 0, None),
        ("read", 4, None),
        ("close", 0, None),
    ]
    assert list(log.calls)[3].args[1].data == b"k\xb5\xd5t"


def test_sendmsg_typed_off_a_screen() -> None:
    log = seed("sendmsg-typed-off")
    assert brief(log) == [("sendmsg", size, None) for size in (4, 32, 4, 112, 197)]
    first, second = list(log.calls)[:2]
    assert first.args[1].get("msg_iov").items[0].get("iov_base").data == bytes([36, 1, 0, 32])
    assert second.args[1].get("msg_iov").items[0].get("iov_base").data[:4] == bytes([129, 201, 0, 7])
    assert "sent to 10.3.10.62:5555" in first.notes


def test_sendmsg_between_lines_of_the_server() -> None:
    log = seed("sendmsg-mixed")
    assert brief(log) == [("sendmsg", size, None) for size in (4, 32, 4, 112, 4, 32, 4, 112, 197)]
    assert {call.args[0] for call in log.calls} == {12}
    assert "link.rs:78:53" in panics(log)[0]


def test_an_unwrap_panics() -> None:
    log = seed("unwrap-panic")
    assert panics(log) == ["called Result::unwrap() on an Err value: NotFound"]


def test_mount() -> None:
    (call,) = seed("mount").calls
    assert call.name == "mount"
    assert len(call.args) == 5


@pytest.mark.parametrize("name", WITHOUT_CALLS)
def test_logs_of_programs_are_refused_with_a_sentence(name: str) -> None:
    (path,) = [each for each in SEEDS if name in each.name]
    with pytest.raises(RecordError, match=r"no line looks like a log of strace, arceos, zcore, asterinas"):
        read_text(path)


def test_every_excerpt_has_a_test() -> None:
    """Whatever lies in the folder is imported or refused; nothing lost is without line and column."""
    for path in SEEDS:
        if any(name in path.name for name in WITHOUT_CALLS):
            continue
        log = read_text(path)
        assert log.records
        assert all(lost.source.line and lost.source.column for lost in log.lost), path.name
        assert all(isinstance(record, Event) or record.source.line for record in log.records)
