"""diff: what the author of the notes found by eye is found; renaming is not a difference."""

import re
from pathlib import Path

import pytest
from record_support import DATA, seed, strace

from ptrace_net.record.commands import diff as command
from ptrace_net.record.diff.align import align
from ptrace_net.record.diff.compare import Difference
from ptrace_net.record.diff.report import DiffReport, diff
from ptrace_net.record.diff.text import render
from ptrace_net.record.importers import read_lines
from ptrace_net.record.load import load

LINUX, STARRY = DATA / "seeds-linux.strace", DATA / "seeds-starry.log"


def all_differences(report: DiffReport) -> list[tuple[str, Difference]]:
    found = []
    for pair in report.pairs:
        step = pair.left or pair.right
        assert step is not None
        found += [(step.call.name, each) for each in pair.differences]
    return found


def test_udp_9000_names_the_unsupported_options() -> None:
    """Options 15 and 13 of the socket level and option 26 of level 41, in this order, and nothing else."""
    report = diff(seed("udp9000.strace"), seed("udp9000.starry"))
    found = all_differences(report)
    assert [(name, each.kind, each.right) for name, each in found] == [
        ("setsockopt", "unsupported", "[setsockopt()] option 15 not supported in Socket level"),
        ("setsockopt", "unsupported", "[setsockopt()] option 13 not supported in Socket level"),
        ("setsockopt", "unsupported", "[setsockopt()] option 26 not supported in ipv6 level"),
    ]
    first = report.pairs[report.first or 0]
    assert first.left is not None
    assert first.left.call.args[2] == ("SO_REUSEPORT", 15)
    text = "\n".join(render(report))
    assert "first divergence that matters" in text
    assert "> left   setsockopt(24, SOL_SOCKET, SO_REUSEPORT, [1], 4) = 0" in text
    assert "> right  setsockopt(19, SOL_SOCKET, SO_REUSEPORT" in text


def test_getpeername_fails_after_a_poll_that_succeeded() -> None:
    report = diff(seed("connect554.strace"), seed("connect554.starry"))
    place = next(
        place
        for place, pair in enumerate(report.pairs)
        if pair.left and pair.left.call.name == "getpeername" and pair.right
    )
    (difference,) = report.pairs[place].differences
    assert (difference.kind, difference.left, difference.right) == ("errno", "0", "-1 ENOTCONN (107)")
    before = [pair for pair in report.pairs[:place] if pair.left and pair.left.call.name == "poll"]
    assert [
        (pair.left.call.result, pair.right.call.result) for pair in before if pair.left and pair.right
    ] == [(1, 1)]
    assert not any(pair.matters for pair in before)


def test_the_whole_of_the_notes() -> None:
    """All excerpts of one side against all of the other: all that the author lists is there."""
    text = "\n".join(render(diff(load(str(LINUX)), load(str(STARRY))), listed=1000))
    for words in (
        "option 15 not supported in Socket level",
        "option 13 not supported in Socket level",
        "option 26 not supported in ipv6 level",
        "socket(AF_NETLINK",
        "Address Family not supported: 16",
        "unimplemented SocketType: SOCK_RAW",
        "panicked",
        "left 0 | right -1 ENOTCONN (107)",
        "unknown syscall id: 307",
        "sendmmsg()",
        "sendmsg (46) did not return",
    ):
        assert words in text, words


def test_level_41_is_told_as_in_the_notes() -> None:
    linux = strace("setsockopt(24, SOL_IPV6, IPV6_V6ONLY, [0], 4) = 0")
    (difference,) = [each for _, each in all_differences(diff(linux, seed("level-41")))]
    assert difference.kind == "panicked"
    assert difference.left == "0"
    assert difference.right.startswith("[setsockopt()] level 41 not supported; panicked")


def test_a_log_does_not_differ_from_itself() -> None:
    for name in ("mediaserver-start.strace", "ffmpeg-push-start.strace"):
        report = diff(load(str(DATA / name)), load(str(DATA / name)))
        assert report.first is None
        assert not all_differences(report)


def test_renaming_is_not_a_difference() -> None:
    """Other descriptors, tasks, ports and times; the same flow."""
    text = (DATA / "mediaserver-start.strace").read_text()
    renamed = text
    for old, new in (("15089", "7"), ("15092", "9"), ("15093", "8"), ("2410", "90"), ("52650", "41234")):
        renamed = renamed.replace(old, new)
    other = read_lines("renamed", [f"{line}" for line in renamed.splitlines()], "strace")
    report = diff(load(str(DATA / "mediaserver-start.strace")), other)
    assert report.first is None, list(render(report))


def test_runs_of_one_program_do_not_differ() -> None:
    """Two traces of one program with threads: other ports, process numbers, order of the threads' lines."""
    forms = [load(str(DATA / "forms" / name)) for name in ("f.strace", "f-tt.strace", "f-yy.strace")]
    for other in forms[1:]:
        report = diff(forms[0], other)
        assert report.first is None, list(render(report))


