"""Bytes that are something more. Python always: mypyc does not compile such classes."""


class Counted(bytes):
    """An answer whose length is not told in bytes: SO_GET_FILTER counts instructions."""

    told = 0
