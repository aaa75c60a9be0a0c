"""Replay: the calls of a log made again as real system calls, with the outside world played from the log.

`plan` says what to do, in order, for the program and for the world around it; `lower` turns a call into
numbers and memory, a `worker` process makes it, `lift` turns what came back into a call again, `verify`
compares, `run` drives.
"""