NODELAY = "setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0"
ERROR = "getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0"
IN = '{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("0.0.0.0")}'
IN6 = (
    "{sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), "
    'inet_pton(AF_INET6, "::", &sin6_addr), sin6_scope_id=0}'
)


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("socket(AF_INET6, SOCK_STREAM, 0) = 3", "socket(AF_INET, SOCK_STREAM, 0) = 3", "argument"),
        ("listen(3, 5) = 0", "listen(3, 5) = -1 EINVAL (x)", "errno"),
        ("listen(3, 5) = -1 EINVAL (x)", "listen(3, 5) = -1 EBADF (x)", "errno"),
        ("listen(3, 5) = 0", "listen(3, 6) = 0", "argument"),
        (NODELAY, NODELAY.replace("[1]", "[0]"), "argument"),
        (ERROR, ERROR.replace("[0]", "[111]"), "output"),
        ('recvfrom(3, "abc", 9, 0, NULL, NULL) = 3', 'recvfrom(3, "ab", 9, 0, NULL, NULL) = 2', "count"),
        ('recvfrom(3, "abc", 9, 0, NULL, NULL) = 3', "recvfrom(3,  <unfinished ...>", "unfinished"),
        (f"bind(3, {IN6}, 28) = 0", f"bind(3, {IN}, 16) = 0", "argument"),
    ],
)  # fmt: skip
def test_kinds_of_differences(left: str, right: str, kind: str) -> None:
    kinds = {each.kind for _, each in all_differences(diff(strace(left), strace(right)))}
    assert kind in kinds


def test_missing_and_extra_calls_in_the_middle() -> None:
    whole = ["socket(AF_INET, SOCK_STREAM, 0) = 3", "listen(3, 5) = 0", "shutdown(3, SHUT_RD) = 0"]
    without = [whole[0], whole[2]]
    assert [each.kind for _, each in all_differences(diff(strace(*whole), strace(*without)))] == ["missing"]
    assert [each.kind for _, each in all_differences(diff(strace(*without), strace(*whole)))] == ["extra"]


def test_a_task_that_only_one_log_has_is_one_divergence() -> None:
    lines = [
        "1 socket(AF_INET, SOCK_STREAM, 0) = 3",
        "2 socket(AF_INET, SOCK_DGRAM, 0) = 4",
        "2 listen(4, 1) = 0",
    ]
    report = diff(strace(*lines), strace("5 socket(AF_INET, SOCK_STREAM, 0) = 3", "5 close(3) = 0"))
    (difference,) = [
        each for _, each in all_differences(report) if each.what == "the other log has no such task"
    ]
    assert difference.left == "task 2 with 2 calls"


def test_alignment_finds_the_longest_agreement() -> None:
    def score(a: str, b: str) -> int:
        return 3 if a == b else 0

    assert align("abcde", "abde", score) == [(0, 0), (1, 1), (2, None), (3, 2), (4, 3)]
    assert align("", "ab", score) == [(None, 0), (None, 1)]
    assert align("xaby", "zab", score)[-3:] == [(1, 1), (2, 2), (3, None)]


def test_alignment_of_long_sequences_is_bounded() -> None:
    def score(a: int, b: int) -> int:
        return 3 if a == b else 0

    left = [number % 7 for number in range(6000)]
    right = [9, *left[:3000], 9, 9, *left[3001:], 9]
    pairs = align(left, right, score)
    assert [a for a, _ in pairs if a is not None] == list(range(len(left)))
    assert [b for _, b in pairs if b is not None] == list(range(len(right)))
    assert sum(1 for a, b in pairs if a is not None and b is not None) >= 5990


def test_the_command_writes_html_and_tells_by_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "diff.html"
    assert command.main([str(LINUX), str(STARRY), "--html", str(page)]) == 1
    html = page.read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert "option 15 not supported in Socket level" in html
    assert html.count("<table") == html.count("</table>")
    linked = re.findall(r'href="#(d\d+)"', html)
    assert len(linked) > 20
    assert all(f'id="{name}"' in html for name in linked)
    assert "first divergence" in capsys.readouterr().out
    assert command.main([str(LINUX), str(LINUX)]) == 0


def test_html_escapes_what_comes_from_a_log(tmp_path: Path) -> None:
    left, right, page = tmp_path / "a.strace", tmp_path / "b.strace", tmp_path / "x.html"
    left.write_text('sendto(3, "<script>alert(1)</script>", 25, 0, NULL, 0) = 25\n')
    right.write_text('sendto(3, "<script>alert(1)</script>", 25, 0, NULL, 0) = -1 EPIPE (<b>)\n')
    assert command.main([str(left), str(right), "--html", str(page)]) == 1
    assert "<script>" not in page.read_text()
