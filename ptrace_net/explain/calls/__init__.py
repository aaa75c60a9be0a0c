"""The calls that explain knows: ``CALLS["sendmsg"]``; the pages of section 2 of the manual, in short.

What an argument is comes from the table that also decodes it (``ptrace_net.syscalls.table``); the calls that
are never intercepted (poll, epoll, select, fcntl) declare theirs here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ptrace_net.explain.calls.connecting import CONNECTING
from ptrace_net.explain.calls.messages import MESSAGES
from ptrace_net.explain.calls.model import Call
from ptrace_net.explain.calls.options import OPTIONS
from ptrace_net.explain.calls.waiting import WAITING

CALLS: Mapping[str, Call] = MappingProxyType(
    {call.name: call for call in (*CONNECTING, *MESSAGES, *OPTIONS, *WAITING)}
)

__all__ = ["CALLS", "Call"]
