"""The demonstration: `ptrace-net demo` runs an unmodified dual-stack server and shows what happened.

`run` starts the programs under ptrace-net and collects what they printed and what the host saw; `story` tells
it from the trace. Nothing stays behind: the scratch folder goes, and every process of the run has ended.
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def main(argv: list[str]) -> int:
    """`ptrace-net demo`: 0 when both clients got the page, else 1; 125 for unknown arguments."""
    from ptrace_net.demo.run import RUN_SECONDS, run
    from ptrace_net.demo.story import tell

    if argv:
        print("usage: ptrace-net demo", file=sys.stderr)
        return 0 if argv[0] in ("-h", "--help") else 125
    print("Running a dual-stack server and two clients under ptrace-net …\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="ptrace-net-demo-") as folder:
        try:
            outcome = run(Path(folder))
        except subprocess.TimeoutExpired:
            print(f"ptrace-net demo: the run did not end within {RUN_SECONDS} s", file=sys.stderr)
            return 1
    print(tell(outcome))
    return 0 if outcome.worked else 1
