"""fcntl.h (asm/fcntl.h): descriptor flags and commands; a few O_ flags differ on arm and aarch64."""

from ptrace_net.abi.arch import Arch
from ptrace_net.abi.constants.table import Constants

# fmt: off
F = Constants("F_", "fcntl.h", {
    "F_DUPFD": 0, "F_GETFD": 1, "F_SETFD": 2, "F_GETFL": 3, "F_SETFL": 4, "F_SETOWN": 8, "F_GETOWN": 9,
    "F_SETSIG": 10, "F_GETSIG": 11, "F_SETOWN_EX": 15, "F_GETOWN_EX": 16, "F_SETLEASE": 1024,
    "F_GETLEASE": 1025, "F_NOTIFY": 1026, "F_DUPFD_CLOEXEC": 1030, "F_SETPIPE_SZ": 1031,
    "F_GETPIPE_SZ": 1032, "F_ADD_SEALS": 1033, "F_GET_SEALS": 1034,
})

FD = Constants("FD_", "fcntl.h", {"FD_CLOEXEC": 1})

_COMMON = {
    "O_RDONLY": 0, "O_WRONLY": 0o1, "O_RDWR": 0o2, "O_CREAT": 0o100, "O_EXCL": 0o200, "O_NOCTTY": 0o400,
    "O_TRUNC": 0o1000, "O_APPEND": 0o2000, "O_NONBLOCK": 0o4000, "O_NDELAY": 0o4000, "O_SYNC": 0o4010000,
    "O_DSYNC": 0o10000, "O_ASYNC": 0o20000, "O_NOATIME": 0o1000000, "O_CLOEXEC": 0o2000000,
    "O_PATH": 0o10000000,
}
_TMPFILE = 0o20000000
_GENERIC = {"O_DIRECT": 0o40000, "O_DIRECTORY": 0o200000, "O_NOFOLLOW": 0o400000}
_ARM = {"O_DIRECT": 0o200000, "O_DIRECTORY": 0o40000, "O_NOFOLLOW": 0o100000}


def _open_flags(own: dict[str, int]) -> Constants:
    table = {**_COMMON, "O_TMPFILE": _TMPFILE | own["O_DIRECTORY"], **own}
    return Constants("O_", "fcntl.h", table, enum_mask=0o3)


O = _open_flags(_GENERIC)  # noqa: E741 - the prefix, as everywhere
O_ARM = _open_flags(_ARM)
# fmt: on


def open_flags(arch: Arch) -> Constants:
    """The O_ flags as ``arch`` has them."""
    return O_ARM if arch.name in ("arm", "aarch64") else O
