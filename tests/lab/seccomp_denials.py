"""Run a program under a seccomp filter that fails some calls with an errno, as containers do.

    python seccomp_denials.py NAME=NUMBER[,NAME=NUMBER…] ERRNO PROGRAM [ARG…]
"""

import ctypes
import os
import struct
import sys

LOAD_NUMBER, JUMP_EQUAL, RETURN, ALLOW, ERRNO = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000


def deny(numbers: list[int], errno: int) -> None:
    steps = [(LOAD_NUMBER, 0, 0, 0)]
    for number in numbers:
        steps += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | errno)]
    steps.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    deny([int(word) for word in sys.argv[1].split(",")], int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])
