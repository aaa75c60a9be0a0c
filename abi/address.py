"""Socket addresses of any length, read as Linux reads them: by family, with the family's minimum length.

A ``sockaddr_in6`` may lack its scope, a ``sockaddr_un`` ends where the length says, and whatever follows an
address that is long enough is ignored. Nothing here needs construct.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.socket import AF
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.sockaddr import BY_FAMILY, sockaddr, sockaddr_ll, sockaddr_un

MAXIMUM = 128  # sizeof(struct sockaddr_storage): longer gives EINVAL whatever the family

# What bind and connect ask for at least; sockaddr_ll is what getsockname gives for an address of no bytes.
MINIMUM = {
    AF["AF_INET"]: 16,
    AF["AF_INET6"]: 24,
    AF["AF_NETLINK"]: 12,
    AF["AF_PACKET"]: 12,
    AF["AF_VSOCK"]: 16,
}


class Address(NamedTuple):
    """A socket address. ``values`` is a named tuple of the layout's fields, with their C names.

    ``kind`` tells the three sorts of local address apart: pathname (``sun_path`` without its NUL), abstract
    (``sun_path`` with the leading NUL) and unnamed; it is empty for the other families.
    """

    family: int
    layout: Layout
    values: Any
    kind: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """The fields by their C names."""
        return dict(self.values._asdict())


def decode_sockaddr(data: bytes, arch: Arch = X86_64) -> Address:
    """The address in ``data``, all of whose bytes count: what the length argument of the call said.

    An address of a family without a layout is a ``sockaddr`` whose ``sa_data`` is as long as it is.

    Raises:
        AbiError: shorter than the family's minimum, or longer than any address may be.
    """
    if len(data) > MAXIMUM:
        raise AbiError("sockaddr", "", MAXIMUM, f"{len(data)} bytes, at most {MAXIMUM} are an address")
    if len(data) < 2:
        raise AbiError("sockaddr", "sa_family", 0, f"truncated: {len(data)} of 2 bytes")
    family = int.from_bytes(data[:2], arch.byteorder)
    layout = BY_FAMILY.get(family)
    if layout is None:
        return Address(family, sockaddr, sockaddr.values(family, bytes(data[2:])))
    if layout is sockaddr_un:
        return _local(family, data)
    if len(data) < MINIMUM[family]:
        raise layout.error(len(data), arch)
    fast = layout.fast(arch)
    whole = bytes(data[: fast.size]).ljust(fast.size, b"\0")
    return Address(family, layout, layout.values(*fast.unpack(whole)))


def _local(family: int, data: bytes) -> Address:
    """A local address: where the path ends depends on its first byte."""
    if len(data) > 110 + (data[-1:] == b"\0"):  # Linux ends a path of 108 bytes by a NUL of its own
        raise AbiError("sockaddr_un", "sun_path", 110, f"{len(data)} bytes, at most 110 are an address")
    path = bytes(data[2:])
    if not path:
        return Address(family, sockaddr_un, sockaddr_un.values(family, b""), "unnamed")
    if path[0] == 0:
        return Address(family, sockaddr_un, sockaddr_un.values(family, path), "abstract")
    return Address(family, sockaddr_un, sockaddr_un.values(family, path.split(b"\0")[0]), "pathname")


def encode_sockaddr(address: Address, arch: Arch = X86_64) -> bytes:
    """The bytes of an address, as long as Linux itself returns it (a path with its NUL).

    Raises:
        AbiError: a value that its field cannot hold.
    """
    if address.layout is sockaddr or address.layout is sockaddr_un:
        family, rest = address.values
        end = b"\0" if address.kind == "pathname" else b""
        return int(family).to_bytes(2, arch.byteorder) + bytes(rest) + end
    whole = address.layout.fast(arch).pack(*address.values)
    if address.layout is sockaddr_ll:
        return whole[: max(12, min(20, 12 + address.values.sll_halen))]
    return whole
