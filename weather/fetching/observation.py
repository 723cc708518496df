"""What a round's refreshes tell: how far forecasts had drifted, and whether values change with their model's runs."""

from collections.abc import Mapping

from weather.core.cells import Cell
from weather.core.freshness import drift
from weather.core.freshness.drift import Drift
from weather.core.runs.comparison import has_changed
from weather.core.series import Series
from weather.runs.evidence import Evidence
from weathernote.telemetry import metrics


def note(
    held: Mapping[Cell, Series],
    fetched: Mapping[Cell, Series],
    now: float,
    compared: Drift | None,
    evidence: Evidence | None,
) -> None:
    """Compares the new records with those that were held before, at `now` in unix seconds.

    `compared` is what the drift of a dataset is told by; without it, or without evidence, nothing is noted of that.
    """
    for cell in held.keys() & fetched.keys():
        old, new = held[cell], fetched[cell]
        if compared is not None:
            _observe_drift(compared, old, new, now)
        if evidence is not None and (changed := has_changed(old, new, now)) is not None:
            evidence.note(cell, old.fetched_at, new.fetched_at, has_changed=changed)


def _observe_drift(compared: Drift, held: Series, new: Series, now: float) -> None:
    age = drift.age_of(held, now)
    for variable, difference in compared.between(held, new, now).items():
        metrics.FORECAST_DRIFT.labels(variable, age).observe(difference)
