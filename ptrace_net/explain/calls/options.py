"""Configuring sockets: getsockopt(2), setsockopt(2), ioctl(2), fcntl(2)."""

from ptrace_net.abi.constants.fcntl import F
from ptrace_net.abi.constants.socket import SOL
from ptrace_net.abi.constants.sockios import FIO, SIOC
from ptrace_net.explain.calls.model import NOT_A_SOCKET, Call, rows
from ptrace_net.syscalls.table import FD, INT, IOCTL, Argument

_WHICH = rows("""
    level    the protocol it belongs to
    optname  the option; `explain` knows each by name
""")

OPTIONS = (
    Call(
        "getsockopt",
        "Read an option.",
        docs=_WHICH + rows("""
            optval  where the value goes
            optlen  room there, in; bytes written, out
        """),
        result="0",
        errors=NOT_A_SOCKET + rows("""
            ENOPROTOOPT  the level has no such option, or it cannot be read
            EOPNOTSUPP   the protocol has no such level
            EINVAL       optlen is below 0, or too short
            EFAULT       optval or optlen is not in the program's memory
        """),
        flags=(SOL,),
        notes="The value is cut to optlen without an error; most int options give as many bytes as fit.",
    ),
    Call(
        "setsockopt",
        "Set an option.",
        docs=_WHICH + rows("""
            optval  the value
            optlen  its bytes
        """),
        result="0",
        errors=NOT_A_SOCKET + rows("""
            ENOPROTOOPT  the level has no such option, or it cannot be set
            EOPNOTSUPP   the protocol has no such level
            EINVAL       optlen is too short, or the value is out of range, or the state forbids it
            EPERM        the option needs a capability
            EDOM         a timeout whose microseconds are out of range
            EBUSY        the option is locked (SO_BUF_LOCK, TCP_ULP…)
            EFAULT       optval is not in the program's memory
        """),
        flags=(SOL,),
        notes="More bytes than the value needs are ignored; some IP options take one byte.",
    ),
    Call(
        "ioctl",
        "Ask a socket, an interface or the routing tables something, by number.",
        docs=rows("""
            request  what: SIOC*, FIO*
            argp     a struct or an int that the request decides
        """),
        result="0",
        errors=rows("""
            EBADF          fd is not an open descriptor
            ENOTTY         the descriptor has no such request
            ENODEV         there is no such interface
            EADDRNOTAVAIL  the interface has no such address
            EINVAL         the argument is out of range, or the state forbids it
            EPERM          the request needs CAP_NET_ADMIN
            EFAULT         argp is not in the program's memory
        """),
        flags=(SIOC, FIO),
    ),
    Call(
        "fcntl",
        "Duplicate a descriptor, read or set its flags.",
        docs=rows("""
            fd   descriptor
            cmd  what
            arg  an int or a pointer that cmd decides
        """),
        result="what cmd asks for",
        errors=rows("""
            EBADF   fd is not an open descriptor
            EINVAL  cmd or arg is out of range
            EMFILE  F_DUPFD: no descriptor left
            EPERM   F_SETFL: clearing O_APPEND of an append-only file
        """),
        flags=(F,),
        own=(
            Argument("fd", FD),
            Argument("cmd", INT),
            Argument("arg", IOCTL),
        ),
    ),
)
