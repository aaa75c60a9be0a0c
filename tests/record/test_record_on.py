"""replay --on: the same calls under other providers and under profiles of kernels."""

from pathlib import Path

import pytest
from record_support import DATA, SHARED

from ptrace_net.record.commands import replay as command

MEDIASERVER, FFMPEG = "mediaserver-start.strace", "ffmpeg-push-start.strace"


def replay_on(where: str, path: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The status and the report of a replay."""
    status = command.main([str(path), "--on", where])
    return status, capfd.readouterr().out.splitlines()


@pytest.mark.parametrize("where", ["host", "stack"])
@pytest.mark.parametrize(("name", "calls"), [(MEDIASERVER, 305), (FFMPEG, 478), ("sequences/udp.strace", 14)])
def test_a_log_of_linux_replays_on_a_provider(
    where: str, name: str, calls: int, capfd: pytest.CaptureFixture[str]
) -> None:
    status, report = replay_on(where, DATA / name, capfd)
    assert report[0] == f"{calls} calls made, {calls} as recorded, 0 diverge"
    assert status == 0


@pytest.mark.slow
@pytest.mark.parametrize("where", ["native", "host", "stack"])
@pytest.mark.parametrize(("name", "calls"), [("mediaserver.strace", 980), ("ffmpeg-push.strace", 3540)])
def test_the_shared_traces_replay_with_every_divergence_explained(
    where: str, name: str, calls: int, capfd: pytest.CaptureFixture[str]
) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"1 of 2 shared traces is not here: {name}")
    status, report = replay_on(where, SHARED / name, capfd)
    assert report[0].startswith(f"{calls} calls made, ")
    assert status == 0


@pytest.mark.parametrize("profile", ["linux-no-ipv6", "starry"])
def test_a_profile_without_inet6_stops_at_the_socket_call(
    profile: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, report = replay_on(profile, DATA / MEDIASERVER, capfd)
    assert status == 1
    place = report.index("first divergence:")
    assert report[place + 1].startswith("  recorded  socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 11  [")
    assert report[place + 2] == "  replayed  socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = -1 EAFNOSUPPORT"
    assert report[place + 3].endswith("11 | -1 EAFNOSUPPORT (97)")
    assert any("not made: descriptor 11 was never made in this replay" in line for line in report)


def test_a_kernel_that_panics_ends_the_replay_at_the_call(capfd: pytest.CaptureFixture[str]) -> None:
    status, report = replay_on("starry-ipv6", DATA / MEDIASERVER, capfd)
    assert status == 1
    assert "1 diverge" in report[0]
    place = report.index("first divergence:")
    assert report[place + 1].startswith("  recorded  sendmsg(20, {")
    assert report[place + 2].endswith("= ? (the kernel panicked)")
    assert report[place + 4].endswith(" not made: the kernel of the policy panicked before")


def test_workers_use_no_socket_of_their_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A policy without any family is felt by the log's calls only."""
    policy = tmp_path / "nothing.toml"
    rules = {"socket": "EAFNOSUPPORT", "socketpair": "EAFNOSUPPORT", "recvmsg": "ENOSYS"}
    policy.write_text("[calls]\n" + "".join(f'{call} = "errno {name}"\n' for call, name in rules.items()))
    log = tmp_path / "pair.strace"
    log.write_text("socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = -1 EAFNOSUPPORT (x)\n"
                   "socket(AF_UNIX, SOCK_STREAM, 0) = -1 EAFNOSUPPORT (x)\n")  # fmt: skip
    status, report = replay_on(str(policy), log, capfd)
    assert (status, report) == (0, ["2 calls made, 2 as recorded, 0 diverge"])


def test_differences_of_the_stack_have_their_cause(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, report = replay_on("stack", DATA / "sequences" / "server.strace", capfd)
    assert status == 0
    assert "2 diverge" in report[0]
    assert "  cause: on the stack HUP is told as soon as the peer has closed" in report
