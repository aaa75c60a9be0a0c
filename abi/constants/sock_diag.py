"""linux/sock_diag.h, inet_diag.h and unix_diag.h: what ss asks for."""

from ptrace_net.abi.constants.table import Constants

# fmt: off
SOCK_DIAG = Constants("SOCK_DIAG_", "linux/sock_diag.h linux/inet_diag.h", {
    "TCPDIAG_GETSOCK": 18, "DCCPDIAG_GETSOCK": 19, "SOCK_DIAG_BY_FAMILY": 20, "SOCK_DESTROY": 21,
})

INET_DIAG = Constants("INET_DIAG_", "linux/inet_diag.h", {
    "INET_DIAG_NONE": 0, "INET_DIAG_MEMINFO": 1, "INET_DIAG_INFO": 2, "INET_DIAG_VEGASINFO": 3,
    "INET_DIAG_CONG": 4, "INET_DIAG_TOS": 5, "INET_DIAG_TCLASS": 6, "INET_DIAG_SKMEMINFO": 7,
    "INET_DIAG_SHUTDOWN": 8, "INET_DIAG_DCTCPINFO": 9, "INET_DIAG_PROTOCOL": 10,
    "INET_DIAG_SKV6ONLY": 11, "INET_DIAG_LOCALS": 12, "INET_DIAG_PEERS": 13, "INET_DIAG_PAD": 14,
    "INET_DIAG_MARK": 15, "INET_DIAG_BBRINFO": 16, "INET_DIAG_CLASS_ID": 17, "INET_DIAG_MD5SIG": 18,
    "INET_DIAG_ULP_INFO": 19, "INET_DIAG_SK_BPF_STORAGES": 20, "INET_DIAG_CGROUP_ID": 21,
    "INET_DIAG_SOCKOPT": 22,
})

UDIAG_SHOW = Constants("UDIAG_SHOW_", "linux/unix_diag.h", {
    "UDIAG_SHOW_NAME": 0x1, "UDIAG_SHOW_VFS": 0x2, "UDIAG_SHOW_PEER": 0x4, "UDIAG_SHOW_ICONS": 0x8,
    "UDIAG_SHOW_RQLEN": 0x10, "UDIAG_SHOW_MEMINFO": 0x20, "UDIAG_SHOW_UID": 0x40,
})

UNIX_DIAG = Constants("UNIX_DIAG_", "linux/unix_diag.h", {
    "UNIX_DIAG_NAME": 0, "UNIX_DIAG_VFS": 1, "UNIX_DIAG_PEER": 2, "UNIX_DIAG_ICONS": 3,
    "UNIX_DIAG_RQLEN": 4, "UNIX_DIAG_MEMINFO": 5, "UNIX_DIAG_SHUTDOWN": 6, "UNIX_DIAG_UID": 7,
})
# fmt: on
