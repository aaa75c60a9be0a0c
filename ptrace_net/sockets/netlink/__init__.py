"""AF_NETLINK sockets of a run: netlink(7) in front of one end of an AF_UNIX pair, whose other end is ours."""
