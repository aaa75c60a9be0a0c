"""What recording costs when there is much to record: python -m bench.recording [--calls N].

One program makes N socket calls, unrecorded and recorded, and once more with a tenth of them: throughput, the
size of the file, and the supervisor's peak memory, which must not grow with the number of calls. Then the
recording is read from one end to the other, and every call must be in it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.measure import compile_programs
from ptrace_net.record.format.reader import stream
from ptrace_net.record.model import Call, Log

MADE = ("getsockname", "sendto", "recvfrom")


class Figures(NamedTuple):
    """One run: calls per second as the program saw them, bytes of file, KiB of memory at most."""

    rate: float
    size: int
    memory: int


def run(program: Path, calls: int, file: Path | None) -> Figures:
    """Run the program under ptrace-net; the memory is the supervisor's, which has more than the program."""
    record = ["--record", str(file)] if file is not None else []
    command = [sys.executable, "-m", "ptrace_net", *record, "--", str(program), str(calls)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: status {process.returncode}")
    return Figures(float(shown), file.stat().st_size if file is not None else 0, usage.ru_maxrss)


def read(file: Path) -> tuple[int, float]:
    """How many of the calls the recording has, and how many records per second are read."""
    log, found, records, begun = Log(file.name, "recording"), 0, 0, time.monotonic()
    for record in stream(file, log):
        records += 1
        found += isinstance(record, Call) and record.name in MADE
    return found, records / (time.monotonic() - begun)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench.recording", description="What recording costs.")
    options.add_argument("--calls", type=int, default=1_000_000, metavar="N")
    calls = options.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        compile_programs(Path(folder))
        program, file, small = (Path(folder, name) for name in ("exactly", "all.pnr", "some.pnr"))
        few = run(program, calls // 10, small)
        plain = run(program, calls // 10, None)
        many = run(program, calls, file)
        found, speed = read(file)
    print(f"calls recorded       {calls:>12,}")
    print(f"in the recording     {found:>12,}")
    print(f"calls/s unrecorded   {plain.rate:>12,.0f}")
    print(f"calls/s recorded     {many.rate:>12,.0f}  {many.rate / plain.rate:.2f}×")
    print(f"file                 {many.size:>12,}  {many.size / calls:.1f} bytes per call")
    print(f"memory, KiB          {many.memory:>12,}  with {calls // 10:,} calls: {few.memory:,}")
    print(f"records read/s       {speed:>12,.0f}")
    return 0 if found >= calls else 1


if __name__ == "__main__":
    sys.exit(main())
