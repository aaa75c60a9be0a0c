"""What the interface ioctls exchange: linux/if.h, linux/ipv6.h; netdevice(7).

``struct ifreq`` is a name and a union; each use of the union has a layout of its own here, ``ifreq_flags``
for SIOCGIFFLAGS and so on, all as large as ``ifreq``. ``IFREQ`` says which ioctl uses which.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ptrace_net.abi.constants.if_ import IFF
from ptrace_net.abi.constants.sockios import SIOC
from ptrace_net.abi.kinds import (
    CType,
    c_int,
    c_short,
    c_uchar,
    c_ulong,
    c_ushort,
    in6_addr,
    pointer,
    text,
    u32,
)
from ptrace_net.abi.layout import Field, Layout
from ptrace_net.abi.sockaddr import sockaddr, sockaddr_in

_NAME = Field("ifr_name", text(16), "interface name, NUL-terminated")

ifmap = Layout(
    "ifmap", "linux/if.h", "SIOCGIFMAP: resources of an interface.",
    Field("mem_start", c_ulong, "first address of its memory"),
    Field("mem_end", c_ulong, "last address"),
    Field("base_addr", c_ushort, "I/O port"),
    Field("irq", c_uchar, "interrupt"),
    Field("dma", c_uchar, "DMA channel"),
    Field("port", c_uchar, "kind of port"),
    calls="ioctl",
)  # fmt: skip

ifreq = Layout(
    "ifreq", "linux/if.h", "The argument of an interface ioctl: a name and a union (here as its widest "
    "member).",
    _NAME,
    Field("ifr_map", ifmap, "resources: the widest member of the union"),
    calls="ioctl", lengths="40 (32 where words have 32 bits)",
)  # fmt: skip


def _use(member: str, kind: CType, doc: str, **more: object) -> Layout:
    """One use of the union of ifreq."""
    field = Field(f"ifr_{member}", kind, doc, **more)  # type: ignore[arg-type]
    return Layout(f"ifreq_{member}", "linux/if.h", f"struct ifreq with ifr_{member}.", _NAME, field,
                  c="struct ifreq", like=ifreq, calls="ioctl")  # fmt: skip


ifreq_addr = _use("addr", sockaddr_in, "IPv4 address; sin_port is 0")
ifreq_dstaddr = _use("dstaddr", sockaddr_in, "address at the other end of a point-to-point link")
ifreq_broadaddr = _use("broadaddr", sockaddr_in, "broadcast address")
ifreq_netmask = _use("netmask", sockaddr_in, "network mask")
ifreq_hwaddr = _use("hwaddr", sockaddr, "link-layer address: sa_family is ARPHRD_*, sa_data begins with it")
ifreq_flags = _use("flags", c_short, "state: the low 16 bits", values=IFF, flags=True)
ifreq_metric = _use("metric", c_int, "0: metrics are the routes'")
ifreq_mtu = _use("mtu", c_int, "MTU in bytes")
ifreq_ifindex = _use("ifindex", c_int, "interface index")
ifreq_qlen = _use("qlen", c_int, "length of the transmit queue, packets")
ifreq_slave = _use("slave", text(16), "name of another interface")
ifreq_newname = _use("newname", text(16), "new name")
ifreq_data = _use("data", pointer, "a struct of the ioctl's own")

_USES = (
    (ifreq_addr, "SIOCGIFADDR SIOCSIFADDR"),
    (ifreq_dstaddr, "SIOCGIFDSTADDR SIOCSIFDSTADDR"),
    (ifreq_broadaddr, "SIOCGIFBRDADDR SIOCSIFBRDADDR"),
    (ifreq_netmask, "SIOCGIFNETMASK SIOCSIFNETMASK"),
    (ifreq_hwaddr, "SIOCGIFHWADDR SIOCSIFHWADDR SIOCSIFHWBROADCAST SIOCADDMULTI SIOCDELMULTI"),
    (ifreq_flags, "SIOCGIFFLAGS SIOCSIFFLAGS SIOCGIFPFLAGS SIOCSIFPFLAGS"),
    (ifreq_metric, "SIOCGIFMETRIC SIOCSIFMETRIC"),
    (ifreq_mtu, "SIOCGIFMTU SIOCSIFMTU"),
    (ifreq_ifindex, "SIOCGIFINDEX SIOCGIFNAME SIOCBRADDIF SIOCBRDELIF"),
    (ifreq_qlen, "SIOCGIFTXQLEN SIOCSIFTXQLEN"),
    (ifreq_slave, "SIOCGIFSLAVE SIOCSIFSLAVE SIOCBONDENSLAVE SIOCBONDRELEASE SIOCBONDCHANGEACTIVE"),
    (ifreq_newname, "SIOCSIFNAME"),
    (ifreq_data, "SIOCETHTOOL SIOCSHWTSTAMP SIOCGHWTSTAMP SIOCGMIIPHY SIOCGMIIREG SIOCSMIIREG"),
    (ifreq, "SIOCGIFMAP SIOCSIFMAP"),
)

# The ioctl -> the form of struct ifreq that it reads and writes.
IFREQ: Mapping[int, Layout] = MappingProxyType(
    {SIOC[name]: layout for layout, names in _USES for name in names.split()}
)

ifconf = Layout(
    "ifconf", "linux/if.h", "SIOCGIFCONF: list the interfaces that have an IPv4 address.",
    Field("ifc_len", c_int, "bytes of the buffer, in and out"),
    Field("ifc_buf", pointer, "array of struct ifreq; NULL: only ask for the size"),
    calls="ioctl",
)  # fmt: skip

in6_ifreq = Layout(
    "in6_ifreq", "linux/ipv6.h", "SIOCSIFADDR, SIOCDIFADDR on an IPv6 socket; SIOCGIFADDR is not answered.",
    Field("ifr6_addr", in6_addr, "address"),
    Field("ifr6_prefixlen", u32, "bits of the network"),
    Field("ifr6_ifindex", c_int, "interface index"),
    calls="ioctl",
)  # fmt: skip
