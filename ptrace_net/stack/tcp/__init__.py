"""TCP (RFC 9293), split into small parts around a state table (states.py).

Positions in the stream are plain Python integers that never wrap; only ``segment`` and ``sequence`` know the
32 bits of the wire.  docs/stack.md says which part does what.
"""
