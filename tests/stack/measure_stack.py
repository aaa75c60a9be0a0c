"""How fast two of our stacks are, back to back on one core: ``python tests/stack/measure_stack.py``.

Frames are handed over in memory, so this is the cost of the protocols alone, both ends together.
"""

import time
from dataclasses import dataclass

from stack_net import Lab

from ptrace_net.stack.frame import FULL_OFFLOAD, NO_OFFLOAD, Offload
from ptrace_net.stack.result import Fail

CHUNK = bytes(1 << 18)
CASES = {
    "64 KB segments, offload": (1500, FULL_OFFLOAD, 400 << 20),
    "16000-byte frames, checksums": (16000, NO_OFFLOAD, 60 << 20),
    "9000-byte frames, checksums": (9000, NO_OFFLOAD, 60 << 20),
    "9000-byte frames, checksum offload": (9000, Offload(tx_checksum=True), 60 << 20),
    "1500-byte frames, checksums": (1500, NO_OFFLOAD, 20 << 20),
}


@dataclass(frozen=True)
class Result:
    gigabits: float  #: payload per second of processor time, both ends together
    frames: int
    microseconds: float  #: per frame


def bulk(mtu: int, offload: Offload, total: int, version: int = 4) -> Result:
    """Send ``total`` bytes through a connection."""
    lab = Lab.pair(mtu, offload)
    client, server = lab.connect(version)
    lab.links = [lambda frame: [frame], lambda frame: [frame]]
    sent = received = frames = 0
    start = time.process_time()
    while received < total:
        while sent < total and not isinstance(taken := client.send(CHUNK), Fail):
            sent += taken
        frames += lab.exchange()
        lab.log.clear()
        chunk = server.recv(1 << 20)
        received += 0 if isinstance(chunk, Fail) else len(chunk)
        lab.now += 0.0005
    spent = time.process_time() - start
    return Result(received * 8 / spent / 1e9, frames, spent / frames * 1e6)


def round_trips(count: int = 5000) -> float:
    """Microseconds for one byte there and back."""
    lab = Lab.pair()
    client, server = lab.connect()
    start = time.process_time()
    for _ in range(count):
        client.send(b"x")
        lab.exchange()
        server.send(server.recv(1))
        lab.exchange()
        client.recv(1)
        lab.log.clear()
    return (time.process_time() - start) / count * 1e6


def connections(count: int = 2000) -> float:
    """Connections per second: handshake, and orderly close from both sides."""
    lab = Lab.pair()
    start = time.process_time()
    for number in range(count):
        client, server = lab.connect(port=1000 + number)
        client.close(lab.now)
        lab.exchange()
        server.close(lab.now)
        lab.exchange()
        lab.log.clear()
    return count / (time.process_time() - start)


def main() -> None:
    for name, case in CASES.items():
        result = bulk(*case)
        print(f"{name:36} {result.gigabits:6.2f} Gbit/s {result.microseconds:7.1f} us/frame")
    print(f"{'1-byte round trip':36} {round_trips():6.0f} us")
    print(f"{'connections':36} {connections():6.0f} /s")


if __name__ == "__main__":
    main()
