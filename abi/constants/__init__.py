"""The named constants of the socket ABI, one module per header; each table is a ``Constants``."""

from ptrace_net.abi.constants.table import Constants

__all__ = ["Constants"]
