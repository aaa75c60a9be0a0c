"""Classic BPF: random programs are accepted, and choose as many bytes, as in the kernel."""

import ctypes
import errno
import random
import socket
import struct

from ptrace_net.sockets.packet.bpf import parsed, run

SO_ATTACH_FILTER = 26
LOADS = (0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x00, 0x60, 0x80, 0x01, 0x61, 0x81, 0xB1)
STORES, MOVES = (0x02, 0x03), (0x07, 0x87)
ALU = tuple(operation | source | 4 for operation in range(0, 0xB0, 0x10) for source in (0, 8))
JUMPS = (0x05, 0x15, 0x25, 0x35, 0x45, 0x1D, 0x2D, 0x3D, 0x4D)
RETURNS = (0x06, 0x16)


def instruction(rng: random.Random, left: int) -> bytes:
    code = rng.choice(rng.choice((LOADS, LOADS, ALU, JUMPS, STORES, MOVES, RETURNS)))
    k = rng.choice((0, 1, 4, 12, 14, 15, 16, 40, 0xFFFF, 0x80000000, rng.randrange(1 << 32)))
    jt, jf = (rng.randrange(max(left, 1) + 1) for _ in range(2))
    if code == 0x05:
        k = rng.randrange(max(left, 1) + 1)
    return struct.pack("=HBBI", code, jt, jf, k)


def program(rng: random.Random) -> bytes:
    length = rng.randrange(1, 12)
    body = [instruction(rng, length - at - 1) for at in range(length)]
    end = struct.pack("=HBBI", rng.choice((6, 6, 0x16, 0x04)), 0, 0, rng.choice((0, 5, 64, 0xFFFF)))
    return b"".join(body) + end


def in_kernel(code: bytes, data: bytes) -> int | None:
    """The bytes that arrive through the filter; None where the kernel refuses it."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with left, right:
        room = ctypes.create_string_buffer(code, len(code))
        value = struct.pack("@HP", len(code) // 8, ctypes.addressof(room))
        try:
            right.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, value)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return None
        try:
            left.send(data)
            return len(right.recv(4096))
        except (BlockingIOError, PermissionError):
            return 0


def test_programs_choose_as_in_the_kernel() -> None:
    rng, accepted = random.Random(8), 0
    for _ in range(3000):
        code, data = program(rng), rng.randbytes(rng.randrange(1, 90))
        expected, ours = in_kernel(code, data), parsed(code)
        assert (ours is None) == (expected is None), code.hex()
        if ours is not None:
            accepted += 1
            assert min(run(ours, data), len(data)) == expected, (code.hex(), data.hex())
    assert accepted > 500
