"""The dashboard's table of weather models: their newest runs, when the next are expected, and whether they count."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from weather.core.runs.run_times import RunTimes
from weather.runs.table import RunTable


@dataclass(frozen=True, slots=True)
class ModelRuns:
    """A model in use. Times are None where no run is known, and for the next one where its time is long past.

    `is_trusted` says whether its cells are refreshed after its runs, and not at intervals.
    """

    model: str
    initialised: datetime | None = None
    available: datetime | None = None
    next_expected: datetime | None = None
    is_trusted: bool = False


def model_runs(table: RunTable, now: float) -> Iterator[ModelRuns]:
    """A row for each model in use, in the order in which Open-Meteo tries their areas."""
    for model in table.used(now):
        times = table.times_of(model)
        yield _row(model, times, now) if times and times.runs else ModelRuns(model)


def _row(model: str, times: RunTimes, now: float) -> ModelRuns:
    newest, is_trusted = times.runs[0], times.believed(now) is not None
    next_expected = _utc(times.next_expected(now)) if is_trusted else None
    return ModelRuns(model, _utc(newest.initialised), _utc(newest.available), next_expected, is_trusted)


def _utc(unix_seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(unix_seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a year that no calendar has, written by a hand
        return None
