"""Times: linux/time.h and linux/time_types.h; the old forms follow the word size, the new ones are 64 bits.

A 32-bit program has ``timeval`` and ``timespec`` of 8 bytes until it is built with _TIME_BITS=64; then its C
library uses the options and calls whose names end in _NEW and _time64, with the ``__kernel_`` forms.
"""

from ptrace_net.abi.kinds import kernel_long, s64
from ptrace_net.abi.layout import Field, Layout

timeval = Layout(
    "timeval", "sys/time.h", "Seconds and microseconds, as old as the sockets (struct __kernel_old_timeval).",
    Field("tv_sec", kernel_long, "seconds"),
    Field("tv_usec", kernel_long, "microseconds, 0 to 999999; SO_RCVTIMEO: EDOM beyond"),
    calls="select setsockopt getsockopt",
)  # fmt: skip

timespec = Layout(
    "timespec", "time.h", "Seconds and nanoseconds (struct __kernel_old_timespec).",
    Field("tv_sec", kernel_long, "seconds"),
    Field("tv_nsec", kernel_long, "nanoseconds, 0 to 999999999"),
    calls="ppoll pselect6 recvmmsg epoll_pwait2",
)  # fmt: skip

kernel_timespec = Layout(
    "__kernel_timespec", "linux/time_types.h",
    "The 64-bit timespec: the _time64 calls and SO_TIMESTAMPNS_NEW.",
    Field("tv_sec", s64, "seconds"),
    Field("tv_nsec", s64, "nanoseconds"),
    calls="ppoll_time64 pselect6_time64 recvmmsg_time64 epoll_pwait2",
)  # fmt: skip

kernel_sock_timeval = Layout(
    "__kernel_sock_timeval", "linux/time_types.h", "The 64-bit timeval: SO_RCVTIMEO_NEW, SO_TIMESTAMP_NEW.",
    Field("tv_sec", s64, "seconds"),
    Field("tv_usec", s64, "microseconds"),
    calls="setsockopt getsockopt",
)  # fmt: skip
