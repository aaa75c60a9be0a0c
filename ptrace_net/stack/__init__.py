"""The sans-I/O protocols: Ethernet, ARP, IPv4, IPv6, NDP, ICMP, IGMP, MLD, UDP, TCP, DHCPv4.

Bytes and time go in, bytes and events come out.  Nothing here opens a socket, reads a clock or draws a
random number: the caller passes ``now`` (seconds, a float from any monotonic clock) and a ``random``
function.  ``Host`` (host.py) ties the parts together; docs/stack.md is the map.
"""
