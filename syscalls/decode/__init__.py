"""Socket calls as values: what the arguments are and what lies behind them; rendered elsewhere.

``decode_entry`` reads what a call brings, ``decode_exit`` what it leaves; neither raises. Memory that cannot
be read is shown as the pointer, as strace(1) does.
"""

from ptrace_net.syscalls.decode.call import DecodedCall, Entry, Step, decode_entry, decode_exit

__all__ = ["DecodedCall", "Entry", "Step", "decode_entry", "decode_exit"]
