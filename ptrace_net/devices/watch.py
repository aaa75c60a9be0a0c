"""One descriptor for several: an epoll(7) that a device hands out, so that its user polls a single number."""

import select
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Watch:
    """Readiness of any descriptor in here makes ``fd`` readable, output that is waited for included."""

    _epoll: select.epoll = field(default_factory=select.epoll)

    @property
    def fd(self) -> int:
        return self._epoll.fileno()

    def add(self, fd: int) -> None:
        self._epoll.register(fd, select.EPOLLIN)

    def want_output(self, fd: int, wanted: bool) -> None:
        self._epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def remove(self, fd: int) -> None:
        self._epoll.unregister(fd)

    def ready(self) -> list[int]:
        """The descriptors with something to do, without waiting."""
        return [fd for fd, _events in self._epoll.poll(0)]

    def close(self) -> None:
        self._epoll.close()
