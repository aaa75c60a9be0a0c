"""replay: real system calls do what the log says; what differs is found, named and shrunk."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from record_support import DATA, SHARED, seed, strace

from ptrace_net.record.commands import replay as command
from ptrace_net.record.errors import RecordError
from ptrace_net.record.flows import Tracker
from ptrace_net.record.load import load
from ptrace_net.record.model import Call, Log
from ptrace_net.record.render import call_text
from ptrace_net.record.replay.lower import lower
from ptrace_net.record.replay.minimize import minimize
from ptrace_net.record.replay.order import ordered
from ptrace_net.record.replay.plan import Selection, make_plan
from ptrace_net.record.replay.pool import Pool
from ptrace_net.record.replay.run import ReplayReport, replay
from ptrace_net.record.replay.text import render

LOGS = [
    "mediaserver-start.strace",
    "ffmpeg-push-start.strace",
    *(f"sequences/{name}.strace" for name in ("udp", "tcp", "errors", "server", "several", "several-peers")),
    *(f"forms/{name}.strace" for name in ("f", "f-ttt-T", "f-Xraw", "f-yy", "stderr")),
    "forms/split",
    "seeds/001-00-udp9000.strace.txt",
]


def run(log: Log, selection: Selection | None = None) -> ReplayReport:
    return replay(make_plan(log, selection))


def assert_as_recorded(report: ReplayReport) -> None:
    """No divergence, the world played in full, and a known reason for every call not made."""
    assert [call_text(each.actual) for each in report.divergences if each.actual] == []
    assert report.world_failures == []
    reasons = ("it did not return in the log", "was opened before the log begins")
    assert [why for why in report.not_made() if not why.endswith(reasons)] == []


@pytest.mark.parametrize("name", LOGS)
def test_a_log_of_linux_replays_on_linux(name: str) -> None:
    report = run(load(str(DATA / name)))
    assert_as_recorded(report)
    assert report.made > 10


@pytest.mark.parametrize(("name", "calls"), [("mediaserver.strace", 980), ("ffmpeg-push.strace", 3540)])
def test_the_shared_traces_replay_whole(name: str, calls: int) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"1 of 2 shared traces is not here: {name}")
    report = run(load(str(SHARED / name)))
    assert_as_recorded(report)
    assert report.made == calls
    assert not report.not_made()


def test_what_starry_does_differently_is_found_on_linux() -> None:
    """The kernel's log replayed natively: getpeername after the successful poll succeeds here."""
    report = run(seed("connect554.starry"))
    (divergence,) = report.divergences
    assert divergence.step.call.name == "getpeername"
    assert divergence.actual is not None
    assert (divergence.step.call.errno, divergence.actual.errno) == ("ENOTCONN", None)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("setsockopt(3, SOL_IPV6, IPV6_V6ONLY, [0], 4) = -1 ENOPROTOOPT (x)", "errno"),
        ("setsockopt(3, SOL_IPV6, 9999, [1], 4) = 0", "errno"),
        ("setsockopt(3, SOL_IPV6, 9999, [1], 4) = -1 EINVAL (x)", "errno"),
        ("getsockopt(3, SOL_SOCKET, SO_TYPE, [2], [4]) = 0", "output"),
        ('getsockname(3, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, [128 => 16])'
         " = 0", "output"),
        ("fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)", "result"),
        ("poll([{fd=3, events=POLLIN}], 1, 0) = 0 (Timeout)", "result"),
    ],
)  # fmt: skip
def test_a_divergence_is_found(line: str, kind: str) -> None:
    report = run(strace("socket(AF_INET6, SOCK_STREAM, 0) = 3", line, "close(3) = 0"))
    (divergence,) = report.divergences
    assert kind in {each.kind for each in divergence.differences}
    assert not divergence.cause


BOUND = 'bind(3, {sa_family=AF_INET, sin_port=htons(24300), sin_addr=inet_addr("127.0.0.1")}, 16) = 0'
SHOWN = 'getsockname(3, {sa_family=AF_INET, sin_port=htons(%d), sin_addr=inet_addr("127.0.0.1")}, [16]) = 0'


