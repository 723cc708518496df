"""A day of 500,000 users on a virtual clock: how fresh their weather is for a budget of Open-Meteo calls.

    python -m tests.benchmarks.simulate_day [--seed 1] [--world plan] [--budget 10000] [--runs 3] [--quick]

The project's own cells, popularity (in a real server), price, intervals, budget and lives of answers go through the
day, after some that warm them up. Beside them stand three plain caches, and two references: the best intervals for the
day's true rates, had they been known in advance, and the best refreshes for those and the true runs of weather models.
Prints tables, of age and of the missed age (for how long a newer run had been there), says which promises hold, draws
age against budget. `--runs` takes hours for all models, or `area`; `--rule "runs unknown"` is a day without run times.
"""

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.simulation import missed_ages, picture
from tests.benchmarks.simulation.days import run
from tests.benchmarks.simulation.jobs import BY_RUNS, FREE, RULES, Job, Result, Row, Scale
from tests.benchmarks.simulation.plain_caches import Plain

WORLDS = ("plan", "world")
BUDGETS = (5_000, 10_000, 33_000, 165_000)
QUICK = 0.1

RULE_NAMES = {
    "square root": "square-root rule",
    "even": "one interval for all cells",
    "edge, counts": "  behind an edge cache that counts",
    "edge, no counts": "  behind one that does not",
    "reference": "best for the day's true rates",
    "runs": "runs of models, learned rates",
    "runs, counts": "  with today's counts alone",
    "runs unknown": "  without run times",
}
HEAD = (
    "calls/day  rule                                spent   no call    found        503    mean  median     p99     max"
)
HOUR = 3600


def table(world: str, results: Sequence[Result]) -> Iterator[str]:
    """The lines of a world's table. `no call`: answered without one; `found`: under its key, or in the edge's cache."""
    job = results[0].job
    people, requests = job.scale.people * job.scale.part, job.scale.requests * job.scale.part
    yield f"{world}: {people:,.0f} users, {requests:,.0f} requests, {results[0].cells:,} cells, seed {job.seed}"
    yield HEAD
    for budget, rows in _by_budget(results).items():
        for rule in RULE_NAMES:
            if rule in rows:
                yield f"{budget:9,}  {_columns(rows[rule])}"
    for result in results:
        for name, plain in result.plain.items():
            yield f"  no wall  {_plain_columns(name, plain, int(FREE['day'] * job.scale.part))}"


def _columns(row: Row) -> str:
    seen = row.seen
    without_a_call = 1 - (seen.called + seen.refused) / seen.requests
    ages = (seen.mean, seen.quantile(0.5), seen.quantile(0.99), seen.oldest)
    return (
        f"{RULE_NAMES[row.rule]:34}{seen.weight:8,}{without_a_call:10.3%}{seen.found / seen.requests:9.2%}"
        f"{seen.refused:11,}"
        + "".join(f"{age / HOUR:6.2f} h" for age in ages)
        # No interval is longer than the hold, so that the reference has cells that no budget of this size can keep.
        + (" more than there is" if seen.weight > row.budget else "")
    )


def _plain_columns(name: str, plain: Plain, limit: int) -> str:
    gone = plain.gone_after_seconds
    if gone is None:
        end = "enough for the day"
    else:
        end = f"{limit:,} are gone after {gone / HOUR:.1f} h, then 503: {plain.answered_within_limit:.2%} answered"
    ages = (plain.mean_age, plain.p99_age, plain.oldest)
    return f"{name:30}{plain.calls:12,}  mean, p99, max {', '.join(f'{age / HOUR:.2f} h' for age in ages)}; {end}"


