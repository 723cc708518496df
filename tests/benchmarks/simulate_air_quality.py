"""The simulated day without air quality, and with a part of the users who ask for it whenever they ask for weather.

    python -m tests.benchmarks.simulate_air_quality [--share 0.2] [--budget 10000] [--quick]

Both datasets share the project's own price and budget. Prints what each was given, how old its answers are and how many
came from a record that was due, beside the best that could be had for the true rates; otherwise as simulate_day. As a
record of air quality may live for two days, two warm everything up and two are measured; what is printed is a day's.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from tests.benchmarks.simulate_day import QUICK
from tests.benchmarks.simulation.days import run
from tests.benchmarks.simulation.jobs import Job, Result, Row, Scale
from tests.benchmarks.simulation.seen import Seen
from weather.core.freshness.refresh_interval import LONGEST_SECONDS

BUDGETS = (5_000, 10_000)
RULES = {
    "square root": "weather alone",
    "with air": "both",
    "reference": "best for true rates, alone",
    "reference with air": "best for true rates, both",
}
HEAD = (
    "calls/day  service                     dataset      refresh   cold      503   found    mean     p99     max"
    "     due   > 44 h  most a day"
)
HOUR = 3600
DAYS = 2


def table(result: Result) -> Iterator[str]:
    """A line for each service and dataset. `due`: answers from a due record; `most a day`: fetches of one cell."""
    scale = result.job.scale
    people, requests = scale.people * scale.part, scale.requests * scale.part
    yield (
        f"{result.job.world}: {people:,.0f} users, {requests:,.0f} requests, {result.cells:,} cells, "
        f"{scale.air_share:.0%} ask for air quality too"
    )
    yield HEAD
    for row in result.rows:
        for dataset, seen in (("weather", row.seen), ("air quality", row.air)):
            if seen:
                yield f"{row.budget:9,}  {RULES[row.rule]:28}{dataset:12}{_columns(seen)}"


def _columns(seen: Seen) -> str:
    ages = (seen.mean, seen.quantile(0.99), seen.oldest)
    refresh, cold, refused = (number // DAYS for number in (seen.weight - seen.cold, seen.cold, seen.refused))
    return (
        f"{refresh:8,}{cold:7,}{refused:9,}{seen.found / seen.requests:8.2%}"
        + "".join(f"{age / HOUR:6.2f} h" for age in ages)
        + f"{seen.stale / seen.requests:8.2%}{seen.older_than(LONGEST_SECONDS) / seen.requests:9.3%}"
        + f"{_most_fetches(seen):12.1f}"
    )


def _most_fetches(seen: Seen) -> float:
    """The fetches a day of the cell that was fetched most."""
    return max(seen.fetches.values(), default=0) / DAYS


def promises(result: Result) -> Iterator[tuple[str, bool]]:
    """What is promised of a day with both datasets, and whether it held."""
    yield "no window of any budget passed", not any(row.passed for row in result.rows)
    by_budget: dict[int, dict[str, Row]] = {}
    for row in result.rows:
        by_budget.setdefault(row.budget, {})[row.rule] = row
    for budget, rows in by_budget.items():
        both = rows["with air"]
        assert both.air
        yield (
            f"at {budget:,}: {both.seen.refused + both.air.refused} cold 503s, none",
            not (both.seen.refused or both.air.refused),
        )
        starved = both.air.starved / both.air.weight
        yield (
            f"at {budget:,}: {starved:.1%} of the fetches of air quality for records that ended because refreshes were "
            "denied, at most 5 %",
            starved <= 0.05,
        )
        older = both.seen.mean / rows["reference with air"].seen.mean - 1
        yield f"at {budget:,}: weather {older:.1%} older than at the best for both, at most 10 %", older <= 0.1
        most = _most_fetches(both.air)
        yield f"at {budget:,}: {most} fetches a day of air quality for a cell, at most 4", most <= 4


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.2, help="the part of the users that ask for air quality too")
    parser.add_argument("--budget", type=int, action="append", help="calls a day; 5000 and 10000 if none")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: users, places, requests, budgets")
    options = parser.parse_args(arguments)
    part = QUICK if options.quick else 1.0
    scale = Scale(warm_up_days=DAYS, measured_days=DAYS, part=part, air_share=options.share)
    budgets = [int(budget * part) for budget in options.budget or BUDGETS]
    result = run(Job("plan", options.seed, [(budget, rule) for budget in budgets for rule in RULES], scale))
    print("", *table(result), "", sep="\n")
    print(f"{result.took_seconds:.0f} s\n")
    kept = list(promises(result))
    for promise, holds in kept:
        print("kept  " if holds else "MISSED", promise)
    return 0 if all(holds for _, holds in kept) else 1


if __name__ == "__main__":
    sys.exit(main())
