"""A task whose memory is bytes at an address: for decoding without a program."""

from ptrace_net.syscalls.seam import Errno

EFAULT, EBADF = 14, 9


class FakeTask:
    """Everything from `start` to the end of `data` is readable, nothing else."""

    def __init__(self, data: bytes, start: int = 0x10000) -> None:
        self.data, self.start = data, start
        self.tid = self.tgid = 0x7FFFFFFF  # no process has it

    def read_up_to(self, address: int, size: int) -> bytes:
        offset = address - self.start
        return self.data[offset : offset + size] if 0 <= offset < len(self.data) and size > 0 else b""

    def read(self, address: int, size: int) -> bytes:
        data = self.read_up_to(address, size)
        if len(data) < size:
            raise Errno(EFAULT)
        return data

    def write(self, address: int, data: bytes) -> None:
        raise Errno(EFAULT)

    def write_two(self, first: int, head: bytes, second: int, tail: bytes) -> None:
        raise Errno(EFAULT)

    def socket_inode(self, fd: int) -> int:
        return 0

    def held(self, fd: int) -> int:
        return -1

    def borrow(self, fd: int) -> int:
        raise Errno(EBADF)

    def has_privilege(self, capability: int) -> bool:
        return False
