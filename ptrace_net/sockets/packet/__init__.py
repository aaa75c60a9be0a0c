"""AF_PACKET sockets of a run: packet(7) over the devices of its network."""
