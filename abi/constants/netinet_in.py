"""netinet/in.h: what the C library alone names: addresses as numbers, other names of IPPROTO_IPV6 options."""

from ptrace_net.abi.constants.table import Constants

# fmt: off
INADDR = Constants("INADDR_", "netinet/in.h", {
    "INADDR_ANY": 0x00000000, "INADDR_LOOPBACK": 0x7F000001, "INADDR_BROADCAST": 0xFFFFFFFF,
    "INADDR_NONE": 0xFFFFFFFF, "INADDR_UNSPEC_GROUP": 0xE0000000, "INADDR_ALLHOSTS_GROUP": 0xE0000001,
    "INADDR_ALLRTRS_GROUP": 0xE0000002, "INADDR_MAX_LOCAL_GROUP": 0xE00000FF,
}, docs={
    "INADDR_ANY": "0.0.0.0: every address; like all INADDR_* in host order, s_addr wants htonl(3)",
    "INADDR_LOOPBACK": "127.0.0.1, in host order: s_addr wants htonl(3)",
    "INADDR_BROADCAST": "255.255.255.255",
    "INADDR_NONE": "what inet_addr(3) returns for a text that is no address",
    "INADDR_UNSPEC_GROUP": "224.0.0.0, in host order", "INADDR_ALLHOSTS_GROUP": "224.0.0.1, in host order",
    "INADDR_ALLRTRS_GROUP": "224.0.0.2, in host order",
    "INADDR_MAX_LOCAL_GROUP": "224.0.0.255, in host order",
})

IPV6_LIBRARY = Constants("IPV6_", "netinet/in.h", {
    "IPV6_JOIN_GROUP": 20, "IPV6_LEAVE_GROUP": 21, "IPV6_RXHOPOPTS": 54, "IPV6_RXDSTOPTS": 59,
})
# fmt: on
