"""Messages: struct msghdr, mmsghdr, cmsghdr of linux/socket.h and iovec of linux/uio.h; recvmsg(2), cmsg(3).

The kernel's ``struct user_msghdr`` is what lies in memory; sys/socket.h declares the same bytes. A control
buffer is a sequence of cmsghdr, each with its payload, and each begins at a multiple of the word size.
"""

from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.socket import MSG, SOL
from ptrace_net.abi.kinds import c_int, c_uint, pointer, size_t, socklen_t
from ptrace_net.abi.layout import Field, Layout

iovec = Layout(
    "iovec", "sys/uio.h", "One piece of a scattered buffer: readv(2).",
    Field("iov_base", pointer, "where the piece begins"),
    Field("iov_len", size_t, "its bytes"),
    calls="readv writev sendmsg recvmsg sendmmsg recvmmsg process_vm_readv",
    lengths="at most UIO_MAXIOV (1024) pieces in a call, else EMSGSIZE (EINVAL for readv)",
)  # fmt: skip

msghdr = Layout(
    "msghdr", "sys/socket.h", "A message: its address, its pieces, its control messages.",
    Field("msg_name", pointer, "the peer's sockaddr, or NULL"),
    Field("msg_namelen", socklen_t, "bytes at msg_name: in the room, out the length; below 0: EINVAL"),
    Field("msg_iov", pointer, "array of struct iovec"),
    Field("msg_iovlen", size_t, "how many"),
    Field("msg_control", pointer, "control messages, a sequence of struct cmsghdr, or NULL"),
    Field("msg_controllen", size_t, "bytes at msg_control: in the room, out what was filled"),
    Field("msg_flags", c_int, "out only (recvmsg): MSG_TRUNC, MSG_CTRUNC, MSG_EOR…", MSG, flags=True),
    calls="sendmsg recvmsg sendmmsg recvmmsg", lengths="56 (28 where words have 32 bits)",
)  # fmt: skip

mmsghdr = Layout(
    "mmsghdr", "sys/socket.h", "One of the messages of sendmmsg(2) and recvmmsg(2).",
    Field("msg_hdr", msghdr, "the message"),
    Field("msg_len", c_uint, "out: bytes sent or received for it"),
    calls="sendmmsg recvmmsg",
)  # fmt: skip

cmsghdr = Layout(
    "cmsghdr", "sys/socket.h", "The head of a control message: cmsg(3). The payload follows.",
    Field("cmsg_len", size_t, "bytes of head and payload, without the padding after it: CMSG_LEN(payload)"),
    Field("cmsg_level", c_int, "the protocol it belongs to", SOL),
    Field("cmsg_type", c_int, "what it is, per level: SCM_RIGHTS, IP_PKTINFO…"),
    calls="sendmsg recvmsg sendmmsg recvmmsg",
)  # fmt: skip


def cmsg_align(length: int, arch: Arch = X86_64) -> int:
    """CMSG_ALIGN: ``length`` rounded up to a multiple of the word."""
    return (length + arch.word - 1) & -arch.word


def cmsg_len(payload: int, arch: Arch = X86_64) -> int:
    """CMSG_LEN: what cmsg_len says for a payload of so many bytes."""
    return cmsg_align(cmsghdr.size(arch), arch) + payload


def cmsg_space(payload: int, arch: Arch = X86_64) -> int:
    """CMSG_SPACE: the room that a payload of so many bytes takes in the buffer."""
    return cmsg_align(cmsghdr.size(arch), arch) + cmsg_align(payload, arch)
