"""linux/vm_sockets.h: vsock addresses and options."""

from ptrace_net.abi.constants.table import Constants

# fmt: off
VMADDR_CID = Constants("VMADDR_CID_", "linux/vm_sockets.h", {
    "VMADDR_CID_HYPERVISOR": 0x0, "VMADDR_CID_LOCAL": 0x1, "VMADDR_CID_HOST": 0x2,
    "VMADDR_CID_ANY": 0xffffffff,
})

SO_VM = Constants("SO_VM_", "linux/vm_sockets.h", {
    "SO_VM_SOCKETS_BUFFER_SIZE": 0, "SO_VM_SOCKETS_BUFFER_MIN_SIZE": 1,
    "SO_VM_SOCKETS_BUFFER_MAX_SIZE": 2, "SO_VM_SOCKETS_PEER_HOST_VM_ID": 3, "SO_VM_SOCKETS_TRUSTED": 5,
    "SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD": 6, "SO_VM_SOCKETS_NONBLOCK_TXRX": 7,
    "SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW": 8,
})
# fmt: on
