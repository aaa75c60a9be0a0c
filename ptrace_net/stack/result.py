"""What a call on a handle says when it has no value: an errno, as a type of its own."""

import errno
import os
from typing import NamedTuple


class Fail(NamedTuple):
    """``errno`` is positive, as in errno.h."""

    errno: int

    def __str__(self) -> str:
        return f"{errno.errorcode.get(self.errno, self.errno)} ({os.strerror(self.errno)})"


AGAIN = Fail(errno.EAGAIN)
IN_PROGRESS = Fail(errno.EINPROGRESS)
NOT_CONNECTED = Fail(errno.ENOTCONN)
BROKEN_PIPE = Fail(errno.EPIPE)
INVALID = Fail(errno.EINVAL)
IN_USE = Fail(errno.EADDRINUSE)
NOT_AVAILABLE = Fail(errno.EADDRNOTAVAIL)
NO_ROUTE = Fail(errno.ENETUNREACH)
TOO_BIG = Fail(errno.EMSGSIZE)
FAULT = Fail(errno.EFAULT)
NO_DESTINATION = Fail(errno.EDESTADDRREQ)
