"""Abstract names that tell accepted connections apart: whoever takes the next one is in nobody's way."""

import socket

from ptrace_net.sockets.emulated.backing import Names


def unnamed() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def test_a_name_that_was_foreseen() -> None:
    """The count at the end of a name, which everybody reads in /proc/net/unix, tells the next one."""
    names = Names()
    with unnamed() as first, unnamed() as foe, unnamed() as second, unnamed() as third:
        name = names.give(first.fileno())[2:]
        assert first.getsockname() == name
        prefix, _, count = name.rpartition(b"-")
        foe.bind(prefix + b"-%x" % (int(count, 16) + 1))
        given = {names.give(one.fileno())[2:] for one in (second, third)}
        assert given == {second.getsockname(), third.getsockname()}
        assert not any(one.startswith(prefix) for one in given)
