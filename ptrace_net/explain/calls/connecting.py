"""Making, naming and connecting sockets: socket(2), bind(2), listen(2), accept(2), connect(2), shutdown(2)…"""

from ptrace_net.abi.constants.in_ import IPPROTO
from ptrace_net.abi.constants.socket import AF, SHUT, SOCK
from ptrace_net.explain.calls.model import BAD_NAME_OUT, NAME_OUT, NOT_A_SOCKET, Call

_TYPE_DOCS = (
    ("SOCK_STREAM", "bytes in order, connected: TCP"),
    ("SOCK_DGRAM", "datagrams: UDP"),
    ("SOCK_SEQPACKET", "datagrams in order, connected"),
    ("SOCK_RAW", "packets of a protocol; needs CAP_NET_RAW for inet"),
    ("SOCK_NONBLOCK", "O_NONBLOCK from the start"),
    ("SOCK_CLOEXEC", "FD_CLOEXEC from the start"),
)
_CREATE_DOCS = (
    ("domain", "address family"),
    ("type", "kind of socket, with SOCK_NONBLOCK and SOCK_CLOEXEC"),
    ("protocol", "0: the usual one of the type"),
)
_CREATE_ERRORS = (
    ("EAFNOSUPPORT", "the kernel has no such family, or not for this protocol"),
    ("EPROTONOSUPPORT", "the family has no such type or protocol"),
    ("ESOCKTNOSUPPORT", "the family has no such type (inet: unknown type and protocol)"),
    ("EINVAL", "unknown flags in type, or a type or protocol out of range"),
    ("EMFILE", "the process has no descriptor left"),
    ("ENFILE", "the system has no file left"),
    ("ENOBUFS", "no memory"),
    ("EPERM", "SOCK_RAW or SOCK_PACKET without CAP_NET_RAW"),
)

