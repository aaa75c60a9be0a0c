"""A classic-BPF interpreter for seccomp filters (linux/filter.h), written from the manual and not from the
assembler that it checks."""

import struct
from typing import NamedTuple

NATIVE = "=" if struct.pack("=H", 1) == struct.pack("<H", 1) else ">"


class Data(NamedTuple):
    """``struct seccomp_data``."""

    nr: int
    arch: int
    args: tuple[int, ...] = (0,) * 6
    ip: int = 0

    def packed(self) -> bytes:
        return struct.pack("=iIQ6Q", self.nr - (self.nr >> 31 << 32), self.arch, self.ip, *self.args)


def instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    """``(code, jt, jf, k)`` of every ``struct sock_filter``."""
    return list(struct.iter_unpack("=HBBI", program))


def run(program: bytes, data: Data) -> int:
    """The filter's verdict; raises IndexError or ValueError for a program that the kernel would refuse."""
    code, memory = instructions(program), data.packed()
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, k = code[at]
        at += 1
        if operation == 0x20:  # ld [k]
            if k % 4 or not 0 <= k <= len(memory) - 4:
                raise ValueError(f"load at {k}")
            (accumulator,) = struct.unpack_from("=I", memory, k)
        elif operation == 0x06:  # ret k
            return k
        elif operation == 0x05:  # ja
            at += k
        else:
            holds = {
                0x15: accumulator == k,
                0x25: accumulator > k,
                0x35: accumulator >= k,
                0x45: bool(accumulator & k),
            }[operation]
            at += if_true if holds else if_false
