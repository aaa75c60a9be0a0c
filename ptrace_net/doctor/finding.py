"""What a check found."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

OK, LIMITED, MISSING, NOTE = "ok", "limited", "missing", "note"


class Finding(NamedTuple):
    """``what`` was looked at, the ``state`` that it is in, what that means, and what helps."""

    what: str
    state: str
    told: str
    remedy: str = ""


Check: TypeAlias = Callable[[], Finding]
