"""strace's text: values, results, interrupted lines, and every form that strace itself writes."""

from collections import Counter

import pytest
from record_support import DATA, SHARED, brief, one, strace, texts, without_places

from ptrace_net.record.export.strace import lines
from ptrace_net.record.importers import read_lines
from ptrace_net.record.load import load
from ptrace_net.record.model import Array, Change, Data, Pointer, Struct, Symbol, Unknown
from ptrace_net.record.names import constant

FORMS = [*sorted(path.name for path in (DATA / "forms").glob("*.strace")), "split", "plain"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1", -1),
        ("0", 0),
        ("010", 8),
        ("0x7fffdeadbeef", Pointer(0x7FFFDEADBEEF)),
        ("NULL", Pointer(0)),
        ('"a\\n\\0011\\377\\x41"', Data(b"a\n\x011\xffA", 6)),
        ('"cut"...', Data(b"cut", None)),
        ("O_RDWR|O_NONBLOCK", Symbol("O_RDWR|O_NONBLOCK", 0o4002)),
        ("O_RDWR|0x10000000", Symbol("O_RDWR|0x10000000", 0x10000002)),
        ("0x1 /* SOL_SOCKET */", Symbol("SOL_SOCKET", 1)),
        ("0x270f /* IPV6_??? */", 0x270F),
        ("1<<3", Symbol("1<<3", 8)),
        ("[1, 2]", Array((1, 2))),
        ("[1, ...]", Array((1,), abbreviated=True)),
        ("[128 => 28]", Array((Change(128, 28),))),
        ("[128->28]", Array((Change(128, 28),))),
        ("[128 ⇒ 28]", Array((Change(128, 28),))),
        ("{a=1, b={c=2}, ...}", Struct((("a", 1), ("b", Struct((("c", 2),)))), abbreviated=True)),
        ("[{fd=3, events=POLLIN}]", Array((Struct((("fd", 3), ("events", Symbol("POLLIN", 1)))),))),
        ("[fd=3, events=POLLIN]", Array((Struct((("fd", 3), ("events", Symbol("POLLIN", 1)))),))),
        ("~[RTMIN RT_1]", Symbol("~[RTMIN RT_1]", None)),
        ("htons(80)", 80),
        ('inet_addr("1.2.3.4")', Data(b"1.2.3.4", 7)),
        ("?", Unknown("?", "the log has a question mark")),
        ("3<TCPv6:[[::1]:1->[::1]:2]>", 3),
        ("5</dev/null>", 5),
        ("@x@", Unknown("@x@", "could not be read")),
    ],
)
def test_values(text: str, value: object) -> None:
    assert one(f"unknown_call({text}) = 0").args == (value,)


@pytest.mark.parametrize(
    ("tail", "result", "errno", "detail"),
    [
        ("= 3", 3, None, ""),
        ("= 3<socket:[1]>", 3, None, ""),
        ("= -1 ENOENT (No such file or directory)", -1, "ENOENT", "No such file or directory"),
        ("= -1 EAFNOSUPPORT (不支持的地址族)", -1, "EAFNOSUPPORT", "不支持的地址族"),
        ("= -1 (errno 524)", -1, "errno 524", ""),
        ("= ?", None, None, ""),
        ("= ? ERESTARTSYS (To be restarted if SA_RESTART is set)", None, "ERESTARTSYS",
         "To be restarted if SA_RESTART is set"),
        ("= 0x2 (flags O_RDWR)", 2, None, "flags O_RDWR"),
        ("= 0 (Timeout) <0.000012>", 0, None, "Timeout"),
        ("      = 7 <0.5>", 7, None, ""),
        ("= 1 (INJECTED)", 1, None, "INJECTED"),
    ],
)  # fmt: skip
def test_results(tail: str, result: int | None, errno: str | None, detail: str) -> None:
    call = one(f"dup(3) {tail}")
    assert (call.result, call.errno, call.detail) == (result, errno, detail)


def test_times_and_durations() -> None:
    log = strace(
        "5 23:59:59.900000 close(3) = 0 <0.000100>",
        "5 00:00:00.100000 close(4) = 0",
    )
    first, second = log.calls
    assert (first.started, first.duration) == (86399.9, 0.0001)
    assert second.started == pytest.approx(86400.1)
    relative = strace(
        "5      0.5 close(3) = 0", "5      0.000000 close(3) = 0", "5      0.250000 close(4) = 0"
    )
    assert [call.started for call in relative.calls][1:] == [0.0, 0.25]
    assert next(strace("5 1700000000.250000 close(3) = 0").calls).started == 1700000000.25


def test_interrupted_calls_are_joined_in_the_order_of_completion() -> None:
    log = strace(
        "1 accept(3,  <unfinished ...>",
        '2 connect(4, {sa_family=AF_UNIX, sun_path="/x"}, 110) = 0',
        "1 <... accept resumed>NULL, NULL) = 5",
        "2 recvfrom(4, <unfinished ...>",
        '2 <... recvfrom resumed>"x", 1, 0, NULL, NULL) = 1',
    )
    assert [call.name for call in log.calls] == ["connect", "accept", "recvfrom"]
    accept = list(log.calls)[1]
    assert (accept.source.line, accept.ended, accept.args) == (1, 3, (3, Pointer(0), Pointer(0)))


