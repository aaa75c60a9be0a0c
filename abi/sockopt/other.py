"""The levels with few options: SOL_RAW, IPPROTO_ICMPV6 and AF_VSOCK; raw(7), RFC 3542, vsock(7)."""

from ptrace_net.abi.constants.icmp import ICMPV6_OPTIONS, SOL_RAW_OPTIONS
from ptrace_net.abi.constants.vm_sockets import SO_VM
from ptrace_net.abi.in6 import icmp6_filter, icmp_filter
from ptrace_net.abi.sockopt.model import Row, number, rows, switch, wide
from ptrace_net.abi.time import kernel_sock_timeval, timeval

_RAW: tuple[Row, ...] = (
    ("ICMP_FILTER", icmp_filter, "rw", "0", "icmp", "ICMP types that the socket does not get"),
)
_ICMPV6: tuple[Row, ...] = (
    ("ICMPV6_FILTER", icmp6_filter, "rw", "0", "icmp6", "ICMPv6 types that the socket does not get"),
)
_VSOCK: tuple[Row, ...] = (
    ("SO_VM_SOCKETS_BUFFER_SIZE", wide, "rw", "262144", "vsock", "bytes of the buffer"),
    ("SO_VM_SOCKETS_BUFFER_MIN_SIZE", wide, "rw", "128", "vsock", "its lower limit"),
    ("SO_VM_SOCKETS_BUFFER_MAX_SIZE", wide, "rw", "262144", "vsock", "its upper limit"),
    ("SO_VM_SOCKETS_PEER_HOST_VM_ID", number, "r", "-", "vsock", "VMCI only"),
    ("SO_VM_SOCKETS_TRUSTED", switch, "r", "-", "vsock", "VMCI only"),
    ("SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD", timeval, "rw", "2", "vsock", "longest wait of connect"),
    ("SO_VM_SOCKETS_NONBLOCK_TXRX", switch, "", "-", "vsock", "VMCI in the kernel only"),
    ("SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW", kernel_sock_timeval, "rw", "2", "vsock", "the same, 64-bit time"),
)

OTHER_OPTIONS = (
    *rows(255, "SOL_RAW", SOL_RAW_OPTIONS, _RAW),
    *rows(58, "SOL_ICMPV6", ICMPV6_OPTIONS, _ICMPV6),
    *rows(40, "AF_VSOCK", SO_VM, _VSOCK),
)
