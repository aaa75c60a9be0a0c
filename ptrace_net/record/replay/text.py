"""A replay's report as text: the first divergence decoded, the others counted, what was not made and why."""

from collections.abc import Iterator

from ptrace_net.record.render import call_text
from ptrace_net.record.replay.run import Outcome, ReplayReport

LISTED = 20


def render(report: ReplayReport, listed: int = LISTED) -> Iterator[str]:
    """The lines of the report."""
    same = sum(1 for each in report.outcomes if each.actual is not None and not each.diverges)
    yield f"{report.made} calls made, {same} as recorded, {len(report.divergences)} diverge"
    yield from _first(report)
    yield from _others(report, listed)
    for why, count in report.not_made().most_common():
        yield f"{count} not made: {why}"
    if report.plan.irrelevant:
        yield f"{report.plan.irrelevant} calls of the log have nothing to do with sockets"
    if report.world_failures:
        count, first = len(report.world_failures), report.world_failures[0]
        yield f"the outside world could not be played in {count} places, first: {first}"
    if report.plan.assumed_threads:
        yield "the log does not show how its tasks were made; they were taken for threads of one process"
    if report.alone:
        yield f"on this machine's own network ({report.alone})"


def _first(report: ReplayReport) -> Iterator[str]:
    unexplained = [each for each in report.divergences if not each.cause]
    first = next(iter(unexplained or report.divergences), None)
    if first is not None and first.actual is not None:
        yield "first divergence:"
        yield f"  recorded  {call_text(first.step.call)}  [{first.step.call.source}]"
        yield f"  replayed  {call_text(first.actual)}"
        for each in first.differences:
            yield f"  {each.kind}: {each.what}: {each.left} | {each.right}"
        if first.cause:
            yield f"  cause: {first.cause}"


def _others(report: ReplayReport, listed: int) -> Iterator[str]:
    others = report.divergences
    for each in others[:listed] if len(others) > 1 else ():
        yield f"  {one_line(each)}"
    if len(others) > listed:
        yield f"  … and {len(others) - listed} more"


def one_line(outcome: Outcome) -> str:
    """A divergence in one line."""
    told = "; ".join(f"{each.kind}: {each.left} | {each.right}" for each in outcome.differences)
    cause = f" ({outcome.cause})" if outcome.cause else ""
    return f"{outcome.step.call.source}: {call_text(outcome.step.call, result=False)}: {told}{cause}"
