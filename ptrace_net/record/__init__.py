"""Recordings and logs of system calls: one value model, many sources, many uses.

`model` holds the values; `format` writes and reads recordings; `importers` turn strace text and kernel logs
into the same values; `diff`, `replay`, `export` and `show` work on the values and know no log format.
"""
