"""Sending and receiving: send(2), sendmsg(2), sendmmsg(2), recv(2), recvmsg(2), recvmmsg(2)."""

from ptrace_net.abi.constants.socket import MSG
from ptrace_net.explain.calls.model import NOT_A_SOCKET, Call, rows

_SEND_FLAGS = rows("""
    MSG_OOB        one byte of urgent data
    MSG_DONTROUTE  to hosts on a link only
    MSG_DONTWAIT   do not block, this once
    MSG_EOR        end of a record
    MSG_CONFIRM    the neighbour has answered: no ARP needed
    MSG_NOSIGNAL   EPIPE without SIGPIPE
    MSG_MORE       more is to come: gather (TCP_CORK, UDP_CORK for one call)
    MSG_ZEROCOPY   do not copy; the error queue tells when the pages are free (needs SO_ZEROCOPY)
    MSG_FASTOPEN   connect and send in one
""")
_RECEIVE_FLAGS = rows("""
    MSG_OOB           take urgent data
    MSG_PEEK          leave it in the queue
    MSG_TRUNC         return the whole length of a datagram; TCP: discard instead of copying
    MSG_DONTWAIT      do not block, this once
    MSG_WAITALL       wait until the buffer is full (streams)
    MSG_ERRQUEUE      take from the error queue
    MSG_CMSG_CLOEXEC  FD_CLOEXEC for descriptors that come in SCM_RIGHTS
    MSG_WAITFORONE    recvmmsg: do not block after the first
    MSG_CTRUNC        out: control messages were cut for want of room
""")
_SEND_ERRORS = NOT_A_SOCKET + rows("""
    EAGAIN        non-blocking: no room in the send buffer, or SO_SNDTIMEO has passed
    EPIPE         the connection is shut for sending; SIGPIPE comes too, without MSG_NOSIGNAL
    ECONNRESET    the peer reset the connection
    ENOTCONN      a stream that is not connected
    EDESTADDRREQ  a datagram without an address on a socket without a peer
    EISCONN       an address on a connected socket that takes none (AF_UNIX stream)
    EMSGSIZE      the datagram is larger than the protocol or the path allows
    ECONNREFUSED  ICMP said so of an earlier datagram of a connected socket
    EACCES        a broadcast address without SO_BROADCAST
    ENETUNREACH   there is no route
    EINVAL        the address is too short or too long, or an argument is out of range
    EAFNOSUPPORT  the family of the address is not the socket's
    EOPNOTSUPP    a flag that the protocol does not have
    EINTR         a signal came before anything was sent
    ENOBUFS       the queue of the device is full (usually dropped in silence)
    EFAULT        a buffer is not in the program's memory
""")
_RECEIVE_ERRORS = NOT_A_SOCKET + rows("""
    EAGAIN        non-blocking: nothing there, or SO_RCVTIMEO has passed
    ENOTCONN      a stream that is not connected
    ECONNRESET    the peer reset the connection
    ECONNREFUSED  ICMP said so of a datagram that was sent
    EINTR         a signal came before anything was received
    EINVAL        an argument is out of range; MSG_OOB with none there
    EFAULT        a buffer is not in the program's memory
""")
_BUF_IN = rows("""
    buf  what to send
    len  its bytes
""")
_BUF_OUT = rows("""
    buf  where it goes
    len  room there, in bytes
""")
_CONTROL_IN = rows("""
    EINVAL        a cmsg_len that is too short or too long, an unknown type for the level
    EMSGSIZE      msg_iovlen above 1024
    ETOOMANYREFS  too many descriptors in flight (SCM_RIGHTS)
    EPERM         SCM_CREDENTIALS that are not the sender's own, without privilege
""")

MESSAGES = (
    Call(
        "sendto",
        "Send bytes, to an address where one is given.",
        docs=_BUF_IN + rows("""
            flags    MSG_*
            addr     destination, or NULL; ignored by connected TCP
            addrlen  its length
        """),
        result="bytes sent",
        errors=_SEND_ERRORS,
        flags=(MSG,),
        flag_docs=_SEND_FLAGS,
        notes="send(2) of the C library is sendto without an address where there is no call of its own.",
    ),
    Call(
        "send",
        "Send bytes on a connected socket (a call of its own on arm and in socketcall).",
        docs=_BUF_IN + rows("""
            flags  MSG_*
        """),
        result="bytes sent",
        errors=_SEND_ERRORS,
        flags=(MSG,),
        flag_docs=_SEND_FLAGS,
    ),
    Call(
        "recvfrom",
        "Receive bytes, and the address they came from.",
        docs=_BUF_OUT + rows("""
            flags    MSG_*
            addr     where the source goes, or NULL
            addrlen  room at addr, in; the source's own length, out (0: connected TCP)
        """),
        result="bytes received; 0: the peer has ended, or an empty datagram",
        errors=_RECEIVE_ERRORS,
        flags=(MSG,),
        flag_docs=_RECEIVE_FLAGS,
        notes="A datagram longer than the buffer loses its rest.",
    ),
    Call(
        "recv",
        "Receive bytes (a call of its own on arm and in socketcall).",
        docs=_BUF_OUT + rows("""
            flags  MSG_*
        """),
        result="bytes received; 0: the peer has ended",
        errors=_RECEIVE_ERRORS,
        flags=(MSG,),
        flag_docs=_RECEIVE_FLAGS,
    ),
    Call(
        "sendmsg",
        "Send a message: pieces, an address, control messages.",
        docs=rows("""
            msg    the message; msg_flags is not looked at
            flags  MSG_*
        """),
        result="bytes sent",
        errors=_SEND_ERRORS + _CONTROL_IN,
        flags=(MSG,),
        flag_docs=_SEND_FLAGS,
    ),
    Call(
        "recvmsg",
        "Receive a message: pieces, the source, control messages.",
        docs=rows("""
            msg    in: the room; out: msg_namelen, msg_controllen and msg_flags
            flags  MSG_*
        """),
        result="bytes received; 0: the peer has ended, or an empty datagram",
        errors=_RECEIVE_ERRORS + rows("""
            EMSGSIZE  msg_iovlen above 1024
        """),
        flags=(MSG,),
        flag_docs=_RECEIVE_FLAGS,
        notes="Control messages that do not fit are cut: MSG_CTRUNC; descriptors that were cut are closed.",
    ),
    Call(
        "sendmmsg",
        "Send several messages.",
        docs=rows("""
            msgvec  the messages; msg_len is set for each that was sent
            vlen    how many; 1024 at most
            flags   MSG_*
        """),
        result="messages sent; an error only where the first could not be",
        errors=_SEND_ERRORS + _CONTROL_IN,
        flags=(MSG,),
        flag_docs=_SEND_FLAGS,
    ),
    Call(
        "recvmmsg",
        "Receive several messages.",
        docs=rows("""
            msgvec   the messages; msg_len is set for each that came
            vlen     how many; 1024 at most
            flags    MSG_*
            timeout  how long to go on; looked at between messages only
        """),
        result="messages received; an error only where there was no first",
        errors=_RECEIVE_ERRORS,
        flags=(MSG,),
        flag_docs=_RECEIVE_FLAGS,
    ),
)
