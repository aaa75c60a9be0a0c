"""What the command line asks of a run."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ptrace_net.device_options import Links
    from ptrace_net.needs.collect import Collector
    from ptrace_net.policies.policy import Policy
    from ptrace_net.publish_option import Ports


class Options(NamedTuple):
    """The options of `ptrace-net run`."""

    argv: list[str]
    policy: Policy
    engine: str = "auto"
    net: str = "host"  # who services inet sockets: host, stack or none
    publish: Ports = MappingProxyType({})  # what -p asked for
    links: Links | None = None  # devices, captures and impairments, where any were asked for
    trace: str | None = None  # file name, "-" for standard error
    json: bool = False
    record: str | None = None  # file name
    record_payload: int | None = None  # bytes kept of each buffer; None for all
    record_io: bool = False
    collector: Collector | None = None  # looks at every call
    name: str | None = None  # what others find the run by
    background: bool = False  # return when the first process has exited
    join: str | None = None  # the name of the run to run in
    views: str = "auto"  # whether /proc/net and /sys/class/net show the run's network: auto, on or off