@pytest.mark.parametrize(
    ("bind", "shown", "divergences"),
    [
        (BOUND, 24300, 0),
        (BOUND, 24301, 1),  # the program chose the port: it must come back
        (BOUND.replace("24300", "0"), 40000, 0),  # the kernel chose it, and chooses another
    ],
)
def test_only_ports_of_the_kernel_s_choice_may_differ(bind: str, shown: int, divergences: int) -> None:
    report = run(strace("socket(AF_INET, SOCK_DGRAM, 0) = 3", bind, SHOWN % shown))
    assert len(report.divergences) == divergences


def test_the_sender_in_a_message_header_is_compared() -> None:
    name = '{sa_family=AF_INET, sin_port=htons(%d), sin_addr=inet_addr("127.0.0.1")}'
    message = '{msg_name=%s, msg_namelen=16, msg_iov=[{iov_base="x", iov_len=%d}], msg_iovlen=1}'
    lines = [
        "socket(AF_INET, SOCK_DGRAM, 0) = 3",
        BOUND,
        f"sendmsg(3, {message % (name % 24300, 1)}, 0) = 1",
        f"recvmsg(3, {message % (name % 24300, 9)}, 0) = 1",
    ]
    assert not run(strace(*lines)).divergences
    lines[3] = lines[3].replace("24300", "24299")
    assert [each.step.call.name for each in run(strace(*lines)).divergences] == ["recvmsg"]


def test_received_bytes_are_compared_as_far_as_the_log_shows_them() -> None:
    lines = [
        "socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0",
        'write(3, "abcdef", 6) = 6',
        'read(4, "abX"..., 6) = 6',
    ]
    (divergence,) = run(strace(*lines)).divergences
    assert [each.kind for each in divergence.differences] == ["output"]
    lines[2] = 'read(4, "abc"..., 6) = 6'
    assert not run(strace(*lines)).divergences


def test_a_blocking_call_does_not_hang_the_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptrace_net.record.replay.run.CALL_LIMIT", 0.3)
    log = strace("socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0", 'read(4, "x", 6) = 1')
    (divergence,) = run(log).divergences
    assert divergence.actual is not None
    assert divergence.actual.outcome == "unfinished"


def test_descriptors_that_the_log_does_not_have_are_closed_again() -> None:
    """A call that succeeds where the log has a failure leaves nothing open: the next number is the same."""
    log = strace(
        "socket(AF_INET, SOCK_STREAM, 0) = -1 EAFNOSUPPORT (x)",
        "socket(AF_INET, SOCK_STREAM, 0) = 3",
        "close(3) = 0",
    )
    report = run(log)
    assert [each.diverges for each in report.outcomes] == [True, False, False]


def test_what_cannot_be_made_is_skipped_with_a_reason() -> None:
    report = run(
        strace(
            "getsockname(9, 0x7ffe00000000, [128]) = -1 ENOTCONN (x)",
            "socket(AF_INET, SOCK_STREAM, 0) = 3",
            "bind(3, 0x7ffe00000000, 16) = 0",
            'setsockopt(3, SOL_IP, IP_X, {a=1, b="xyz", c=3}, 17) = 0',
            "ioctl(3, SIOCGIFCONF, 0x7ffe00000000) = 0",
            "accept(3, NULL, NULL) = -1 EINTR (Interrupted system call)",
            "accept(3,  <unfinished ...>",
        )
    )
    assert set(report.not_made()) == {
        "descriptor 9 was opened before the log begins",
        "addr is not in the log",
        "argument 3 of setsockopt is not in the log",
        "ioctl SIOCGIFCONF is not replayed",
        "a signal interrupted it, and signals are not replayed",
        "it did not return in the log",
    }


def test_processes_have_descriptors_of_their_own() -> None:
    """A child closes what it inherited; the parent still has it."""
    report = run(
        strace(
            "1 socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0",
            "1 fork() = 2",
            "2 close(3) = 0",
            "2 close(3) = -1 EBADF (Bad file descriptor)",
            '1 write(3, "x", 1) = 1',
            '2 read(4, "x", 1) = 1',
            "2 +++ exited with 0 +++",
            "1 close(4) = 0",
            '1 write(3, "x", 1) = -1 EPIPE (Broken pipe)',
        )
    )
    assert_as_recorded(report)
    assert report.made == 6
    assert report.plan.irrelevant == 2  # the fork itself, and the close of what is closed


