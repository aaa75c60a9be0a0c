"""linux/genetlink.h: generic netlink and its controller."""

from ptrace_net.abi.constants.table import Constants

# fmt: off
GENL_ID = Constants("GENL_ID_", "linux/genetlink.h", {
    "GENL_ID_CTRL": 16, "GENL_ID_VFS_DQUOT": 17, "GENL_ID_PMCRAID": 18,
})

CTRL_CMD = Constants("CTRL_CMD_", "linux/genetlink.h", {
    "CTRL_CMD_UNSPEC": 0, "CTRL_CMD_NEWFAMILY": 1, "CTRL_CMD_DELFAMILY": 2, "CTRL_CMD_GETFAMILY": 3,
    "CTRL_CMD_NEWOPS": 4, "CTRL_CMD_DELOPS": 5, "CTRL_CMD_GETOPS": 6, "CTRL_CMD_NEWMCAST_GRP": 7,
    "CTRL_CMD_DELMCAST_GRP": 8, "CTRL_CMD_GETMCAST_GRP": 9, "CTRL_CMD_GETPOLICY": 10,
})

CTRL_ATTR = Constants("CTRL_ATTR_", "linux/genetlink.h", {
    "CTRL_ATTR_UNSPEC": 0, "CTRL_ATTR_FAMILY_ID": 1, "CTRL_ATTR_FAMILY_NAME": 2, "CTRL_ATTR_VERSION": 3,
    "CTRL_ATTR_HDRSIZE": 4, "CTRL_ATTR_MAXATTR": 5, "CTRL_ATTR_OPS": 6, "CTRL_ATTR_MCAST_GROUPS": 7,
    "CTRL_ATTR_POLICY": 8, "CTRL_ATTR_OP": 10,
})

CTRL_ATTR_OP = Constants("CTRL_ATTR_OP_", "linux/genetlink.h", {
    "CTRL_ATTR_OP_UNSPEC": 0, "CTRL_ATTR_OP_ID": 1, "CTRL_ATTR_OP_FLAGS": 2, "CTRL_ATTR_OP_POLICY": 9,
})

CTRL_ATTR_MCAST_GRP = Constants("CTRL_ATTR_MCAST_GRP_", "linux/genetlink.h", {
    "CTRL_ATTR_MCAST_GRP_UNSPEC": 0, "CTRL_ATTR_MCAST_GRP_NAME": 1, "CTRL_ATTR_MCAST_GRP_ID": 2,
})
# fmt: on
