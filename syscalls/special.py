"""An int and bytes that are something more. Python always: mypyc does not compile such classes."""


class Pointer(int):
    """An address in the program's memory: never dereferenced here, only handed to ``Task.read`` and
    ``write``.
    """

    __slots__ = ()


class Counted(bytes):
    """An answer whose length is not told in bytes: SO_GET_FILTER counts instructions."""

    told = 0
