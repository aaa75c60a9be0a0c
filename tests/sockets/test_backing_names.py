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
        foe.bind(name[:-6] + (int.from_bytes(name[-6:], "big") + 1).to_bytes(6, "big"))
        given = {names.give(one.fileno())[2:] for one in (second, third)}
        assert given == {second.getsockname(), third.getsockname()}
        assert not given & {name, foe.getsockname()}
