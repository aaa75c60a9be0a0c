"""AF_NETLINK answered from our own network: rtnetlink(7), sock_diag(7), generic netlink's controller.

``endpoint.handle`` takes what a program sent and gives the datagrams of the reply; it knows neither
descriptors nor processes. ``ports`` has the rules of port ids and groups, ``router`` the requests of
NETLINK_ROUTE, ``diag`` those of NETLINK_SOCK_DIAG, ``generic`` those of NETLINK_GENERIC.
"""
