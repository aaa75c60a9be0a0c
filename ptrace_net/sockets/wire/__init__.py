"""The wire lane of the stack provider: emulated sockets whose bytes go through ``stack`` to a device.

The program's socket is a real AF_UNIX socket; its other end is ours, and what passes it is carried between
it and a handle of ``stack.host.Host``. So read, write, poll and the rest stay the kernel's, and the network
is ours.
"""