def test_the_number_of_a_worker_may_come_again() -> None:
    """What had the number before goes, ended or not."""
    with Pool([], True, 0) as pool:
        for _ in range(2):
            pool.fork(0, 1)
        pool.end(1)
        pool.fork(0, 1)
        nothing = lower(Call(0, "close", (99,)), lambda number: number)
        assert pool.call(1, nothing.number, nothing.arguments, 1.0).errno == errno.EBADF


def test_threads_share_descriptors() -> None:
    report = run(
        strace(
            "1 socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0",
            "1 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, stack=0x7f0000000000}, 88) = 2",
            "2 dup(3) = 5",
            "1 shutdown(5, SHUT_WR) = 0",
            '2 read(4, "", 9) = 0',
        )
    )
    assert_as_recorded(report)
    assert report.made == 4


def test_passed_descriptors_are_followed() -> None:
    log = load(str(DATA / "forms" / "f.strace"))
    traced = list(Tracker(log.records).run())
    calls = [(each, each.record) for each in traced if isinstance(each.record, Call)]
    received = next(each for each, call in calls if call.name == "recvmsg" and "SCM_RIGHTS" in str(call.args))
    listener = next(each for each, call in calls if call.name == "listen")
    assert received.made[0][1] is next(iter(listener.used.values()))


def test_what_gives_is_made_when_it_began_and_what_takes_when_it_ended() -> None:
    log = strace(
        "1 accept(3,  <unfinished ...>",
        "2 connect(4,  <unfinished ...>",
        "1 <... accept resumed>NULL, NULL) = 5",
        '2 <... connect resumed>{sa_family=AF_UNIX, sun_path="/x"}, 110) = 0',
    )
    assert [log.records[place].name for place in ordered(log.records)] == ["connect", "accept"]
    nothing = strace(
        "1 accept(3,  <unfinished ...>", "2 close(9) = 0", "1 <... accept resumed>) = -1 EAGAIN (x)"
    )
    assert [nothing.records[place].name for place in ordered(nothing.records)] == ["accept", "close"]
    timed = [Call(1, "accept", started=1.0, duration=2.0), Call(2, "connect", started=2.0, duration=2.0)]
    assert ordered(timed) == [1, 0]


def test_which_of_two_waiting_threads_is_told_is_chance() -> None:
    """Both wait on one edge-triggered set; the log's second got the event, the replay's first does."""
    log = strace(
        "1 epoll_create1(0) = 3",
        "1 socketpair(AF_UNIX, SOCK_STREAM, 0, [4, 5]) = 0",
        "1 epoll_ctl(3, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, data={u32=4, u64=4}}) = 0",
        "1 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, stack=0x7f0000000000}, 88) = 2",
        '1 write(5, "x", 1) = 1',
        "2 epoll_wait(3,  <unfinished ...>",
        "1 epoll_wait(3, [], 9, 0) = 0",
        "2 <... epoll_wait resumed>[{events=EPOLLIN, data={u32=4, u64=4}}], 9, 0) = 1",
    )
    report = run(log)
    assert len(report.divergences) == 2
    assert all("chance" in each.cause for each in report.divergences)


def test_a_go_program_that_talks_to_itself_replays_but_for_chance() -> None:
    """Threads on one edge-triggered set, both ends inside: no divergence without a cause."""
    report = run(load(str(DATA / "sequences" / "go-http.strace")))
    assert [call_text(each.step.call) for each in report.divergences if not each.cause] == []
    assert report.made > 90


def test_tasks_of_an_unknown_origin_are_taken_for_threads() -> None:
    report = run(strace("1 socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0", '2 write(3, "x", 1) = 1'))
    assert_as_recorded(report)
    assert report.made == 2
    assert "they were taken for threads" in "\n".join(render(report))


