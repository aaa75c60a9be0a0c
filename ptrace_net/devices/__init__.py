"""Devices: where frames go to and come from, and wrappers that capture, impair or trace any of them.

A device takes and gives ``stack.frame.Frame`` values; the stack does not know which one it has.  Time is an
argument here as well, so that all but the file descriptors can be tested without a clock.
"""
