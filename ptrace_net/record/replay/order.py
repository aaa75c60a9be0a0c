"""In which order the calls of a log are made again.

A log has calls in the order in which they returned. Where two tasks work together that is the wrong order
for half of them: an accept returns before the connect that it waits for does. So what gives (connect,
send, close) is made where it began, and what takes (accept, recv, a wait) where it ended. A log that has
neither lines nor times to tell stays as it is.
"""

from collections.abc import Sequence

from ptrace_net.record.model import Call, Record
from ptrace_net.record.signatures import canonical, words

GIVES = words("connect sendto sendmsg sendmmsg write writev sendfile splice close shutdown listen bind")


def ordered(records: Sequence[Record]) -> list[int]:
    """The numbers of `records` in the order in which to make them."""
    if len({record.source.file for record in records}) <= 1 and all(record.source.line for record in records):
        keys = [float(_line(record)) for record in records]
    elif records and all(record.started is not None for record in records):
        keys = _times(records)
    else:
        return list(range(len(records)))
    return sorted(range(len(records)), key=lambda place: (keys[place], place))


def _line(record: Record) -> int:
    if not isinstance(record, Call) or canonical(record.name) in GIVES:
        return record.source.line
    return record.ended or record.source.line


def _times(records: Sequence[Record]) -> list[float]:
    """Beginnings and ends; an end that is not known is the beginning of the task's next record."""
    keys = [0.0] * len(records)
    following: dict[int, float] = {}
    for place in reversed(range(len(records))):
        record = records[place]
        begun = record.started or 0.0
        keys[place] = begun
        if isinstance(record, Call) and canonical(record.name) not in GIVES:
            ended = (
                begun + record.duration if record.duration is not None else following.get(record.task, begun)
            )
            keys[place] = max(begun, ended)
        following[record.task] = begun
    return keys
