"""The ioctls of interfaces, routes and ARP, answered from our own network; netdevice(7), arp(7),
rtnetlink(7).

``requests.perform`` reads and writes the program's memory through a small interface, so it is tested
without one.
"""