CONNECTING = (
    Call("socket", "Make a socket.", _CREATE_DOCS, "a descriptor", _CREATE_ERRORS, (AF, SOCK, IPPROTO), _TYPE_DOCS),
    Call(
        "socketpair", "Make two sockets that are connected to each other.",
        (*_CREATE_DOCS, ("sv", "the two descriptors, as ints")), "0",
        (*_CREATE_ERRORS, ("EOPNOTSUPP", "the family makes no pairs: only AF_UNIX (and AF_TIPC) does"),
         ("EFAULT", "sv is not in the program's memory")), (AF, SOCK), _TYPE_DOCS,
    ),
    Call(
        "bind", "Give a socket its local address.",
        (("addr", "the address; its family decides its layout"), ("addrlen", "its length in bytes")), "0",
        (*NOT_A_SOCKET, ("EINVAL", "the socket is bound already, or addrlen is too short for the family or above 128"),
         ("EADDRINUSE", "another socket has the address; port 0: no port is free"),
         ("EADDRNOTAVAIL", "no interface of the host has the address"),
         ("EAFNOSUPPORT", "the family of addr is not the socket's (AF_UNSPEC counts as AF_INET for 0.0.0.0)"),
         ("EACCES", "a port below ip_unprivileged_port_start without CAP_NET_BIND_SERVICE; a path without permission"),
         ("ENOENT", "AF_UNIX: the directory does not exist"), ("EFAULT", "addr is not in the program's memory")),
        notes="AF_UNIX: an address of 2 bytes asks for an abstract name (autobind).",
    ),
    Call(
        "listen", "Take connections; the socket is bound to a free port where it has none.",
        (("backlog", "connections that may wait to be accepted; at most net.core.somaxconn (4096)"),), "0",
        (*NOT_A_SOCKET, ("EADDRINUSE", "another socket listens on the port"),
         ("EOPNOTSUPP", "the socket is of a type that takes no connections"),
         ("EINVAL", "the socket is connected, or (AF_UNIX) not bound")),
    ),
    Call(
        "connect", "Connect a socket, or give a datagram socket its peer.",
        (("addr", "the peer; AF_UNSPEC: no peer any more"), ("addrlen", "its length in bytes; more than enough is fine")),
        "0", (*NOT_A_SOCKET, ("EINPROGRESS", "non-blocking: it goes on; wait for POLLOUT, then read SO_ERROR"),
         ("EALREADY", "non-blocking: the connect before is not done yet"), ("EISCONN", "it is connected already"),
         ("ECONNREFUSED", "nobody listens there; of a datagram socket: told by ICMP, at the next call"),
         ("ETIMEDOUT", "no answer after TCP_SYNCNT tries, or within TCP_USER_TIMEOUT"),
         ("ENETUNREACH", "there is no route"), ("EHOSTUNREACH", "the host does not answer ARP or ND, or ICMP said so"),
         ("EADDRNOTAVAIL", "no local port is free, or no source address fits"),
         ("EADDRINUSE", "the local address is in use"), ("EAFNOSUPPORT", "the family of addr is not the socket's"),
         ("EINVAL", "addrlen is too short for the family, or the state allows no connect"),
         ("EINTR", "a signal came first; the connection goes on: poll, do not call again"),
         ("EACCES", "a broadcast address without SO_BROADCAST; a filter forbids it"),
         ("EAGAIN", "AF_UNIX, non-blocking: the peer's backlog is full"), ("ENOENT", "AF_UNIX: there is no such path"),
         ("EFAULT", "addr is not in the program's memory")),
        notes="connect to 0.0.0.0 or :: means the host itself.",
    ),
    Call(
        "accept", "Take the first connection that waits.", NAME_OUT, "the descriptor of the connection",
        (*NOT_A_SOCKET, ("EAGAIN", "non-blocking: none waits"), ("EINVAL", "the socket does not listen"),
         ("EOPNOTSUPP", "the socket is of a type that takes no connections"), ("EINTR", "a signal came first"),
         ("ECONNABORTED", "the connection was gone before it was taken"),
         ("EMFILE", "the process has no descriptor left; the connection keeps waiting"), *BAD_NAME_OUT,
         ("EPERM", "a filter forbids it")),
        notes="The new socket does not inherit O_NONBLOCK; it does inherit most options.",
    ),
    Call(
        "accept4", "accept(2) with flags for the new descriptor.",
        (*NAME_OUT, ("flags", "SOCK_NONBLOCK and SOCK_CLOEXEC for the new descriptor")),
        "the descriptor of the connection",
        (*NOT_A_SOCKET, ("EAGAIN", "non-blocking: none waits"), ("EINVAL", "it does not listen, or unknown flags"),
         ("EOPNOTSUPP", "the socket is of a type that takes no connections"), ("EINTR", "a signal came first"),
         ("ECONNABORTED", "the connection was gone before it was taken"),
         ("EMFILE", "the process has no descriptor left"), *BAD_NAME_OUT), (SOCK,),
    ),
    Call(
        "getsockname", "The local address of a socket.", NAME_OUT, "0", (*NOT_A_SOCKET, *BAD_NAME_OUT),
        notes="An unbound inet socket has 0.0.0.0 or :: and port 0.",
    ),
    Call(
        "getpeername", "The address of the peer.", NAME_OUT, "0",
        (*NOT_A_SOCKET, ("ENOTCONN", "the socket has no peer"), *BAD_NAME_OUT),
    ),
    Call(
        "shutdown", "End one direction of a connection, for all who have the socket.",
        (("how", "which direction"),), "0",
        (*NOT_A_SOCKET, ("ENOTCONN", "the socket is not connected (UDP: it is done all the same)"),
         ("EINVAL", "how is none of the three")), (SHUT,),
        (("SHUT_RD", "no more receiving: 0 bytes from now on"), ("SHUT_WR", "no more sending: the peer gets the end"),
         ("SHUT_RDWR", "both")),
    ),
)  # fmt: skip
