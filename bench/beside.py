"""beside.py COMMAND... COUNT COUNT: what one connection more costs in memory beside the program, in bytes.

The command ends with the program bench/c/idle and the numbers of connections that it is to hold. While it
holds them, the resident memory of every process that is not the program itself is added up: the supervisor's.
"""

import contextlib
import subprocess
import sys

import psutil

PROGRAM = "idle"


def resident() -> int:
    """Bytes of all processes below this one but the program's own."""
    below = psutil.Process().children(recursive=True)
    return sum(process.memory_info().rss for process in below if process.name() != PROGRAM)


def main(command: list[str]) -> None:
    """Prints the bytes for each connection between the fewest and the most."""
    held: list[tuple[int, int]] = []
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as run:  # type: ignore[call-overload]
        for line in run.stdout:
            held.append((int(line), resident()))
            with contextlib.suppress(BrokenPipeError):
                run.stdin.write("\n")
                run.stdin.flush()
    if run.returncode:
        sys.exit(run.returncode)
    (few, before), *_, (many, after) = held
    print((after - before) / (many - few))


if __name__ == "__main__":
    main(sys.argv[1:])
