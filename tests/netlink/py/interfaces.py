"""What a Python program learns of its network: socket, psutil, pyroute2; one line each, in a fixed order."""

import socket
import sys

import psutil
from pyroute2 import IPRoute

print(socket.if_nameindex())
for name, addresses in sorted(psutil.net_if_addrs().items()):
    for each in sorted(addresses, key=repr):
        print(name, each.family.name, each.address, each.netmask)
print({name: (stats.isup, stats.mtu) for name, stats in sorted(psutil.net_if_stats().items())})
if sys.argv[1:]:
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print([(each.laddr.port, each.status) for each in psutil.net_connections("tcp")])
with IPRoute() as route:
    print([(link.get_attr("IFLA_IFNAME"), link["state"]) for link in route.get_links()])
    print(sorted(each.get_attr("IFA_ADDRESS") for each in route.get_addr()))
    route.addr("add", index=2, address="10.9.9.9", prefixlen=24)
    route.route("add", dst="192.168.7.0/24", gateway="10.0.2.9")
    print([each.get_attr("RTA_GATEWAY") for each in route.get_routes(dst="192.168.7.0/24")])
    print(sorted(each.get_attr("IFA_ADDRESS") for each in route.get_addr(family=socket.AF_INET)))
