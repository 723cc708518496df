"""The cells that the refresher may refresh: of models that have a new run, and those that are asked for as probes."""

from collections.abc import Collection, Iterator, Mapping

from prewarm.runs.plan import CITY_RATE, Candidate
from prewarm.runs.survey import by_runs, chunks
from weather.api.run_parts import RunParts
from weather.api.service import Service
from weather.budget.run_census import CountedCell
from weather.core.cells import Cell
from weather.runs.probes import Probes
from weathernote import redis

_CELLS_AT_ONCE = 500


def of_models(
    service: Service, runs: RunParts, models: Collection[str], cities: Mapping[Cell, str]
) -> Iterator[Candidate]:
    """The cells of these models that were asked for lately, and staff's `cities` (cell → name). Raises RedisDown."""
    seen: set[Cell] = set()
    for counted in runs.census.cells():
        seen.add(counted.cell)
        if runs.known.model_of(counted.cell).name in models:
            yield _candidate(service, counted, cities)
    quiet = [cell for cell in cities if cell not in seen and runs.known.model_of(cell).name in models]
    for part in chunks(quiet, _CELLS_AT_ONCE):
        fetched_at = redis.fetch_one(runs.census.held.fetched_at(part))
        for cell in part:
            yield _candidate(service, CountedCell(cell, 0.0, fetched_at.get(cell)), cities)


def worth_a_probe(service: Service, runs: RunParts, probes: Probes, most: int) -> list[Candidate]:
    """At most `most` popular cells to ask for although they have their model's newest run. Raises RedisDown."""
    counted = {one.cell: one for one in runs.census.cells()}
    fetched_at = {cell: int(one.fetched_at) for cell, one in counted.items() if one.fetched_at is not None}
    cells = probes.cells_to_probe(counted, fetched_at, service.now(), most)
    return [_candidate(service, counted[cell], {}) for cell in cells]


def _candidate(service: Service, counted: CountedCell, cities: Mapping[Cell, str]) -> Candidate:
    cell, rate, fetched_at = counted
    is_city = cell in cities
    return Candidate(
        cell,
        {},
        None if fetched_at is None else service.now() - fetched_at,
        max(rate, CITY_RATE) if is_city else rate,
        (cities[cell],) if is_city else (),
        by_runs=by_runs(service, cell, fetched_at, rate, is_city=is_city),
    )
