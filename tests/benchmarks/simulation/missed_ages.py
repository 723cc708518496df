"""The missed age of a simulated day: for how long a newer model run had been there that an answer did not have yet."""

from collections.abc import Iterator, Mapping, Sequence

from tests.benchmarks.simulation.jobs import Result, Row, Scale
from tests.benchmarks.simulation.oracle import OracleSeen

HOUR = 3600
ORACLE = "best for the true rates and runs"
FORESEEN = "  if each hour's requests were known"
HEAD = "calls/day  rule                                spent    missed     p99  nothing new   waited   ÷ today   ÷ best"
#: By how much the missed age is to lie below today's rule, and at most above the best that is to be had.
BELOW_TODAY, ABOVE_THE_BEST = 0.45, 1.3
#: Budget → the most hours of missed age, in the plan's region with runs every three hours.
PLAN_EVERY_THREE = {5_000: 1.3, 10_000: 0.3}
#: Without run times it may be so much above today's rule.
WITHOUT_RUN_TIMES = 0.1


def table(results: Sequence[Result], names: Mapping[str, str]) -> Iterator[str]:
    """A line for each budget and rule. `nothing new`: refreshes without a new run; `waited`: requests for a refresh."""
    yield f"missed age, runs by {results[0].job.scale.runs}"
    yield HEAD
    for budget, rows in _by_budget(results).items():
        best, today = _oracle(results, budget), rows.get("square root")
        for rule in names:
            if rule in rows:
                yield f"{budget:9,}  {names[rule]:34}{_columns(rows[rule], today, best)}"
        foreseen = next((result.foreseen[budget] for result in results if budget in result.foreseen), None)
        for name, one in ((ORACLE, best), (FORESEEN, foreseen)):
            if one:
                yield (
                    f"{budget:9,}  {name:34}{one.calls:8,.0f}{one.mean_missed / HOUR:8.3f} h"
                    f"{one.p99_missed / HOUR:6.2f} h"
                )


def by_hour(results: Sequence[Result], names: Mapping[str, str]) -> Iterator[str]:
    """The mean missed age in hours by the local hour of the request, from midnight on."""
    yield "missed age by local hour" + "".join(f"{hour:6}" for hour in range(24))
    for budget, rows in _by_budget(results).items():
        for rule in names:
            if rule in rows:
                seconds, requests = rows[rule].seen.missed_by_hour
                yield f"{budget:9,} {rule:14}" + "".join(
                    f"{one / max(1, number) / HOUR:6.2f}" for one, number in zip(seconds, requests, strict=True)
                )
        if best := _oracle(results, budget):
            yield f"{budget:9,} {'best':14}" + "".join(f"{one / HOUR:6.2f}" for one in best.by_hour)


def promises(world: str, results: Sequence[Result]) -> Iterator[tuple[str, bool]]:
    """What is promised of the missed age, and whether it held."""
    scale = results[0].job.scale
    for budget, rows in _by_budget(results).items():
        today, runs, best = rows.get("square root"), rows.get("runs"), _oracle(results, budget)
        unknown, name = rows.get("runs unknown"), f"{world} at {budget:,}"
        if unknown and today and today.seen.mean_missed:
            above = unknown.seen.mean_missed / today.seen.mean_missed - 1
            yield f"{name}: without run times {above:+.0%} of today's rule, at most +10 %", above <= WITHOUT_RUN_TIMES
        if runs is None:
            continue
        yield f"{name}: {runs.seen.refused} cold 503s with runs, none", runs.seen.refused == 0
        if best and best.mean_missed:
            times = runs.seen.mean_missed / best.mean_missed
            yield f"{name}: missed age {times:.2f} × the best, at most {ABOVE_THE_BEST}", times <= ABOVE_THE_BEST
        if today and today.seen.mean_missed:
            less = 1 - runs.seen.mean_missed / today.seen.mean_missed
            yield f"{name}: missed age {less:.0%} below today's rule, at least 45 %", less >= BELOW_TODAY
        hours = PLAN_EVERY_THREE.get(_whole(budget, scale), 0) if world == "plan" and scale.runs == "3" else 0
        if hours:
            missed = runs.seen.mean_missed / HOUR
            yield f"{name}: missed age {missed:.2f} h, at most {hours} h", missed <= hours


def _whole(budget: int, scale: Scale) -> int:
    return round(budget / scale.part)


def _columns(row: Row, today: Row | None, best: OracleSeen | None) -> str:
    seen = row.seen
    return (
        f"{seen.weight:8,}{seen.mean_missed / HOUR:8.3f} h{seen.missed_quantile(0.99) / HOUR:6.2f} h"
        f"{seen.unchanged / max(1, seen.weight):12.1%}{seen.called / seen.requests:9.3%}"
        + _times(seen.mean_missed, today.seen.mean_missed if today else 0)
        + _times(seen.mean_missed, best.mean_missed if best else 0)
    )


def _times(missed: float, of: float) -> str:
    return f"{missed / of:10.2f}" if of else " " * 10


def _oracle(results: Sequence[Result], budget: int) -> OracleSeen | None:
    return next((result.oracle[budget] for result in results if budget in result.oracle), None)


def _by_budget(results: Sequence[Result]) -> dict[int, dict[str, Row]]:
    rows = sorted((row for result in results for row in result.rows), key=lambda row: row.budget)
    return {budget: {row.rule: row for row in rows if row.budget == budget} for budget in {r.budget: 0 for r in rows}}
