"""Weather: the ten variables of /weather and /forecast, for fourteen days, and the extra ones of EXTRA_VARIABLES."""

from weather.core import forecast
from weather.core.datasets.declaration import AnswerKind, Dataset, Section
from weather.core.freshness.drift import Drift
from weather.core.runs import areas
from weather.core.variables import EXTRA, FORECAST_DAYS, HOURLY

#: The days of a forecast that clients ask for most.
USUAL_DAYS = 7
_IS_DAY = frozenset({"is_day"})

WEATHER = Dataset(
    name="weather",
    url_setting="OPEN_METEO_URL",
    path="/v1/forecast",
    variables=HOURLY,
    optional=EXTRA,
    forecast_days=FORECAST_DAYS,
    covered_days=7,
    gapless=("temperature_2m", "weather_code"),
    # Of all datasets this alone is asked for in other zones than the place's own.
    keeps_earlier_rows=True,
    record_key="upstream",
    rejected_key="rejected:cells",
    popularity_key="popularity:cells",
    recent_popularity_key="popularity:now",
    queue_key="wanted:{open-meteo}",
    areas=areas.load("weather.json"),
    held_channel="held:weather",
    drift=Drift(forecast.current, distances=("temperature_2m", "precipitation"), codes=("weather_code",)),
    kinds=(
        AnswerKind(
            "weather",
            (
                Section(
                    "current",
                    lambda series, now, _, units, extras: forecast.current(series, now, units, extras),
                    forecast.hourly_units,
                    _IS_DAY,
                ),
            ),
            life_setting="WEATHER_TTL_SECONDS",
        ),
        AnswerKind(
            "forecast",
            (
                Section("daily", forecast.daily, forecast.daily_units),
                Section("hourly", forecast.hourly, forecast.hourly_units, _IS_DAY),
            ),
            life_setting="FORECAST_TTL_SECONDS",
            usual_days=USUAL_DAYS,
            takes_days=True,
        ),
    ),
)