def promises(world: str, results: Sequence[Result]) -> Iterator[tuple[str, bool]]:
    """What the design promises of a day, and whether it held."""
    rows = _by_budget(results)
    ours = [row for by_rule in rows.values() for rule, row in by_rule.items() if rule != "reference"]
    yield f"{world}: no window of any budget passed", not any(row.passed for row in ours)

    def below(budget: int, name: str, hours: float, quantile: float | None = None) -> Iterator[tuple[str, bool]]:
        if row := rows.get(budget, {}).get("square root"):
            age = row.seen.mean if quantile is None else row.seen.quantile(quantile)
            yield f"{world} at {budget:,}: {name} {age / HOUR:.2f} h, at most {hours} h", age <= hours * HOUR

    if world == "world":
        yield from below(33_000, "mean", 10)
        yield from below(165_000, "mean", 2)
        return
    for budget, by_rule in rows.items():
        if row := by_rule.get("square root"):
            part = 1 - (row.seen.called + row.seen.refused) / row.seen.requests
            yield f"{world} at {budget:,}: {part:.3%} answered without a call, at least 99.9 %", part >= 0.999
            yield f"{world} at {budget:,}: {row.seen.refused} cold 503s, none", row.seen.refused == 0
        if budget in (5_000, 10_000) and {"square root", "even"} <= by_rule.keys():
            less = 1 - by_rule["square root"].seen.mean / by_rule["even"].seen.mean
            yield f"{world} at {budget:,}: mean {less:.0%} lower by the square-root rule, at least 25 %", less >= 0.25
    yield from [*below(5_000, "mean", 4.5), *below(5_000, "p99", 20, 0.99)]
    yield from [*below(10_000, "mean", 2.2), *below(10_000, "p99", 10, 0.99)]


def _by_budget(results: Sequence[Result]) -> dict[int, dict[str, Row]]:
    rows = sorted((row for result in results for row in result.rows), key=lambda row: row.budget)
    return {budget: {row.rule: row for row in rows if row.budget == budget} for budget in {r.budget: 0 for r in rows}}


def simulated(
    worlds: Sequence[str],
    budgets: Sequence[int],
    seed: int,
    scale: Scale,
    processes: int,
    rules: Sequence[str] = RULES,
) -> list[Result]:
    """All services in all worlds, those of a world on as many processes as there are."""
    sizes = [max(1, int(budget * scale.part)) for budget in budgets]
    services = [(size, rule) for size in sizes for rule in rules]
    oracles = sizes if set(rules) & set(BY_RUNS) else []
    jobs = [
        Job(world, seed, services[at::processes], scale, baselines=at == 0, oracles=oracles[at::processes])
        for world in reversed(worlds)  # the largest first
        for at in range(processes)
    ]
    if processes == 1:
        return [run(job) for job in jobs]
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        return pool.map(run, jobs, chunksize=1)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", choices=WORLDS, action="append", help="only this world")
    parser.add_argument(
        "--budget", type=int, action="append", help="calls a day; 5000, 10000, 33000 and 165000 if none"
    )
    parser.add_argument("--scatter", type=float, default=1.0, help="people live so many times as far from the middle")
    parser.add_argument("--warm-up-days", type=int, default=2)
    parser.add_argument("--runs", choices=("area", "1", "3", "6"), default="area", help="hours between a model's runs")
    parser.add_argument("--rule", choices=RULE_NAMES, action="append", help="only this rule")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: users, places, requests, budgets")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--picture", type=Path, help="where to draw mean age against budget, as SVG")
    options = parser.parse_args(arguments)
    scale = Scale(
        scatter=options.scatter,
        warm_up_days=options.warm_up_days,
        part=QUICK if options.quick else 1.0,
        runs=options.runs,
    )
    worlds = options.world or WORLDS
    budgets, rules = options.budget or BUDGETS, options.rule or RULES
    results = simulated(worlds, budgets, options.seed, scale, options.processes, rules)
    kept = True
    for world in worlds:
        its = [result for result in results if result.job.world == world]
        print("", *table(world, its), "", *missed_ages.table(its, RULE_NAMES), "", sep="\n")
        print(*missed_ages.by_hour(its, RULE_NAMES), "", sep="\n")
        for promise, holds in (*promises(world, its), *missed_ages.promises(world, its)):
            print("kept  " if holds else "MISSED", promise)
            kept = kept and holds
    if options.picture:
        options.picture.write_text(picture.svg({world: _lines(results, world) for world in worlds}))
    return 0 if kept else 1


def _lines(results: Sequence[Result], world: str) -> picture.Lines:
    rows = _by_budget([result for result in results if result.job.world == world])
    return {
        RULE_NAMES[rule].strip(): [(budget, by[rule].seen.mean / HOUR) for budget, by in rows.items() if rule in by]
        for rule in ("square root", "even", "reference")
    }


if __name__ == "__main__":
    sys.exit(main())
