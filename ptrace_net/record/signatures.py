"""What the arguments of the recorded calls are: the prototypes of socket(2) and its relatives, as one table.

Each word is ``name:kind`` in the order of the registers, named as in the man pages. The kinds say what
importers make of a bare number, what diff compares, and what replay builds in memory:

    fd        descriptor              int size          numbers              ms        milliseconds
    domain type sockflags protocol level optname how cmd request msgflags openflags   numbers that have names
    addr      sockaddr, read          addr_out          sockaddr, written    lenp      socklen_t *, both
    buf       memory, read            buf_out           memory, written      ptr       not followed
    optval    option value, read      optval_out        option value, written
    msg msg_out mmsg mmsg_out iov iov_out               message headers and vectors
    pollfds   struct pollfd[], both   epev              epoll_event, read    epev_out  epoll_event[]
    fdpair    int[2], written         fdset             fd_set *, both       arg       depends on cmd
"""

from functools import cache
from typing import NamedTuple


def words(text: str) -> frozenset[str]:
    """A set of names, written as one text."""
    return frozenset(text.split())


class Param(NamedTuple):
    """One argument: its name in the man page and its kind."""

    name: str
    kind: str


_TABLE = """
socket         family:domain type:type protocol:protocol
socketpair     family:domain type:type protocol:protocol sv:fdpair
bind           fd:fd addr:addr addrlen:size
connect        fd:fd addr:addr addrlen:size
listen         fd:fd backlog:int
accept         fd:fd addr:addr_out addrlen:lenp
accept4        fd:fd addr:addr_out addrlen:lenp flags:sockflags
getsockname    fd:fd addr:addr_out addrlen:lenp
getpeername    fd:fd addr:addr_out addrlen:lenp
setsockopt     fd:fd level:level optname:optname optval:optval optlen:size
getsockopt     fd:fd level:level optname:optname optval:optval_out optlen:lenp
shutdown       fd:fd how:how
sendto         fd:fd buf:buf len:size flags:msgflags addr:addr addrlen:size
recvfrom       fd:fd buf:buf_out len:size flags:msgflags addr:addr_out addrlen:lenp
sendmsg        fd:fd msg:msg flags:msgflags
recvmsg        fd:fd msg:msg_out flags:msgflags
sendmmsg       fd:fd msgvec:mmsg vlen:int flags:msgflags
recvmmsg       fd:fd msgvec:mmsg_out vlen:int flags:msgflags timeout:ptr
read           fd:fd buf:buf_out count:size
write          fd:fd buf:buf count:size
readv          fd:fd iov:iov_out iovcnt:int
writev         fd:fd iov:iov iovcnt:int
sendfile       out_fd:fd in_fd:fd offset:ptr count:size
splice         fd_in:fd off_in:ptr fd_out:fd off_out:ptr len:size flags:int
close          fd:fd
dup            fd:fd
dup2           oldfd:fd newfd:newfd
dup3           oldfd:fd newfd:newfd flags:openflags
fcntl          fd:fd cmd:cmd arg:arg
ioctl          fd:fd request:request arg:arg
pipe           fds:fdpair
pipe2          fds:fdpair flags:openflags
eventfd2       initval:int flags:openflags
poll           fds:pollfds nfds:int timeout:ms
ppoll          fds:pollfds nfds:int timeout:ptr sigmask:ptr sigsetsize:size
select         nfds:int readfds:fdset writefds:fdset exceptfds:fdset timeout:ptr
pselect6       nfds:int readfds:fdset writefds:fdset exceptfds:fdset timeout:ptr sigmask:ptr
epoll_create   size:int
epoll_create1  flags:openflags
epoll_ctl      epfd:fd op:epop fd:fd event:epev
epoll_wait     epfd:fd events:epev_out maxevents:int timeout:ms
epoll_pwait    epfd:fd events:epev_out maxevents:int timeout:ms sigmask:ptr sigsetsize:size
"""

SOCKET_FAMILY = words(
    "socket socketpair bind connect listen accept accept4 getsockname getpeername setsockopt getsockopt "
    "shutdown sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg"
)
"""Calls that are about sockets whatever their descriptor is."""

NEW_DESCRIPTOR = words(
    "socket accept accept4 dup dup2 dup3 epoll_create epoll_create1 eventfd2 open openat openat2 creat "
    "pidfd_open timerfd_create signalfd4 memfd_create inotify_init1"
)
"""Calls whose result is a descriptor (fcntl's F_DUPFD aside)."""

NEW_TASK = frozenset(["fork", "vfork", "clone", "clone3"])
NO_RETURN = frozenset(["exit", "exit_group", "rt_sigreturn"])
ALIASES = {
    "fcntl64": "fcntl",
    "send": "sendto",
    "recv": "recvfrom",
    "_newselect": "select",
    "eventfd": "eventfd2",
}


@cache
def _table() -> dict[str, tuple[Param, ...]]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return {row[0]: tuple(Param(*word.split(":")) for word in row[1:]) for row in rows}


def params(name: str) -> tuple[Param, ...]:
    """The arguments of call `name`; empty for a call that the table does not have."""
    return _table().get(canonical(name), ())


def canonical(name: str) -> str:
    """The name under which a call is known here: ``fcntl64`` is ``fcntl``."""
    return ALIASES.get(name, name)


def index_of(name: str, kind: str) -> int | None:
    """The position of the first argument of `kind` in call `name`, or None."""
    return next((place for place, param in enumerate(params(name)) if param.kind == kind), None)
