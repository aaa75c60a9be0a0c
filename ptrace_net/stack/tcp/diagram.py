"""Drawing the state table: the Mermaid diagram and the full table of docs/stack.md.

``python -m ptrace_net.stack.tcp.diagram`` prints both; a test compares them with the page.
"""

from .states import TABLE, Action, Cell, Event, State

_QUIET = frozenset({Action.RELEASE, Action.LINGER, Action.CONNECTED, Action.END_OF_STREAM})


def mermaid() -> str:
    """Every change of state as an arrow, labelled ``event / what is sent``."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, row in TABLE.items():
        for event, cell in row.items():
            if cell.next is not state:
                arrows.setdefault((state, cell.next), []).append(_label(event, cell))
    lines = ["stateDiagram-v2"]
    for (before, after), labels in arrows.items():
        lines.append(f"    {before.name} --> {after.name}: {' or '.join(labels)}")
    return "\n".join(lines)


def _label(event: Event, cell: Cell) -> str:
    sent = [action.value for action in cell.actions if action not in _QUIET]
    return f"{event.value} / {' + '.join(sent)}" if sent else event.value


def markdown() -> str:
    """The whole table: a row for each state, a column for each event."""
    header = "| | " + " | ".join(event.value for event in Event) + " |"
    rule = "|---" * (len(Event) + 1) + "|"
    rows = []
    for state, row in TABLE.items():
        cells = (_cell(state, row[event]) for event in Event)
        rows.append(f"| **{state.name}** | {' | '.join(cells)} |")
    return "\n".join((header, rule, *rows))


def _cell(state: State, cell: Cell) -> str:
    if cell.errno:
        return cell.errno
    parts = [action.value for action in cell.actions]
    if cell.next is not state:
        parts.append(f"→ {cell.next.name}")
    return ", ".join(parts) or "·"


if __name__ == "__main__":
    print(mermaid(), markdown(), sep="\n\n")
