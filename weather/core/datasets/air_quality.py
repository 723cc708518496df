"""Air quality: two indices, four pollutants and four kinds of pollen, for the present, 48 hours and five days.

An index is that of an hour, so the nearer hour's is shown; concentrations are read between hours on a straight line.
Pollen is modelled in Europe alone: it is null elsewhere, and 0 in Europe out of its season.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from weather.core.datasets.declaration import AnswerKind, Dataset, Section
from weather.core.freshness.refresh_interval import Aging
from weather.core.series import Aggregate, Series, aggregated, hour_times, hours_from, local_days, values_at
from weather.core.units import Units
from weather.core.variables import HOUR_SECONDS, Variable

#: With the Greek letter mu, as Open-Meteo writes it, and not the micro sign.
_MICROGRAMS = "\N{GREEK SMALL LETTER MU}g/m³"
#: Above what any storm of dust brings. Beyond 3,276.7 a record keeps whole numbers.
_MOST = 30_000

VARIABLES = (
    Variable("european_aqi", "EAQI", 0, "nearest", 0, 10_000),
    Variable("us_aqi", "USAQI", 0, "nearest", 0, 10_000),
    *(Variable(name, _MICROGRAMS, 1, "linear", 0, _MOST) for name in ("pm2_5", "pm10", "nitrogen_dioxide", "ozone")),
    *(
        Variable(f"{plant}_pollen", "grains/m³", 1, "linear", 0, _MOST)
        for plant in ("alder", "birch", "grass", "ragweed")
    ),
)
_MAXIMA: tuple[Aggregate, ...] = tuple((f"{variable.name}_max", variable, max) for variable in VARIABLES)
#: Name → unit, in either system: none has an imperial one.
_HOURLY_UNITS = {"time": "iso8601"} | {variable.name: variable.unit for variable in VARIABLES}
_DAILY_UNITS = {"time": "iso8601"} | {name: variable.unit for name, variable, _ in _MAXIMA}


def current(series: Series, now: float, days: int, units: Units, extras: Sequence[Variable]) -> Mapping[str, Any]:
    """Name → value at the minute that `now` (unix seconds) lies in, with `time`; null where none is known."""
    return values_at(series, VARIABLES, now, units)


def hourly(series: Series, now: float, days: int, units: Units, extras: Sequence[Variable]) -> Mapping[str, Any]:
    """Name → column of 48 hours from the present one on, with `time`; null where none is known."""
    return hours_from(series, VARIABLES, now, hour_times(series, now, days), units)


def daily(series: Series, now: float, days: int, units: Units, extras: Sequence[Variable]) -> Mapping[str, Any]:
    """Name → column of the maxima of `days` local days from today on, with `time`.

    A maximum is null where an hour of its day is not known, because that hour may be the highest: a model's run ends in
    the middle of a day.
    """
    local = local_days(series, now, days)
    maxima = aggregated(series, _MAXIMA, local.spans, units, of_whole_spans=True)
    return {"time": [day.isoformat() for day in local.dates], **maxima}


AIR_QUALITY = Dataset(
    name="air_quality",
    url_setting="AIR_QUALITY_URL",
    path="/v1/air-quality",
    variables=VARIABLES,
    # All that its API gives.
    forecast_days=7,
    # A run of the global model covers five days, one of Europe's four, and a day and a half of these is over before the
    # next one has come, or more if it is late. So the two days whose hours are shown must be there; later hours may be
    # null.
    covered_days=2,
    # A particle and a gas that the model has everywhere. Indices follow from them; pollen is Europe's alone.
    gapless=("pm2_5", "ozone"),
    # Its models run every 12 and 24 hours, weather's every 1 to 6: an hour of age hides an eighth as much news. More
    # than two refreshes between two runs of the global model would bring the same numbers again.
    aging=Aging(worth=1 / 8, shortest_seconds=6 * HOUR_SECONDS),
    refreshes_late=True,
    record_key="upstream:air_quality",
    rejected_key="rejected:air_quality",
    popularity_key="popularity:air_quality",
    queue_key="wanted:{open-meteo}:air_quality",
    kinds=(
        AnswerKind(
            "air_quality",
            (
                Section("current", current, lambda *_: _HOURLY_UNITS),
                Section("hourly", hourly, lambda *_: _HOURLY_UNITS),
                Section("daily", daily, lambda *_: _DAILY_UNITS),
            ),
            life_setting="AIR_QUALITY_TTL_SECONDS",
            usual_days=5,
        ),
    ),
)
