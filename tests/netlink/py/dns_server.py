"""A DNS server of two records, over UDP and TCP.

``dns_server.py PORT SCRIPT`` answers while the script runs.
"""

import socket
import struct
import subprocess
import sys
import threading

PORT, SCRIPT = int(sys.argv[1]), sys.argv[2]
NAME = b"\7example\3org\0"
A, AAAA, NXDOMAIN = 1, 28, 3
RECORDS = {
    A: socket.inet_pton(socket.AF_INET, "192.0.2.7"),
    AAAA: socket.inet_pton(socket.AF_INET6, "2001:db8::7"),
}


def answered(query: bytes) -> bytes:
    """RFC 1035, 4.1: the question again, and its record (a pointer to the name, class IN, a TTL of 60)."""
    end = query.index(b"\0", 12) + 1
    kind = int.from_bytes(query[end : end + 2], "big")
    found = query[12:end].lower() == NAME
    data = RECORDS.get(kind) if found else None
    record = b"" if data is None else struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
    flags = 0x8580 | (0 if found else NXDOMAIN)
    head = struct.pack("!5H", flags, 1, int(data is not None), 0, 0)
    return query[:2] + head + query[12 : end + 4] + record


def datagrams(sock: socket.socket) -> None:
    while True:
        query, sender = sock.recvfrom(512)
        sock.sendto(answered(query), sender)


def connections(server: socket.socket) -> None:
    while True:
        client, _ = server.accept()
        with client, client.makefile("rwb") as stream:
            size = int.from_bytes(stream.read(2), "big")
            reply = answered(stream.read(size))
            stream.write(len(reply).to_bytes(2, "big") + reply)


for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((address, PORT))
    threading.Thread(target=datagrams, args=(udp,), daemon=True).start()
    tcp = socket.create_server((address, PORT), family=family)
    threading.Thread(target=connections, args=(tcp,), daemon=True).start()
sys.exit(subprocess.run(SCRIPT, shell=True, check=False).returncode)
