"""In which order the calls of a log are made again.

A log has calls in the order in which they returned. Where two tasks work together that is the wrong order
for half of them: an accept returns before the connect that it waits for does. So what gives (connect, send,
close) is made where it began, and so is what found nothing there (EAGAIN, no events); what takes (accept,
recv, a wait) is made where it ended. A log that has neither lines nor times to tell stays as it is.
"""

from collections.abc import Sequence

from ptrace_net.record.model import Call, Record, number_of
from ptrace_net.record.signatures import canonical, words

GIVES = words("connect sendto sendmsg sendmmsg write writev sendfile splice close shutdown listen bind")
_WAITS = words("poll ppoll select pselect6 epoll_wait epoll_pwait")

Span = tuple[float, float]


def ordered(records: Sequence[Record]) -> list[int]:
    """The numbers of `records` in the order in which to make them."""
    spans = _spans(records)
    if spans is None:
        return list(range(len(records)))
    keys = [spans[place][0 if _begins(record) else 1] for place, record in enumerate(records)]
    return sorted(range(len(records)), key=lambda place: (keys[place], place))


def raced(records: Sequence[Record]) -> set[int]:
    """Waits of two tasks on one epoll descriptor at the same time: which of them is told is chance."""
    spans = _spans(records)
    found: set[int] = set()
    open_waits: dict[int | None, list[int]] = {}
    for place, record in enumerate(records if spans is not None else ()):
        if not isinstance(record, Call) or canonical(record.name) not in ("epoll_wait", "epoll_pwait"):
            continue
        assert spans is not None
        waits = open_waits.setdefault(number_of(record.arg(0)), [])
        for other in waits[-8:]:
            if records[other].task != record.task and _overlap(spans[other], spans[place]):
                found |= {other, place}
        waits.append(place)
    return found


def _overlap(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _begins(record: Record) -> bool:
    """Whether a record belongs where it began."""
    if not isinstance(record, Call) or canonical(record.name) in GIVES or record.errno == "EAGAIN":
        return True
    return record.result == 0 and canonical(record.name) in _WAITS


def _spans(records: Sequence[Record]) -> list[Span] | None:
    """When each record began and ended, in lines or seconds; None where the log does not tell."""
    if len({record.source.file for record in records}) <= 1 and all(record.source.line for record in records):
        return [_lines(record) for record in records]
    if records and all(record.started is not None for record in records):
        return _times(records)
    return None


def _lines(record: Record) -> Span:
    ended = record.ended if isinstance(record, Call) else 0
    return float(record.source.line), float(ended or record.source.line)


def _times(records: Sequence[Record]) -> list[Span]:
    """Beginnings and ends; an end that is not known is the beginning of the task's next record."""
    spans: list[Span] = [(0.0, 0.0)] * len(records)
    following: dict[int, float] = {}
    for place in reversed(range(len(records))):
        record = records[place]
        begun = record.started or 0.0
        ended = following.get(record.task, begun)
        if isinstance(record, Call) and record.duration is not None:
            ended = begun + record.duration
        spans[place] = (begun, max(begun, ended))
        following[record.task] = begun
    return spans
