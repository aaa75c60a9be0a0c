"""The benchmark: what ptrace-net costs, as ratios to the same program run natively in the same minute.

`python -m bench` runs every case (cases.py) under every configuration (configurations.py) in turn,
A B C A B C, for several rounds, so that what else the machine does falls on all alike. A ratio is taken
within a round; the table shows the median of the rounds and their spread. The programs are the C files in
bench/c and well-known servers and clients.
"""
