"""The stack provider: sockets of our own, whose bytes go through AF_UNIX sockets that the kernel connects."""
