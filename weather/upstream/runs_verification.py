"""Checks of what is known about model runs: Open-Meteo's run times, and the table of areas against what was seen.

It costs nothing of the quota: run times are free, and which area's answers change with which run follows from what the
service's own refreshes have brought.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from weather.core.runs.areas import Areas, Model
from weather.core.runs.evidence import NOTHING, Counts, TileEvidence
from weather.core.runs.run_times import RunTimes
from weather.runs.evidence import Tile
from weather.upstream.comparison import Differs
from weather.upstream.errors import UpstreamError, UpstreamUnavailable
from weather.upstream.run_times_client import RunTimesClient
from weather.upstream.verification import CheckResult, checked

#: Weights of evidence below this are what is left of a run of days ago.
_LEAST_RUNS = 0.5


def verify_runs(
    client: RunTimesClient, areas: Areas, evidence: Mapping[Tile, TileEvidence], now: float
) -> list[CheckResult]:
    """Two results for each model of the `areas`: about its run times, and about the evidence of its tiles at `now`.

    Once Open-Meteo does not tell run times at all, the other models are not asked about.
    """
    return [*_run_times(client, areas, now), *_all_evidence(areas, evidence, now)]


def _run_times(client: RunTimesClient, areas: Areas, now: float) -> Iterator[CheckResult]:
    is_reachable = True
    for model in areas.models.values():
        if not is_reachable:
            yield CheckResult("skipped", model.name, "run times: nobody tells any")
            continue
        try:
            newest = client.newest_run(model.name)
        except UpstreamError as error:
            is_reachable = not isinstance(error, UpstreamUnavailable)
            yield CheckResult("DIFFERS", model.name, f"run times: {error}")
            continue
        times = RunTimes(newest.interval_seconds, (newest.run,), int(now))
        yield checked(model.name, "run times", partial(_newest, model, times, now))


def _newest(model: Model, times: RunTimes, now: float) -> str:
    hours, known_hours = times.interval_seconds / 3600, model.interval_seconds / 3600
    if hours != known_hours:
        raise Differs(f"a run every {hours:g} h, not every {known_hours:g}")
    run = times.runs[0]
    text = f"the run of {_utc(run.initialised)} came at {_utc(run.available)}"
    if not times.is_trusted(now):
        raise Differs(f"{text}, and the next one has been overdue since {_utc(times.overdue_at)}")
    return f"{text}, one every {hours:g} h"


def _all_evidence(areas: Areas, evidence: Mapping[Tile, TileEvidence], now: float) -> Iterator[CheckResult]:
    for name in areas.models:
        tiles = {at.tile: found for at, found in evidence.items() if at.model == name}
        if not any(sum(found.weights_at(now)) >= _LEAST_RUNS for found in tiles.values()):
            yield CheckResult("skipped", name, "evidence: none of late")
            continue
        yield checked(name, "evidence", partial(_evidence, tiles, now))


def _evidence(tiles: Mapping[str, TileEvidence], now: float) -> str:
    contradicted = [tile for tile, found in tiles.items() if found.contradicts_at(now)]
    if not contradicted:
        return f"{_changes(list(tiles.values()), now)}, in {_tiles(tiles)}"
    first = min(contradicted)
    raise Differs(
        f"{len(contradicted)} of {_tiles(tiles)} contradicted, such as {first}: {_changes([tiles[first]], now)}"
    )


def _changes(found: Sequence[TileEvidence], now: float) -> str:
    total = NOTHING
    for one in found:
        total = total.plus(one.weights_at(now))
    parts = zip(("runs", "probes between them"), _changed(total), total.totals, strict=True)
    return "changes came with " + " and ".join(f"{changed / of:.0%} of {what}" for what, changed, of in parts if of > 0)


def _changed(counts: Counts) -> tuple[float, float]:
    return counts.run_changed, counts.changed_without_run


def _tiles(tiles: Mapping[str, TileEvidence]) -> str:
    return f"{len(tiles)} tile{'s' if len(tiles) > 1 else ''}"


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}"
