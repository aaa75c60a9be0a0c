"""The files that show the network of a run, rendered when a program opens one."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Errno
from ptrace_net.views.catalog import find
from ptrace_net.views.view import View

if TYPE_CHECKING:
    from ptrace_net.sockets.netlink.layer import NetlinkLayer


def view(netlink: NetlinkLayer, path: str) -> bytes | None:
    """The contents of a path; None where it is not one of the network's. Raises Errno(ENOENT)."""
    render = find(path)
    if render is None:
        return None
    text = render(View(netlink.network, netlink.listing, time.monotonic(), _kernel))
    if text is None:
        raise Errno(errno.ENOENT)
    return text.encode("utf-8", "surrogateescape")


def _kernel(name: str) -> str:
    try:
        return Path(f"/proc/self/net/{name}").read_text(errors="surrogateescape")
    except OSError:
        return ""
