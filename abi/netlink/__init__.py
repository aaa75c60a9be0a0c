"""Netlink: linux/netlink.h, rtnetlink.h, sock_diag.h, genetlink.h; netlink(7), rtnetlink(7).

``header`` has the layouts that all protocols share, ``route`` and ``diag`` those of a protocol, ``tables``
their attributes, and ``messages`` reads and builds streams of messages.
"""
