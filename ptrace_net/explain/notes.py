"""What programs get wrong about a layout: a line or a few each, shown under its fields."""

from collections.abc import Mapping

NOTES: Mapping[str, tuple[str, ...]] = {
    "sockaddr_in": (
        "The port is big-endian whatever the machine: port 80 is 00 50. Built with htons(3).",
        "connect and sendto to 0.0.0.0 reach the host itself; bind to it takes every IPv4 address.",
        "bind with AF_UNSPEC and 0.0.0.0 is taken for AF_INET; connect with AF_UNSPEC undoes a connect.",
    ),
    "sockaddr_in6": (
        "sin6_port and sin6_flowinfo are big-endian, sin6_family and sin6_scope_id are the machine's own.",
        "A length of 24 is the form of RFC 2133, without sin6_scope_id: Linux takes it; below 24, EINVAL.",
        "A link-local address (fe80::/10) needs sin6_scope_id, or SO_BINDTODEVICE: EINVAL without.",
        "A socket bound to :: takes IPv4 too, unless IPV6_V6ONLY; such a peer is ::ffff:a.b.c.d.",
        "sin6_flowinfo is sent only with IPV6_FLOWINFO_SEND, and must have been leased then.",
    ),
    "sockaddr_un": (
        "The length says where an address ends: a path may lack its NUL, an abstract name may contain some.",
        "Linux returns 2 for an unnamed socket, and up to 111 for a path of 108 bytes (it adds a NUL).",
        "bind with a length of 2 chooses an abstract name of NUL and five hexadecimal digits.",
    ),
    "sockaddr_nl": (
        "nl_pid is a port id, not always a process id: a second socket of a process gets another.",
        "nl_groups reaches groups 1 to 32 only; NETLINK_ADD_MEMBERSHIP reaches all.",
    ),
    "sockaddr_ll": (
        "sll_protocol is big-endian: ETH_P_ALL is 00 03. sll_halen says how many bytes of sll_addr count.",
    ),
    "msghdr": (
        "Kernel and C library agree on the bytes, but POSIX has int msg_iovlen and socklen_t msg_controllen.",
        "msg_flags is not looked at by sendmsg; recvmsg sets it, and msg_namelen and msg_controllen.",
        "MSG_TRUNC in msg_flags: the datagram was longer than the pieces. MSG_CTRUNC: no room for control.",
    ),
    "cmsghdr": (
        "cmsg_len counts the head and the payload, not the padding: CMSG_LEN(4) is 20, CMSG_SPACE(4) is 24.",
        "Where words have 32 bits the head is 12 bytes and everything is aligned to 4.",
        "Fewer bytes than a head at the end of the buffer are ignored; a bad cmsg_len is EINVAL.",
    ),
    "epoll_event": (
        "Packed to 12 bytes on x86-64 and x32 only: data lies at 4 there, at 8 on other 64-bit machines.",
    ),
    "timeval": (
        "SO_RCVTIMEO takes this form as SO_RCVTIMEO_OLD; 64-bit time on 32 bits is SO_RCVTIMEO_NEW.",
    ),
    "linger": (
        "l_onoff with l_linger 0 makes close(2) send a reset; without l_onoff close returns at once.",
    ),
    "nlmsghdr": (
        "nlmsg_len leaves out the padding: the next message begins at the next multiple of 4.",
        "From 0x100 nlmsg_flags are ROOT, MATCH, ATOMIC in a GET, and REPLACE, EXCL, CREATE in a NEW.",
        "A dump ends with NLMSG_DONE; NLM_F_DUMP_INTR: it changed meanwhile and must be repeated.",
    ),
    "nlattr": ("nla_len counts the head; the high two bits of nla_type are flags, not part of the number.",),
    "ifreq": ("SIOCGIFCONF returns an array of these: 40 bytes apart on 64-bit machines, 32 elsewhere.",),
    "pollfd": ("POLLERR, POLLHUP and POLLNVAL are reported unasked; an entry with fd below 0 is skipped.",),
    "fd_set": ("A descriptor of 1024 or more writes beyond the set: use poll(2) or epoll(7) for those.",),
    "sock_fprog": ("On 64-bit machines 6 bytes of padding stand between the length and the pointer.",),
    "tcp_info": ("getsockopt fills as much as optlen has room for: look at the length that it returns.",),
}
