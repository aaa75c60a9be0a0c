"""The architectures: x86_64, i386, x32, aarch64, arm, riscv64 and (big-endian) s390x, one module each.

>>> from ptrace_net.abi.arch import ARCHES, X86_64
>>> X86_64.syscalls["sendmsg"], ARCHES["s390x"].endian
(46, '>')
"""

from types import MappingProxyType

from ptrace_net.abi.arch.aarch64 import AARCH64
from ptrace_net.abi.arch.arm import ARM
from ptrace_net.abi.arch.i386 import I386
from ptrace_net.abi.arch.model import SOCKETCALL, Arch
from ptrace_net.abi.arch.riscv64 import RISCV64
from ptrace_net.abi.arch.s390x import S390X
from ptrace_net.abi.arch.x32 import X32
from ptrace_net.abi.arch.x86_64 import X86_64

ARCHES = MappingProxyType({arch.name: arch for arch in (X86_64, I386, X32, AARCH64, ARM, RISCV64, S390X)})

__all__ = ["AARCH64", "ARCHES", "ARM", "I386", "RISCV64", "S390X", "SOCKETCALL", "X32", "X86_64", "Arch"]