def test_a_wait_that_reports_what_is_not_replayed_is_skipped() -> None:
    report = run(
        strace(
            'openat(AT_FDCWD, "/proc/self/mounts", O_RDONLY) = 3',
            "epoll_create1(0) = 4",
            "epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN, data={u32=3, u64=3}}) = 0",
            "epoll_wait(4, [{events=EPOLLIN, data={u32=3, u64=3}}], 9, 0) = 1",
        )
    )
    assert set(report.not_made()) == {
        "descriptor 3 is a file",
        "it reports a descriptor that is not replayed",
    }


def test_a_selection_makes_what_comes_before_without_comparing_it() -> None:
    log = load(str(DATA / "mediaserver-start.strace"))
    selection = command.select(log, 400, 420, [15092])
    report = run(log, selection)
    assert_as_recorded(report)
    lines = [each.step.call.source.line for each in report.outcomes]
    assert min(lines) >= 400
    assert max(lines) <= 420
    assert {each.step.call.task for each in report.outcomes} == {15092}
    with pytest.raises(RecordError, match="no call between the lines"):
        command.select(log, 99_999, None, [])


def broken(name: str, find: str, errno: str) -> Log:
    """A log of which one call is said to have failed."""
    log = load(str(DATA / name))
    place = next(place for place, record in enumerate(log.records) if isinstance(record, Call)
                 and find in call_text(record))  # fmt: skip
    record = log.records[place]
    assert isinstance(record, Call)
    log.records[place] = replace(record, result=-1, errno=errno)
    return log


def test_minimize_leaves_the_calls_that_matter() -> None:
    log = broken("sequences/server.strace", "setsockopt(3, SOL_SOCKET, SO_REUSEADDR", "ENOPROTOOPT")
    minimal = minimize(log)
    kept = [log.records[place] for place in minimal.kept]
    assert [call.name for call in kept if isinstance(call, Call)] == ["socket", "setsockopt"]
    assert len(minimal.report.divergences) == 1
    with pytest.raises(RecordError, match="does not diverge"):
        minimize(strace("socket(AF_INET, SOCK_STREAM, 0) = 3", "close(3) = 0"))


def test_the_command_tells_by_its_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = str(DATA / "sequences" / "errors.strace")
    assert command.main([good]) == 0
    assert "22 calls made, 22 as recorded, 0 diverge" in capsys.readouterr().out
    bad = tmp_path / "bad.strace"
    bad.write_text(Path(good).read_text().replace("ECONNREFUSED", "ENETUNREACH"))
    assert command.main([str(bad)]) == 0
    assert "cannot be played on loopback" in capsys.readouterr().out
    bad.write_text(
        Path(good).read_text().replace("listen(3, 2)                      = 0", "listen(3, 2) = -1 EIO (x)")
    )
    assert command.main([str(bad)]) == 1
    assert "first divergence:\n  recorded  listen(3, 2) = -1 EIO (x)" in capsys.readouterr().out
    assert command.main([str(bad), "--minimize"]) == 1
    assert "2 calls are left" in capsys.readouterr().out
    assert command.main([str(bad), "--minimize", "--export", "strace"]) == 1
    assert "listen(3, 2)" in capsys.readouterr().out
    assert command.main([str(tmp_path / "none")]) == 125
    assert command.main([good, "--prefix", "/nonexistent/program"]) == 125
    assert command.main([good, "--on", "nothing"]) == 125
    assert capsys.readouterr().err.splitlines()[-1].startswith("ptrace-net: --on: policy nothing: ")


def test_a_prefix_command_runs_the_workers() -> None:
    """The way to other providers: whatever runs a command can run the workers."""
    report = replay(
        make_plan(load(str(DATA / "sequences" / "errors.strace"))), ["env", "X=1"], isolated=False
    )
    assert_as_recorded(report)
    assert report.alone == "not asked for"


def test_a_long_replay_shows_progress_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = str(DATA / "ffmpeg-push-start.strace")
    assert command.main([log]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert command.main([log]) == 0
    shown = capsys.readouterr().err
    assert "ptrace-net: " in shown
    assert " calls\x1b[K" in shown
    assert shown.endswith("\r\x1b[K")
