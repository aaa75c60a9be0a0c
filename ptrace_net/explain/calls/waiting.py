"""Waiting for descriptors: poll(2), select(2), epoll(7)."""

from ptrace_net.abi.constants.poll import EPOLL, EPOLL_CTL, POLL
from ptrace_net.explain.calls.model import Call, rows
from ptrace_net.syscalls.table import FD, INT, SIZE, TIMESPEC, Argument, Kind

_POLLFD, _EVENT = Kind("pollfd", "pointer"), Kind("epoll_event", "pointer")
_SET, _MASK, _TIMEVAL = Kind("fd_set", "pointer"), Kind("sigset", "pointer"), Kind("timeval", "pointer")

_EVENTS = rows("""
    POLLIN     there is something to read, a connection to accept, or the end
    POLLOUT    there is room to send; a connect is done
    POLLPRI    urgent data
    POLLERR    an error waits (SO_ERROR) or the error queue holds something; unasked
    POLLHUP    both directions are closed; unasked
    POLLRDHUP  the peer has closed its sending side
    POLLNVAL   the descriptor is not open; unasked
""")
_EPOLL_FLAGS = rows("""
    EPOLLIN         as POLLIN
    EPOLLOUT        as POLLOUT
    EPOLLRDHUP      as POLLRDHUP
    EPOLLET         edge-triggered: tell of changes only
    EPOLLONESHOT    tell once, then wait for EPOLL_CTL_MOD
    EPOLLEXCLUSIVE  wake one of several epoll sets, not all
    EPOLLWAKEUP     keep the system from suspending
""")
_COMMON = rows("""
    EFAULT  memory that is not the program's
    EINTR   a signal came first
""")
_EPOLL_DOCS = rows("""
    epfd       the epoll set
    events     where events go
    maxevents  room there, above 0
""")
_EPOLL_ERRORS = _COMMON + rows("""
    EBADF   epfd is not open
    EINVAL  epfd is no epoll set; maxevents below 1
""")
_POLL_DOCS = rows("""
    fds   descriptors and the events to wait for; revents is set
    nfds  how many
""")
_POLL_ERRORS = _COMMON + rows("""
    EINVAL  nfds above RLIMIT_NOFILE
    ENOMEM  no memory
""")
_SELECT_DOCS = rows("""
    nfds       the highest descriptor + 1
    readfds    to read
    writefds   to write
    exceptfds  with urgent data
""")
_SELECT_ERRORS = _COMMON + rows("""
    EBADF   a descriptor in a set is not open
    EINVAL  nfds or the time is below 0
""")

_EPOLL_WAIT = (
    Argument("epfd", FD),
    Argument("events", _EVENT, "out", "maxevents"),
    Argument("maxevents", INT),
    Argument("timeout", INT),
)
_POLL_ARGUMENTS = (
    Argument("fds", _POLLFD, "inout", "nfds"),
    Argument("nfds", SIZE),
)
_SELECT = (
    Argument("nfds", INT),
    Argument("readfds", _SET, "inout"),
    Argument("writefds", _SET, "inout"),
    Argument("exceptfds", _SET, "inout"),
)

WAITING = (
    Call(
        "poll",
        "Wait until one of several descriptors is ready.",
        docs=_POLL_DOCS + rows("""
            timeout  ms; -1: for ever
        """),
        result="descriptors with events; 0: the time is over",
        errors=_POLL_ERRORS,
        flags=(POLL,),
        flag_docs=_EVENTS,
        own=(
            *_POLL_ARGUMENTS,
            Argument("timeout", INT),
        ),
    ),
    Call(
        "ppoll",
        "poll(2) with a timespec and a signal mask.",
        docs=_POLL_DOCS + rows("""
            tmo_p       how long; NULL: for ever; out: what was left
            sigmask     signals blocked meanwhile
            sigsetsize  bytes of the mask: 8
        """),
        result="descriptors with events; 0: the time is over",
        errors=_POLL_ERRORS,
        flags=(POLL,),
        flag_docs=_EVENTS,
        own=(
            *_POLL_ARGUMENTS,
            Argument("tmo_p", TIMESPEC, "inout"),
            Argument("sigmask", _MASK, "in"),
            Argument("sigsetsize", SIZE),
        ),
    ),
    Call(
        "select",
        "Wait until one of several descriptors below 1024 is ready.",
        docs=_SELECT_DOCS + rows("""
            timeout  how long; NULL: for ever; out: what was left
        """),
        result="bits set in the three sets; 0: the time is over",
        errors=_SELECT_ERRORS,
        own=(
            *_SELECT,
            Argument("timeout", _TIMEVAL, "inout"),
        ),
    ),
    Call(
        "pselect6",
        "select(2) with a timespec and a signal mask.",
        docs=_SELECT_DOCS + rows("""
            timeout  how long; NULL: for ever
            sig      pointer to the mask and its size
        """),
        result="bits set in the three sets; 0: the time is over",
        errors=_SELECT_ERRORS,
        own=(
            *_SELECT,
            Argument("timeout", TIMESPEC, "inout"),
            Argument("sig", _MASK, "in"),
        ),
    ),
    Call(
        "epoll_create1",
        "Make an epoll set.",
        docs=rows("""
            flags  EPOLL_CLOEXEC
        """),
        result="a descriptor",
        errors=rows("""
            EINVAL  unknown flags
            EMFILE  no descriptor left
            ENOMEM  no memory
        """),
        own=(
            Argument("flags", INT),
        ),
    ),
    Call(
        "epoll_ctl",
        "Add, change or remove a descriptor of an epoll set.",
        docs=rows("""
            epfd   the epoll set
            op     add, change or remove
            fd     the descriptor
            event  what to wait for, and a word to get back
        """),
        result="0",
        errors=rows("""
            EBADF   epfd or fd is not open
            EEXIST  EPOLL_CTL_ADD: it is in the set
            ENOENT  EPOLL_CTL_MOD, EPOLL_CTL_DEL: it is not in the set
            EINVAL  epfd is no epoll set, or fd is epfd
            EPERM   fd cannot be waited for (a regular file)
            ELOOP   epoll sets in a circle, or nested too deep
            ENOSPC  max_user_watches is reached
            ENOMEM  no memory
            EFAULT  event is not in the program's memory
        """),
        flags=(EPOLL_CTL, EPOLL),
        flag_docs=_EPOLL_FLAGS,
        own=(
            Argument("epfd", FD),
            Argument("op", INT),
            Argument("fd", FD),
            Argument("event", _EVENT, "in"),
        ),
    ),
    Call(
        "epoll_wait",
        "Wait for events of an epoll set.",
        docs=_EPOLL_DOCS + rows("""
            timeout  ms; -1: for ever
        """),
        result="events; 0: the time is over",
        errors=_EPOLL_ERRORS,
        flags=(EPOLL,),
        flag_docs=_EPOLL_FLAGS,
        own=(
            *_EPOLL_WAIT,
        ),
    ),
    Call(
        "epoll_pwait",
        "epoll_wait(2) with a signal mask.",
        docs=_EPOLL_DOCS + rows("""
            timeout     ms; -1: for ever
            sigmask     signals blocked meanwhile
            sigsetsize  bytes of the mask: 8
        """),
        result="events; 0: the time is over",
        errors=_EPOLL_ERRORS,
        flags=(EPOLL,),
        flag_docs=_EPOLL_FLAGS,
        own=(
            *_EPOLL_WAIT,
            Argument("sigmask", _MASK, "in"),
            Argument("sigsetsize", SIZE),
        ),
    ),
)
