"""linux/filter.h and linux/bpf_common.h: classic BPF."""

from ptrace_net.abi.constants.table import Constants

# fmt: off
BPF_CLASS = Constants("BPF_", "linux/bpf_common.h", {
    "BPF_LD": 0x0, "BPF_LDX": 0x1, "BPF_ST": 0x2, "BPF_STX": 0x3, "BPF_ALU": 0x4, "BPF_JMP": 0x5,
    "BPF_RET": 0x6, "BPF_MISC": 0x7,
})
# fmt: on
