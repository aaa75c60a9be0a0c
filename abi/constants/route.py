"""linux/route.h: flags of the routing ioctls."""

from ptrace_net.abi.constants.table import Constants

# fmt: off
RTF = Constants("RTF_", "linux/route.h linux/ipv6_route.h", {
    "RTF_UP": 0x1, "RTF_GATEWAY": 0x2, "RTF_HOST": 0x4, "RTF_REINSTATE": 0x8, "RTF_DYNAMIC": 0x10,
    "RTF_MODIFIED": 0x20, "RTF_MTU": 0x40, "RTF_MSS": 0x40, "RTF_WINDOW": 0x80, "RTF_IRTT": 0x100,
    "RTF_REJECT": 0x200, "RTF_DEFAULT": 0x10000, "RTF_ALLONLINK": 0x20000, "RTF_ADDRCONF": 0x40000,
    "RTF_ANYCAST": 0x100000, "RTF_NONEXTHOP": 0x200000, "RTF_EXPIRES": 0x400000,
    "RTF_ROUTEINFO": 0x800000, "RTF_CACHE": 0x1000000, "RTF_FLOW": 0x2000000, "RTF_POLICY": 0x4000000,
    "RTF_PCPU": 0x40000000, "RTF_LOCAL": 0x80000000,
})
# fmt: on
