"""ptrace-net: service the network system calls of unmodified Linux programs.

In a checkout the packages ``ptrace_net.abi``, ``ptrace_net.syscalls`` and ``ptrace_net.policies`` live beside
this folder (setup.cfg maps them there), so the repository root joins the package's search path.
"""

import os

_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.isfile(os.path.join(_root, "setup.cfg")):
    __path__.append(_root)

__version__ = "0.1.0"
