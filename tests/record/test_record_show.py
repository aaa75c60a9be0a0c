"""show: text, JSON lines, statistics, the time line, synthesized packets, and writing a recording."""

import json
import shutil
import struct
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from record_support import DATA, strace

from ptrace_net.record.commands import diff, replay
from ptrace_net.record.commands import show as command
from ptrace_net.record.load import load
from ptrace_net.record.render import record_text
from ptrace_net.record.show import jsonl, pcapng, statistics, timeline
from ptrace_net.record.show.packets import checksum

TRACE = str(DATA / "mediaserver-start.strace")


def test_text_reads_as_strace_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([TRACE, "--call", "bind", "--task", "15089"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    original = Path(TRACE).read_text()
    assert all(line in original for line in lines)


def test_notes_of_a_kernel_stand_in_a_comment() -> None:
    log = load(str(DATA / "seeds" / "001-14-sendmmsg-panic.txt"))
    assert "/* panicked: crates/" in record_text(next(log.calls))


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([TRACE, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    bind = next(row for row in rows if row.get("name") == "bind")
    assert bind["args"]["addr"]["sin6_port"] == 24101
    assert bind["args"]["addr"]["sa_family"] == {"name": "AF_INET6", "value": 10}
    assert {row["type"] for row in rows} == {"call", "fork", "signal", "exit", "lost"} - {"lost"}
    receive = next(row for row in rows if row.get("name") == "recvfrom" and row["result"] == 89)
    assert receive["args"]["buf"]["text"].startswith("OPTIONS rtsp")
    assert receive["args"]["buf"]["size"] == 89


def test_json_keeps_every_kind_of_value() -> None:
    log = strace(
        "ioctl(3, FIONBIO, [1 => 0]) = 0", 'x({a=NULL, b=[1, ...], ...}, "\\377", 0x7fff00000000, ?) = 0'
    )
    first, second = (json.loads(jsonl.record_json(record))["args"] for record in log.records)
    assert first["arg"] == [{"before": 1, "after": 0}]
    assert second["arg0"] == {"a": None, "b": [1], "...": True}
    assert second["arg1"] == {"hex": "ff", "size": 1}
    assert second["arg2"] == {"pointer": "0x7fff00000000"}
    assert second["arg3"]["unknown"] == "?"


def test_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row.name: row for row in statistics.collect(load(str(DATA / "forms" / "f-ttt-T.strace")).calls)}
    assert rows["recvfrom"].count == 3
    assert rows["recvfrom"].errors == {"EAGAIN": 1}
    assert len(rows["close"].times) == rows["close"].count
    assert rows["close"].quantile(0.0) == min(rows["close"].times)
    assert rows["close"].quantile(1.0) == max(rows["close"].times)
    assert command.main([str(DATA / "forms" / "f-ttt-T.strace"), "--stats"]) == 0
    out = capsys.readouterr().out
    assert "latencies:" in out
    assert "EAGAIN 1" in out


def test_the_histogram_counts_every_latency_once() -> None:
    lines = list(statistics.histogram([1e-6, 1.5e-6, 3e-6, 0.1]))
    assert sum(int(line.split("s ")[1].split()[0]) for line in lines[1:]) == 4
    assert list(statistics.histogram([])) == ["latencies: the log has no durations"]


def test_the_time_line_has_a_row_for_each_task_and_socket() -> None:
    rows = list(timeline.render(load(TRACE)))
    assert rows[0].endswith(" records (the log has no times)")
    assert sum(1 for row in rows if row.startswith("task ")) == 6
    assert sum(1 for row in rows if row.startswith(("stream", "dgram"))) == 13
    assert len({row.index("|") for row in rows[1:]}) == 1
    timed = list(timeline.render(load(str(DATA / "forms" / "f-ttt-T.strace"))))
    assert timed[0].endswith(" s")


def blocks(raw: bytes) -> list[tuple[int, bytes]]:
    """(type, body) of every pcapng block, lengths checked."""
    found, offset = [], 0
    while offset < len(raw):
        kind, size = struct.unpack_from("=II", raw, offset)
        assert size % 4 == 0
        assert struct.unpack_from("=I", raw, offset + size - 4)[0] == size
        found.append((kind, raw[offset + 8 : offset + size - 4]))
        offset += size
    return found


def packets(raw: bytes) -> list[bytes]:
    return [body[20 : 20 + struct.unpack_from("=I", body, 12)[0]] for kind, body in blocks(raw) if kind == 6]


def test_packets_are_marked_as_synthesized_and_have_right_checksums() -> None:
    raw = pcapng.render(load(TRACE))
    assert blocks(raw)[0][0] == 0x0A0D0D0A
    assert b"not captured" in blocks(raw)[0][1]
    found = packets(raw)
    flags = [packet[33] for packet in found[:3]]
    assert flags == [0x02, 0x12, 0x10]
    for packet in found:
        assert packet[0] == 0x45
        assert checksum(packet[:20]) == 0
        pseudo = packet[12:20] + struct.pack("!II", len(packet) - 20, packet[9])
        assert checksum(pseudo + packet[20:]) == 0
    payload = b"".join(packet[40:] for packet in found if packet[20:22] == struct.pack("!H", 52650))
    assert payload.startswith(b"OPTIONS rtsp://127.0.0.1:24101/l....")


def test_udp_and_ipv6_packets() -> None:
    found = packets(pcapng.render(load(str(DATA / "forms" / "f.strace"))))
    datagrams = [packet for packet in found if packet[0] == 0x45 and packet[9] == 17]
    assert [packet[28:] for packet in datagrams] == [b"onetwo", b"onetwo"]
    assert any(packet[0] >> 4 == 6 for packet in found)


TO_NOBODY = (
    "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3",
    'connect(3, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16)'
    " = -1 EINPROGRESS (Operation now in progress)",
    "getsockopt(3, SOL_SOCKET, SO_ERROR, [111], [4]) = 0",
)


@pytest.mark.parametrize("later", [True, False], ids=["later", "at once"])
def test_what_was_refused_is_answered_with_a_reset(later: bool) -> None:
    lines = TO_NOBODY if later else (TO_NOBODY[0], TO_NOBODY[1].replace("EINPROGRESS", "ECONNREFUSED"))
    found = packets(pcapng.render(strace(*lines, "close(3) = 0")))
    assert [packet[33] for packet in found] == [0x02, 0x14]


@pytest.mark.parametrize("module", [command, diff, replay])
def test_usage_errors_have_the_status_of_our_failures(module: ModuleType) -> None:
    with pytest.raises(SystemExit) as ended:
        module.main(["--nothing-of-the-kind"])
    assert ended.value.code == 125


def test_wireshark_agrees(tmp_path: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("not installed: tshark")
    path = tmp_path / "x.pcapng"
    path.write_bytes(pcapng.render(load(TRACE)))
    fields = [
        "-T",
        "fields",
        "-e",
        "frame.number",
        "-Y",
        "_ws.malformed || tcp.analysis.flags || !(tcp || udp)",
    ]
    checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    result = subprocess.run(
        ["tshark", "-r", str(path), *checks, *fields], capture_output=True, timeout=60, check=True
    )
    assert result.stdout == b""


def test_a_log_becomes_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.rec"
    assert command.main([TRACE, "--record", str(out)]) == 0
    assert load(str(out)).records == load(TRACE).records
    assert command.main([TRACE, "--record", str(out)]) == 125
    assert "exists already" in capsys.readouterr().err


def test_what_was_lost_is_counted_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(DATA / "seeds" / "001-21-rtsp-replies.strace.txt")
    assert command.main([path, "--lost"]) == 0
    out, err = capsys.readouterr()
    assert "5 things could not be recovered" in err
    assert sum(1 for line in out.splitlines() if line.startswith("lost: 001-21")) == 5
