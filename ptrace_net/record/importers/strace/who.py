"""Whose line it is: strace names the task only while it traces more than one.

On a terminal the first lines have no ``[pid N]``; it appears with the second task and goes away when one
task is left. Until the first task shows its number its records have task 0; `named` gives them the number
afterwards.
"""

from dataclasses import dataclass, field, replace

from ptrace_net.record.model import Record


@dataclass(slots=True)
class Who:
    """The tasks seen so far; `default` is that of lines that name none."""

    default: int = 0
    main: int = 0
    attached: set[int] = field(default_factory=set)
    alive: dict[int, None] = field(default_factory=dict)

    def of(self, named: int | None) -> int:
        """The task of a line that names `named`."""
        if named is not None:
            if not self.main and not self.default and named not in self.attached:
                self.main = named
            self.alive.setdefault(named)
            return named
        if not self.default and self.main and len(self.alive) == 1:
            return next(iter(self.alive))
        return self.default

    def attach(self, task: int) -> None:
        """strace says that it attached to a new task."""
        self.attached.add(task)
        self.alive.setdefault(task)

    def gone(self, task: int) -> None:
        """The task exited."""
        self.alive.pop(task, None)

    def named(self, records: list[Record]) -> list[Record]:
        """`records` with the first task's number where it became known."""
        if self.default or not self.main or not self.attached:
            return records
        return [replace(record, task=self.main) if record.task == 0 else record for record in records]
