"""Runs of weather models on a schedule: when each is there, and which run the answer for a place comes from; pure.

A run starts every interval, and is there after its model's delay and some lateness: a few minutes mostly, an hour now
and then, always the same for the same run.
"""

from functools import lru_cache
from typing import Any
from zlib import crc32

from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.areas import Areas, Model
from weather.core.runs.run_times import Run
from weather.simulator.counts import Settings
from weather.simulator.place import HOUR_SECONDS, Place
from weather.simulator.synthetic.weather import WeatherRun, usual_run

#: Interval → what a model takes from the time that its forecast starts from until the run is there, without lateness.
_DELAY_SECONDS = {HOUR_SECONDS: 3000, 3 * HOUR_SECONDS: 7200, 6 * HOUR_SECONDS: 27_000}
#: Open-Meteo's first server has a run so much before the one that answers.
_COPYING_SECONDS = 240
_MOST_LATE_SECONDS = 6 * HOUR_SECONDS
_AREAS: Areas = WEATHER.areas  # type: ignore[assignment]
MODELS = _AREAS.models


def run_of(place: Place, settings: Settings, now: float) -> WeatherRun:
    """The run that the answer for a place comes from, by the model of its area or the one that is set to follow."""
    if not settings.model_runs:
        return usual_run(now)
    name = _AREAS.model_of(Cell(round(place.latitude * 10), round(place.longitude * 10))).name
    model = MODELS[settings.followed_models.get(name, name)]
    run = newest_run(model, _until(now, settings.runs_until), settings.run_lateness_seconds, settings.run_delay_seconds)
    return WeatherRun(run.initialised, run.initialised // model.interval_seconds + crc32(model.name.encode()))


def meta(name: str, settings: Settings, now: float) -> dict[str, Any] | None:
    """What `meta.json` tells of a model; None for an unknown one, and without `model_runs` for all."""
    model = MODELS.get(name)
    if model is None or not settings.model_runs:
        return None
    until = _until(_until(now, settings.runs_until), settings.run_times_until)
    run = newest_run(model, until, settings.run_lateness_seconds, settings.run_delay_seconds)
    return {
        "last_run_initialisation_time": run.initialised,
        "last_run_modification_time": run.available - _COPYING_SECONDS,
        "last_run_availability_time": run.available,
        "temporal_resolution_seconds": HOUR_SECONDS,
        "update_interval_seconds": model.interval_seconds,
    }


def newest_run(model: Model, now: float, lateness_seconds: float, delay_seconds: int | None = None) -> Run:
    """The newest run of a model that is there; `delay_seconds` in place of the model's usual delay."""
    number = int(now // model.interval_seconds)
    while (run := _run(model, number, lateness_seconds, delay_seconds)).available > now:
        number -= 1
    return run


@lru_cache(maxsize=2_000)
def _run(model: Model, number: int, lateness_seconds: float, delay_seconds: int | None) -> Run:
    initialised = number * model.interval_seconds
    chance = crc32(f"{model.name}:{number}".encode()) / 2**32
    # Half of the runs are late by less than two thirds of `lateness_seconds`, one of a hundred by 24 times as much.
    late_seconds = min(lateness_seconds * ((1 - chance) ** -0.7 - 1), _MOST_LATE_SECONDS)
    usual_seconds = _DELAY_SECONDS[model.interval_seconds] if delay_seconds is None else delay_seconds
    return Run(initialised, initialised + usual_seconds + int(late_seconds))


def _until(now: float, end: float | None) -> float:
    return now if end is None else min(now, end)
