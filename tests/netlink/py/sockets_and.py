"""Makes sockets of several kinds at the ports given, and runs a shell script while they are open."""

import os
import socket
import subprocess
import sys

tcp, udp, script = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
four = socket.create_server(("127.0.0.1", tcp), backlog=7)
six = socket.create_server(("::1", tcp), family=socket.AF_INET6)
both = socket.create_server(("::", tcp + 1), family=socket.AF_INET6, dualstack_ipv6=True)
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.bind(("0.0.0.0", udp))
datagram6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagram6.bind(("::1", udp))
client = socket.socket()
client.bind(("127.0.0.1", udp))
client.connect(("127.0.0.1", tcp))
server, _ = four.accept()
client.send(b"hello")
mapped = socket.socket()
mapped.bind(("127.0.0.1", udp + 1))
mapped.connect(("127.0.0.1", tcp + 1))
accepted, _ = both.accept()
local = socket.socket(socket.AF_UNIX)
local.bind(f"\0ptrace-net-test-{os.getpid()}")
local.listen(3)
sys.exit(subprocess.run(script, shell=True, check=False).returncode)
