"""intruder.py INODES PIDS: try to get at the AF_UNIX sockets of other processes, by whatever way there is.

INODES: sockets whose names are looked for in /proc/net/unix. PIDS: processes whose descriptors are tried as
paths, and which are to be traced. Prints a line for each way: what became of it (errno names, "in").
"""

import ctypes
import errno
import os
import re
import socket
import sys

INODES = set(sys.argv[1].split(","))
PIDS = [int(word) for word in sys.argv[2].split(",")]
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)
DESCRIPTORS = range(64)
SEIZE, DETACH = 0x4206, 17  # ptrace(2)
PIDFD_GETFD = 438

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
outcomes: dict[str, set[str]] = {}


def attempt(way, what, *args):
    try:
        what(*args)
        outcome = "in"
    except OSError as error:
        outcome = errno.errorcode[error.errno]
    outcomes.setdefault(way, set()).add(outcome)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def connect(name, kind):
    with socket.socket(socket.AF_UNIX, kind) as one:
        one.connect(name)


def send(name):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", name)


def seize(pid):
    checked(libc.ptrace(SEIZE, pid, 0, 0))


def take(pid, descriptor):
    pidfd = os.pidfd_open(pid)
    try:
        os.close(checked(libc.syscall(PIDFD_GETFD, pidfd, descriptor, 0)))
    finally:
        os.close(pidfd)


def opened(path):
    os.close(os.open(path, os.O_RDONLY))


def names():
    """Those of the sockets that are looked for, as connect(2) takes them: all bytes of abstract ones."""
    with open("/proc/net/unix", "rb") as file:
        for line in file.read().split(b"\n")[1:]:
            fields = re.split(rb" +", line.removesuffix(b"\n"), maxsplit=7)
            if len(fields) == 8 and fields[6].decode() in INODES:
                name = fields[7]
                yield name.replace(b"@", b"\0") if name.startswith(b"@") else name


for name in names():
    way = "abstract" if name.startswith(b"\0") else "path"
    for kind in KINDS:
        attempt(way, connect, name, kind)
    attempt(way, send, name)
for pid in PIDS:
    for descriptor in DESCRIPTORS:
        for kind in KINDS:
            attempt("descriptor", connect, f"/proc/{pid}/fd/{descriptor}", kind)
        attempt("duplicate", take, pid, descriptor)
    attempt("list", os.listdir, f"/proc/{pid}/fd")
    attempt("memory", opened, f"/proc/{pid}/mem")
    attempt("trace", seize, pid)
for way, seen in outcomes.items():
    print(way, *sorted(seen))
