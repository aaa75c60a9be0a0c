"""The socket addresses of linux/in.h, in6.h, un.h, netlink.h, if_packet.h and vm_sockets.h.

Every sockaddr begins with its family in two bytes of the machine's order; what follows is the family's own.
"""

from ptrace_net.abi.constants.if_arp import ARPHRD
from ptrace_net.abi.constants.if_ether import ETH_P
from ptrace_net.abi.constants.if_packet import PACKET_TYPE
from ptrace_net.abi.constants.socket import AF
from ptrace_net.abi.constants.vm_sockets import VMADDR_CID
from ptrace_net.abi.kinds import (
    Bytes,
    Pad,
    be16,
    be32,
    c_int,
    in6_addr,
    in_addr,
    mac,
    raw,
    text,
    u8,
    u16,
    u32,
)
from ptrace_net.abi.layout import Field, Layout

_NAMED = "bind connect sendto sendmsg accept4 getsockname getpeername recvfrom recvmsg"

sockaddr = Layout(
    "sockaddr", "sys/socket.h", "The part that every address has: what a const struct sockaddr * points to.",
    Field("sa_family", u16, "decides the layout of what follows", AF),
    Field("sa_data", raw(14), "the family's own; longer than this for most"),
    calls=_NAMED, lengths="minimum 2 (AF_UNSPEC in connect: dissolve the association); usual 16",
)  # fmt: skip

sockaddr_in = Layout(
    "sockaddr_in", "linux/in.h", "An IPv4 address and port: ip(7).",
    Field("sin_family", u16, "AF_INET", AF),
    Field("sin_port", be16, "port; 0 in bind asks for a free one"),
    Field("sin_addr", in_addr, "address, as in the packet; 0.0.0.0 is INADDR_ANY"),
    Field("sin_zero", Pad(8), "to the size of struct sockaddr; not looked at", c="__pad"),
    calls=_NAMED, lengths="minimum 16 and usual 16; a longer addrlen is fine",
)  # fmt: skip

sockaddr_in6 = Layout(
    "sockaddr_in6", "linux/in6.h", "An IPv6 address and port: ipv6(7), RFC 3493.",
    Field("sin6_family", u16, "AF_INET6", AF),
    Field("sin6_port", be16, "port; 0 in bind asks for a free one"),
    Field("sin6_flowinfo", be32, "traffic class (8 bits) and flow label (20 bits), as in the packet"),
    Field("sin6_addr", in6_addr, "address, as in the packet; :: is in6addr_any"),
    Field("sin6_scope_id", u32, "interface index of a link-local address, else 0: host order"),
    calls=_NAMED, lengths="minimum 24 (SIN6_LEN_RFC2133: without the scope) and usual 28",
)  # fmt: skip

sockaddr_un = Layout(
    "sockaddr_un", "linux/un.h", "A local address: unix(7). The length decides what it is.",
    Field("sun_family", u16, "AF_UNIX", AF),
    Field("sun_path", text(108), "a path, or NUL and an abstract name to the end of the given length"),
    calls=_NAMED, lengths="minimum 2 (unnamed; bind: autobind), then 2 + path + NUL, at most 110",
)  # fmt: skip

sockaddr_nl = Layout(
    "sockaddr_nl", "linux/netlink.h", "A netlink address: netlink(7).",
    Field("nl_family", u16, "AF_NETLINK", AF),
    Field("nl_pad", Pad(2), "zero"),
    Field("nl_pid", u32, "port id: 0 is the kernel; 0 in bind asks for one (usually the process id)"),
    Field("nl_groups", u32, "multicast groups 1 to 32 as a bit mask"),
    calls=_NAMED, lengths="minimum 12 and usual 12",
)  # fmt: skip

sockaddr_ll = Layout(
    "sockaddr_ll", "linux/if_packet.h", "A link-layer address: packet(7).",
    Field("sll_family", u16, "AF_PACKET", AF),
    Field("sll_protocol", be16, "EtherType", ETH_P),
    Field("sll_ifindex", c_int, "interface index; 0 in bind matches every interface"),
    Field("sll_hatype", u16, "hardware type of the interface: on receipt only", ARPHRD),
    Field("sll_pkttype", u8, "for whom the packet was: on receipt only", PACKET_TYPE),
    Field("sll_halen", u8, "bytes of sll_addr that count"),
    Field("sll_addr", mac(8), "link-layer address"),
    calls=_NAMED, lengths="minimum 20 in bind and usual 20; getsockname returns 12 + sll_halen",
)  # fmt: skip

sockaddr_vm = Layout(
    "sockaddr_vm", "linux/vm_sockets.h", "An address between a virtual machine and its host: vsock(7).",
    Field("svm_family", u16, "AF_VSOCK", AF),
    Field("svm_reserved1", u16, "zero"),
    Field("svm_port", u32, "port, in host order; VMADDR_PORT_ANY is -1"),
    Field("svm_cid", u32, "context id", VMADDR_CID),
    Field("svm_flags", u8, "VMADDR_FLAG_TO_HOST: send through the host"),
    Field("svm_zero", Pad(3), "zero"),
    calls=_NAMED, lengths="minimum 16 and usual 16",
)  # fmt: skip

sockaddr_storage = Layout(
    "sockaddr_storage", "sys/socket.h", "Room for any address: what programs pass to accept and recvfrom.",
    Field("ss_family", u16, "decides the layout of what follows", AF),
    Field("ss_data", Bytes("char[126]", 126), "the family's own", c=""),
    calls=_NAMED, lengths="128; accepted wherever a shorter address is, as extra bytes are ignored",
)  # fmt: skip

BY_FAMILY = {
    AF["AF_UNIX"]: sockaddr_un,
    AF["AF_INET"]: sockaddr_in,
    AF["AF_INET6"]: sockaddr_in6,
    AF["AF_NETLINK"]: sockaddr_nl,
    AF["AF_PACKET"]: sockaddr_ll,
    AF["AF_VSOCK"]: sockaddr_vm,
}
