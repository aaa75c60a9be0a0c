"""Making, naming and connecting sockets: socket(2), bind(2), accept(2), connect(2)…"""

from ptrace_net.abi.constants.in_ import IPPROTO
from ptrace_net.abi.constants.socket import AF, SHUT, SOCK
from ptrace_net.explain.calls.model import BAD_NAME_OUT, NAME_OUT, NOT_A_SOCKET, Call, rows

_TYPE_DOCS = rows("""
    SOCK_STREAM     bytes in order, connected: TCP
    SOCK_DGRAM      datagrams: UDP
    SOCK_SEQPACKET  datagrams in order, connected
    SOCK_RAW        packets of a protocol; needs CAP_NET_RAW for inet
    SOCK_NONBLOCK   O_NONBLOCK from the start
    SOCK_CLOEXEC    FD_CLOEXEC from the start
""")
_CREATE_DOCS = rows("""
    domain    address family
    type      kind of socket, with SOCK_NONBLOCK and SOCK_CLOEXEC
    protocol  0: the usual one of the type
""")
_CREATE_ERRORS = rows("""
    EAFNOSUPPORT     the kernel has no such family, or not for this protocol
    EPROTONOSUPPORT  the family has no such type or protocol
    ESOCKTNOSUPPORT  the family has no such type (inet: unknown type and protocol)
    EINVAL           unknown flags in type, or a type or protocol out of range
    EMFILE           the process has no descriptor left
    ENFILE           the system has no file left
    ENOBUFS          no memory
    EPERM            SOCK_RAW or SOCK_PACKET without CAP_NET_RAW
""")

CONNECTING = (
    Call(
        "socket",
        "Make a socket.",
        docs=_CREATE_DOCS,
        result="a descriptor",
        errors=_CREATE_ERRORS,
        flags=(AF, SOCK, IPPROTO),
        flag_docs=_TYPE_DOCS,
    ),
    Call(
        "socketpair",
        "Make two sockets that are connected to each other.",
        docs=_CREATE_DOCS + rows("""
            sv  the two descriptors, as ints
        """),
        result="0",
        errors=_CREATE_ERRORS + rows("""
            EOPNOTSUPP  the family makes no pairs: only AF_UNIX (and AF_TIPC) does
            EFAULT      sv is not in the program's memory
        """),
        flags=(AF, SOCK),
        flag_docs=_TYPE_DOCS,
    ),
    Call(
        "bind",
        "Give a socket its local address.",
        docs=rows("""
            addr     the address; its family decides its layout
            addrlen  its length in bytes
        """),
        result="0",
        errors=NOT_A_SOCKET + rows("""
            EINVAL         the socket is bound already, or addrlen is too short for the family or above 128
            EADDRINUSE     another socket has the address; port 0: no port is free
            EADDRNOTAVAIL  no interface of the host has the address
            EAFNOSUPPORT   the family of addr is not the socket's (AF_UNSPEC counts as AF_INET for 0.0.0.0)
            EACCES         a port below 1024 (ip_unprivileged_port_start) without CAP_NET_BIND_SERVICE
            ENOENT         AF_UNIX: the directory does not exist
            EFAULT         addr is not in the program's memory
        """),
        notes="AF_UNIX: an address of 2 bytes asks for an abstract name (autobind).",
    ),
    Call(
        "listen",
        "Take connections; the socket is bound to a free port where it has none.",
        docs=rows("""
            backlog  connections that may wait to be accepted; at most net.core.somaxconn (4096)
        """),
        result="0",
        errors=NOT_A_SOCKET + rows("""
            EADDRINUSE  another socket listens on the port
            EOPNOTSUPP  the socket is of a type that takes no connections
            EINVAL      the socket is connected, or (AF_UNIX) not bound
        """),
    ),
    Call(
        "connect",
        "Connect a socket, or give a datagram socket its peer.",
        docs=rows("""
            addr     the peer; AF_UNSPEC: no peer any more
            addrlen  its length in bytes; more than enough is fine
        """),
        result="0",
        errors=NOT_A_SOCKET + rows("""
            EINPROGRESS    non-blocking: it goes on; wait for POLLOUT, then read SO_ERROR
            EALREADY       non-blocking: the connect before is not done yet
            EISCONN        it is connected already
            ECONNREFUSED   nobody listens there; of a datagram socket: told by ICMP, at the next call
            ETIMEDOUT      no answer after TCP_SYNCNT tries, or within TCP_USER_TIMEOUT
            ENETUNREACH    there is no route
            EHOSTUNREACH   the host does not answer ARP or ND, or ICMP said so
            EADDRNOTAVAIL  no local port is free, or no source address fits
            EADDRINUSE     the local address is in use
            EAFNOSUPPORT   the family of addr is not the socket's
            EINVAL         addrlen is too short for the family, or the state allows no connect
            EINTR          a signal came first; the connection goes on: poll, do not call again
            EACCES         a broadcast address without SO_BROADCAST; a filter forbids it
            EAGAIN         AF_UNIX, non-blocking: the peer's backlog is full
            ENOENT         AF_UNIX: there is no such path
            EFAULT         addr is not in the program's memory
        """),
        notes="connect to 0.0.0.0 or :: means the host itself.",
    ),
    Call(
        "accept",
        "Take the first connection that waits.",
        docs=NAME_OUT,
        result="the descriptor of the connection",
        errors=NOT_A_SOCKET + rows("""
            EAGAIN        non-blocking: none waits
            EINVAL        the socket does not listen
            EOPNOTSUPP    the socket is of a type that takes no connections
            EINTR         a signal came first
            ECONNABORTED  the connection was gone before it was taken
            EMFILE        the process has no descriptor left; the connection keeps waiting
        """) + BAD_NAME_OUT + rows("""
            EPERM  a filter forbids it
        """),
        notes="The new socket does not inherit O_NONBLOCK; it does inherit most options.",
    ),
    Call(
        "accept4",
        "accept(2) with flags for the new descriptor.",
        docs=NAME_OUT + rows("""
            flags  SOCK_NONBLOCK and SOCK_CLOEXEC for the new descriptor
        """),
        result="the descriptor of the connection",
        errors=NOT_A_SOCKET + rows("""
            EAGAIN        non-blocking: none waits
            EINVAL        it does not listen, or unknown flags
            EOPNOTSUPP    the socket is of a type that takes no connections
            EINTR         a signal came first
            ECONNABORTED  the connection was gone before it was taken
            EMFILE        the process has no descriptor left
        """) + BAD_NAME_OUT,
        flags=(SOCK,),
    ),
    Call(
        "getsockname",
        "The local address of a socket.",
        docs=NAME_OUT,
        result="0",
        errors=NOT_A_SOCKET + BAD_NAME_OUT,
        notes="An unbound inet socket has 0.0.0.0 or :: and port 0.",
    ),
    Call(
        "getpeername",
        "The address of the peer.",
        docs=NAME_OUT,
        result="0",
        errors=NOT_A_SOCKET + rows("""
            ENOTCONN  the socket has no peer
        """) + BAD_NAME_OUT,
    ),
    Call(
        "shutdown",
        "End one direction of a connection, for all who have the socket.",
        docs=rows("""
            how  which direction
        """),
        result="0",
        errors=NOT_A_SOCKET + rows("""
            ENOTCONN  the socket is not connected (UDP: it is done all the same)
            EINVAL    how is none of the three
        """),
        flags=(SHUT,),
        flag_docs=rows("""
            SHUT_RD    no more receiving: 0 bytes from now on
            SHUT_WR    no more sending: the peer gets the end
            SHUT_RDWR  both
        """),
    ),
)
