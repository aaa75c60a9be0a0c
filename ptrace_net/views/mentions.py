"""Whether a program is one that reads /proc/net, or captures packets: its file names these.

An interpreter's does not, nor does that of a shell that starts such a program.
"""

from __future__ import annotations

import mmap
import os

_NAMES = (b"/proc/net", b"/proc/self/net", b"/proc/%d/net", b"/sys/class/net")
_MOST = 32 << 20  # bytes of a file that is looked through: some ten milliseconds


def mentions(program: str, names: tuple[bytes, ...] = _NAMES) -> bool:
    """Whether one of ``names`` is in the file that execvp(3) would execute."""
    try:
        with open(_found(program), "rb") as file:
            if not 0 < os.fstat(file.fileno()).st_size <= _MOST:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return any(data.find(name) >= 0 for name in names)
    except OSError:
        return False


def _found(program: str) -> str:
    """The file of a program, by PATH where its name has no slash (execvp(3)); the name itself if none is."""
    if "/" in program:
        return program
    paths = [os.path.join(folder, program) for folder in os.get_exec_path()]
    return next((path for path in paths if os.access(path, os.X_OK)), program)
