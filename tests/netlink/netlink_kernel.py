"""Runs in a network namespace of its own: sends the requests that it reads to the kernel, and writes its
answers.

``python netlink_kernel.py`` makes a TAP called eth0, configures it and lo as ``netlink_net.model()`` does,
says ``ready``, and then answers each line (JSON: protocol, options, groups, requests as hex) with a line of
the datagrams that came, as hex.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x2, 0x1000
SOL_NETLINK = 270
SETUP = """
link set lo up
link set eth0 address 52:54:98:76:54:33
link set eth0 up
link set eth0 state up
addr add 10.0.2.15/24 brd + dev eth0
addr add fec0::5054:98ff:fe76:5433/64 dev eth0 nodad
route add default via 10.0.2.2
route add default via fec0::2 dev eth0
"""


def setup() -> int:
    """eth0 and its configuration; the descriptor that keeps the TAP."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
    for name, value in (("accept_dad", "0"), ("router_solicitations", "0")):
        Path(f"/proc/sys/net/ipv6/conf/eth0/{name}").write_text(value)
    subprocess.run(["ip", "-batch", "-"], input=SETUP, text=True, check=True)
    subprocess.run(["tc", "qdisc", "replace", "dev", "eth0", "root", "pfifo_fast"], check=True)
    while _tentative():
        time.sleep(0.02)
    return tap


def _tentative() -> bool:
    lines = Path("/proc/net/if_inet6").read_text().splitlines()
    return any(int(line.split()[4], 16) & 0x40 for line in lines)


def answer(order: dict) -> list[str]:
    """The datagrams that one socket gets for its requests."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, order["protocol"]) as sock:
        sock.bind((0, order.get("groups", 0)))
        sock.setblocking(False)
        for option in order.get("options", ()):
            sock.setsockopt(SOL_NETLINK, option, 1)
        said = []
        for request in order["requests"]:
            sock.send(bytes.fromhex(request))
            while True:
                try:
                    said.append(sock.recv(1 << 17).hex())
                except BlockingIOError:
                    break
        return said


def main() -> None:
    tap = setup()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "shell" in order:
            done = subprocess.run(order["shell"], shell=True, capture_output=True, text=True)
            print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
        else:
            print(json.dumps(answer(order)), flush=True)
    os.close(tap)


main()