def test_what_never_returned_has_no_result() -> None:
    log = strace(
        "1 accept(3,  <unfinished ...>", "1 +++ killed by SIGKILL +++", "2 read(0, ", "2 close(0) = 0"
    )
    accept, read, close = log.calls
    assert (accept.outcome, accept.result) == ("unfinished", None)
    assert (read.outcome, read.lost) == ("no result", ("the line is cut before the result",))
    assert close.result == 0
    assert str(log.lost[0]) == "test.strace:3:8: the line is cut before the result"


def test_output_of_the_program_inside_lines() -> None:
    log = strace('write(2, "mp42", 4mp42) = 4', 'write(2, "\\n", 1', ") = 1", 'write(2, "a(b)", 4)a(b)) = 4')
    assert brief(log) == [("write", 4, None), ("write", 1, None), ("write", 4, None)]
    assert [call.args[2] for call in log.calls] == [4, 1, 4]
    assert [lost.what for lost in log.lost] == ["output of the program stands inside the line"] * 2


def test_a_resumed_call_without_its_beginning() -> None:
    log = strace("7 <... recvfrom resumed>NULL, NULL) = 5", "7 close(3) = 0")
    assert brief(log) == [("recvfrom", 5, None), ("close", 0, None)]
    assert "its beginning is not in the log" in log.lost[0].what


def test_signals_and_exits_are_events() -> None:
    log = strace(
        "9 --- SIGINT {si_signo=SIGINT} ---", "9 +++ exited with 3 +++", "9 +++ killed by SIGKILL +++"
    )
    assert [(event.kind, event.text, event.value) for event in log.events] == [
        ("signal", "SIGINT {si_signo=SIGINT}", None),
        ("exit", "exited with 3", 3),
        ("killed", "killed by SIGKILL", None),
    ]


def test_nested_brackets_do_not_exhaust_the_stack() -> None:
    call = one("ioctl(3, " + "[" * 5000 + ") = 0")
    assert (call.name, call.result) == ("ioctl", 0)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str) -> None:
    """One program, traced with every option that changes the text: the same calls with the same results."""
    log = load(str(DATA / "forms" / form))
    reference = load(str(DATA / "forms" / "f.strace"))
    forks = ("clone", "clone3")  # they return process numbers
    found, wanted = (
        Counter((call.name, 0 if call.name in forks else call.result, call.errno) for call in each.calls)
        for each in (log, reference)
    )
    assert found == wanted
    assert [lost for lost in log.lost if "no times" not in lost.what] == []
    assert len({call.task for call in log.calls}) == 3


@pytest.mark.parametrize("form", ["f-Xraw.strace", "f-Xverbose.strace", "f-xx.strace", "f-yy.strace"])
def test_raw_and_verbose_forms_have_the_same_arguments(form: str) -> None:
    def shape(name: str) -> list[str]:
        steady = ("socket", "setsockopt", "bind", "getsockname", "epoll_create1", "connect")
        calls = [call for call in load(str(DATA / "forms" / name)).calls if call.name in steady]
        return sorted(str([call.name, *(_comparable(value) for value in call.args[1:])]) for call in calls)

    assert shape(form) == shape("f.strace")


def _comparable(value: object) -> str:
    """A value without what differs from run to run: addresses in memory and ports of the kernel's choice."""
    match value:
        case Struct(fields, _):
            return str([(name, _comparable(inner)) for name, inner in fields if not name.endswith("port")])
        case Array(items, _):
            return str([_comparable(item) for item in items])
        case Change(before, after):
            return f"{_comparable(before)}{_comparable(after)}"
        case Symbol(number=number):
            return str(number)
        case Pointer(address):
            return "pointer" if address else "NULL"
        case int():
            return str(value) if value < 1 << 24 else "large"
        case _:
            return str(value)


@pytest.mark.parametrize("name", ["mediaserver-start.strace", "ffmpeg-push-start.strace"])
def test_what_was_read_can_be_written_and_read_again(name: str) -> None:
    log = load(str(DATA / name))
    again = read_lines(name, list(lines(log.records)), "strace")
    assert without_places(again) == without_places(log)


@pytest.mark.parametrize(("name", "calls"), [("mediaserver.strace", 1024), ("ffmpeg-push.strace", 3779)])
def test_the_shared_traces_lose_nothing(name: str, calls: int) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"1 of 2 shared traces is not here: {name}")
    log = load(str(SHARED / name))
    assert not log.lost
    assert len(texts(log)) == calls


def test_constants_are_the_abi_s() -> None:
    assert [constant(name) for name in ("AF_INET6", "IPV6_V6ONLY", "EPOLLET", "EPOLL_CLOEXEC")] == [
        10,
        26,
        1 << 31,
        0o2000000,
    ]
