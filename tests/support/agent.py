"""Runs inside a ptrace-net run and starts programs there on request, so that server and clients share it.

A script, not a module: requests are lines of JSON on standard input, one answer each on standard output:

    {"do": "start", "argv": […], "out": FILE, "err": FILE, "stdin": FILE?}  → {"pid": N}
    {"do": "wait", "pid": N, "seconds": S}        → {"status": N}: as Popen.returncode, -SIGNAL if killed
    {"do": "kill", "pid": N, "signal": N}         → {}
    {"do": "listening", "port": N, "kind": "tcp" | "udp", "seconds": S}  → {}

An answer {"error": "…"} tells of a failed request. At end of input every program still running is
ended. Standard library only: it must start quickly, and with any ptrace-net between it and the kernel.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.deadline import wait_until
from support.procnet import listening

GRACE = 2.0  # seconds between SIGTERM and SIGKILL

running: dict[int, subprocess.Popen] = {}


def start(argv, out, err, stdin=None):
    with open(out, "ab") as stdout, open(err, "ab") as stderr, open(stdin or os.devnull, "rb") as source:
        process = subprocess.Popen(argv, stdin=source, stdout=stdout, stderr=stderr)
    running[process.pid] = process
    return {"pid": process.pid}


def wait(pid, seconds):
    status = running[pid].wait(seconds)
    del running[pid]
    return {"status": status}


def kill(pid, signal):
    os.kill(pid, signal)
    return {}


def listen_wait(port, kind, seconds):
    wait_until(lambda: listening(port, kind), f"{kind} port {port} open", seconds)
    return {}


def end(process):
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


REQUESTS = {"start": start, "wait": wait, "kill": kill, "listening": listen_wait}


def answer(request):
    try:
        return REQUESTS[request.pop("do")](**request)
    except (OSError, TimeoutError, subprocess.TimeoutExpired) as problem:
        return {"error": f"{type(problem).__name__}: {problem}"}


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
    for process in running.values():
        process.terminate()
    for process in running.values():
        end(process)


if __name__ == "__main__":
    main()
