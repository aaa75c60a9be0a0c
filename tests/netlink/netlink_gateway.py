"""Runs in a network namespace of its own: eth0 as a run has it, and a gateway that is a second namespace.

``python netlink_gateway.py``: the gateway has 10.0.2.2 and fec0::2, lets nothing through (a route that is
prohibited), and answers at once. Says ``ready``; then each line (JSON: shell) is run and answered, as
``netlink_kernel.py`` does.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GATEWAY = """
link set lo up
link set gw address 52:54:98:76:54:02
link set gw up
addr add 10.0.2.2/24 dev gw
addr add fec0::2/64 dev gw nodad
route add prohibit default
route add prohibit ::/0
"""
SETUP = """
link set lo up
link set eth0 address 52:54:98:76:54:33
link set eth0 up
addr add 10.0.2.15/24 brd + dev eth0
addr add fec0::5054:98ff:fe76:5433/64 dev eth0 nodad
route add default via 10.0.2.2
route add default via fec0::2 dev eth0
"""
ACT_AS_ROUTER = {
    "ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv4/icmp_ratelimit": "0",
    "ipv6/icmp/ratelimit": "0",
}  # fmt: skip


def configure(settings: dict[str, str], commands: str) -> None:
    for name, value in settings.items():
        Path(f"/proc/sys/net/{name}").write_text(value)
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True)


def gateway() -> int:
    """A process that stays in a namespace with the other end of eth0."""
    done, told = os.pipe()
    child = os.fork()
    if child == 0:
        unshare()
        os.write(told, b"x")
        while "gw:" not in Path("/proc/self/net/dev").read_text():
            time.sleep(0.01)
        configure({**ACT_AS_ROUTER, "ipv6/conf/gw/accept_dad": "0"}, GATEWAY)
        os.write(told, b"x")
        signal.pause()
    os.read(done, 1)
    subprocess.run(
        ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "gw", "netns", str(child)], check=True
    )
    configure({"ipv6/conf/eth0/accept_dad": "0"}, SETUP)
    os.read(done, 1)
    return child


def unshare() -> None:
    """CLONE_NEWNET; os.unshare is Python 3.12's."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
        raise OSError(ctypes.get_errno(), "unshare")


def main() -> None:
    child = gateway()
    print("ready", flush=True)
    for line in sys.stdin:
        done = subprocess.run(json.loads(line)["shell"], shell=True, capture_output=True, text=True)
        print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


main()
