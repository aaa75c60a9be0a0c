"""Netlink: linux/netlink.h, rtnetlink.h, sock_diag.h, genetlink.h; netlink(7), rtnetlink(7).

``header`` has the layouts that all protocols share, ``route``, ``diag`` and ``generic`` those of a protocol with
their attributes, and ``messages`` reads and builds streams of messages.
"""
