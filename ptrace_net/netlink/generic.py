"""NETLINK_GENERIC: the controller, which is the only family; net/netlink/genetlink.c.

Programs that look for another family (ethtool, nl80211, devlink...) are told that there is none, and fall
back or do without.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from ptrace_net.abi.constants.genetlink import CTRL_ATTR, CTRL_ATTR_MCAST_GRP, CTRL_ATTR_OP, CTRL_CMD, GENL_ID
from ptrace_net.abi.netlink.diag import genlmsghdr
from ptrace_net.netlink import wire
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import U16, U32, Head, Policy, string
from ptrace_net.network.refused import Refused

_A = {name: CTRL_ATTR[name] for name in CTRL_ATTR}
_BODY = genlmsghdr.fast()
NAME, VERSION = "nlctrl", 2
#: command -> GENL_CMD_CAP_*: what the controller can do
OPERATIONS = {"CTRL_CMD_GETFAMILY": 0x4 | 0x8 | 0x10, "CTRL_CMD_GETPOLICY": 0x8 | 0x10}
NOTIFY_GROUP = 16
POLICY: Policy = {_A["CTRL_ATTR_FAMILY_ID"]: U16, _A["CTRL_ATTR_FAMILY_NAME"]: string(15),
_A["CTRL_ATTR_OP"]: U32}


class Controller:
    """Implements ``endpoint.Service``."""

    def request(self, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece] | Dump:
        if head.type != GENL_ID["GENL_ID_CTRL"]:
            raise Refused(errno.ENOENT)
        if len(message) < wire.HEADER + _BODY.size:
            raise Refused(errno.EINVAL)
        command = message[wire.HEADER]
        if command != CTRL_CMD["CTRL_CMD_GETFAMILY"]:
            raise Refused(errno.EOPNOTSUPP)
        if head.flags & wire.NLM_F_DUMP == wire.NLM_F_DUMP:
            return Dump([_family()])
        tb = wire.parse(message, _BODY.size, _A["CTRL_ATTR_OP"], POLICY)
        number, name = tb.get(_A["CTRL_ATTR_FAMILY_ID"]), tb.get(_A["CTRL_ATTR_FAMILY_NAME"])
        if number is None and name is None:
            raise Refused(errno.EINVAL)
        by_name = name is not None and tb.text(_A["CTRL_ATTR_FAMILY_NAME"]) == NAME
        by_number = number is not None and int.from_bytes(number[:2], "little") == GENL_ID["GENL_ID_CTRL"]
        if not (by_name or (by_number and name is None)):
            raise Refused(errno.ENOENT)
        return [_family()]


def _family() -> Piece:
    """ctrl_fill_info()."""
    operations = [
        wire.nest(index, [
            wire.u32(CTRL_ATTR_OP["CTRL_ATTR_OP_ID"], CTRL_CMD[name]),
            wire.u32(CTRL_ATTR_OP["CTRL_ATTR_OP_FLAGS"], flags),
        ])
        for index, (name, flags) in enumerate(OPERATIONS.items(), 1)
    ]  # fmt: skip
    group = wire.nest(1, [
        wire.u32(CTRL_ATTR_MCAST_GRP["CTRL_ATTR_MCAST_GRP_ID"], NOTIFY_GROUP),
        wire.text(CTRL_ATTR_MCAST_GRP["CTRL_ATTR_MCAST_GRP_NAME"], "notify"),
    ])  # fmt: skip
    parts = [
        wire.text(_A["CTRL_ATTR_FAMILY_NAME"], NAME),
        wire.u16(_A["CTRL_ATTR_FAMILY_ID"], GENL_ID["GENL_ID_CTRL"]),
        wire.u32(_A["CTRL_ATTR_VERSION"], VERSION), wire.u32(_A["CTRL_ATTR_HDRSIZE"], 0),
        wire.u32(_A["CTRL_ATTR_MAXATTR"], _A["CTRL_ATTR_OP"]), wire.nest(_A["CTRL_ATTR_OPS"], operations),
        wire.nest(_A["CTRL_ATTR_MCAST_GROUPS"], [group]),
    ]  # fmt: skip
    head = _BODY.pack(CTRL_CMD["CTRL_CMD_NEWFAMILY"], VERSION, 0)
    return Piece(GENL_ID["GENL_ID_CTRL"], head + b"".join(parts))
