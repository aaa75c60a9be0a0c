"""From registers to typed calls: signs, widths, and socketcall taken apart."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrace_net.abi.arch import AARCH64, I386, S390X, X86_64
from ptrace_net.syscalls.seam import NATIVE, Call, Errno, Fail, Native
from ptrace_net.syscalls.table import ARGUMENTS, signed32, typed
from ptrace_net.tracer import clone
from ptrace_net.tracer.decode import Decoder, code_of

WORD = st.integers(0, (1 << 64) - 1)
REGISTERS = st.tuples(*[WORD] * 6)


class Memory:
    """A Task that has nothing but memory: ``{address: bytes}``, some of it read-only."""

    tid = tgid = 1

    def __init__(self, cells: dict[int, bytes], *, writable: bool = True) -> None:
        self.cells, self.writable = dict(cells), writable

    def read_up_to(self, address: int, size: int) -> bytes:
        return self.cells.get(address, b"")[:size]

    def read(self, address: int, size: int) -> bytes:
        data = self.read_up_to(address, size)
        if len(data) < size:
            raise Errno(errno.EFAULT)
        return data

    def write(self, address: int, data: bytes) -> None:
        if not self.writable:
            raise Errno(errno.EFAULT)
        self.cells[address] = data + self.cells[address][len(data) :]


def entry(arch, number: int, *registers: int) -> tuple[int, tuple[int, ...]]:
    return code_of(arch.audit, number), (*registers, *(0,) * (6 - len(registers)))


@given(st.integers(0, (1 << 64) - 1))
def test_signed32(register: int) -> None:
    assert signed32(register) == struct.unpack("=i", struct.pack("=Q", register)[:4])[0]


@pytest.mark.parametrize("arch", [X86_64, I386, AARCH64, S390X], ids=str)
@given(registers=REGISTERS)
def test_arguments_are_as_wide_as_their_kind(arch, registers: tuple[int, ...]) -> None:
    for name, row in ARGUMENTS.items():
        values = typed(name, registers, arch)
        assert len(values) == len(row)
        for argument, register, value in zip(row, registers, values, strict=False):
            assert value & 0xFFFFFFFF == register & 0xFFFFFFFF
            if argument.kind.width == "i32":
                assert -(1 << 31) <= value < 1 << 31
            elif argument.kind.width == "u32":
                assert 0 <= value < 1 << 32
            else:
                assert value == register & (1 << arch.bits) - 1


@given(registers=REGISTERS)
def test_calls_by_number(registers: tuple[int, ...]) -> None:
    decoder, task = Decoder((X86_64, I386)), Memory({})
    for arch in (X86_64, I386):
        for name in ("bind", "sendmsg", "clone3"):
            call = decoder.call(task, *entry(arch, arch.syscalls[name], *registers))
            assert (call.name, call.arch, call.task) == (name, arch, task)
    assert decoder.call(task, *entry(AARCH64, 200, *registers)) is None
    assert decoder.call(task, *entry(X86_64, 100_000, *registers)) is None


SOCKETCALLS = [
    (1, "socket", (10, 1, 0)), (2, "bind", (3, 4096, 28)), (5, "accept", (3, 0, 0)),
    (8, "socketpair", (1, 1, 0, 64)), (11, "sendto", (3, 64, 5, 0, 4096, 28)),
    (14, "setsockopt", (3, 41, 26, 64, 4)), (17, "recvmsg", (3, 64, 0)),
    (18, "accept4", (3, 0, 0, 0x800)), (19, "recvmmsg", (3, 64, 2, 0, 0)), (20, "sendmmsg", (3, 64, 2, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("number", "name", "args"), SOCKETCALLS)
@given(rubbish=st.integers(0, (1 << 32) - 1))
def test_socketcall(number: int, name: str, args: tuple[int, ...], rubbish: int) -> None:
    """The high halves are whatever a 64-bit program left there when it used `int 0x80`."""
    task = Memory({0x1000: struct.pack(f"={len(args)}I", *args)})
    high = rubbish << 32
    info = entry(I386, I386.socketcall, number | high, 0x1000 | high)
    call = Decoder((X86_64, I386)).call(task, *info)
    assert (call.name, call.args, call.arch) == (name, args, I386)


REFUSED = [(0, 0x1000), (21, 0x1000), (1, 0), (1, 0x2000), (0xFFFFFFFF, 0x1000)]


@pytest.mark.parametrize(("number", "address"), REFUSED)
def test_socketcalls_that_the_kernel_refuses_itself(number: int, address: int) -> None:
    task = Memory({0x1000: bytes(24), 0x2000: bytes(11)})
    assert Decoder((I386,)).call(task, *entry(I386, I386.socketcall, number, address)) is None


UNTRACED = clone.CLONE_UNTRACED


@given(flags=WORD)
def test_clone_is_never_untraced(flags: int) -> None:
    answer = clone.clone(Call(Memory({}), X86_64, "clone", (flags, 1, 2, 3, 4, 5)))
    assert isinstance(answer, Native)
    assert (answer.name, answer.args) == ("clone", (flags & ~UNTRACED, 1, 2, 3, 4, 5))


@given(flags=WORD, rest=st.binary(min_size=8, max_size=80))
def test_clone3_is_never_untraced(flags: int, rest: bytes) -> None:
    for writable in (True, False):
        task = Memory({64: struct.pack("=Q", flags) + rest}, writable=writable)
        answer = clone.clone3(Call(task, X86_64, "clone3", (64, 88, 0, 0, 0, 0)))
        (now,) = struct.unpack_from("=Q", task.cells[64])
        if answer == NATIVE:
            assert now == flags & ~UNTRACED
            assert task.cells[64][8:] == rest
        else:
            assert (answer, now, bool(flags & UNTRACED)) == (Fail(errno.ENOSYS), flags, True)
            assert not writable


def test_clone3_of_an_unreadable_address_is_the_kernels() -> None:
    assert clone.clone3(Call(Memory({}), X86_64, "clone3", (8, 88, 0, 0, 0, 0))) == NATIVE
