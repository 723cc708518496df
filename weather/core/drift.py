"""How far a held forecast had drifted from the new one when it was refreshed: what freshness is worth."""

from weather.core import forecast
from weather.core.series import Series

VARIABLES = ("temperature_2m", "precipitation", "weather_code")
#: Age groups: the highest age in seconds, and the label of the metric.
AGES = (
    (600, "10m"),
    (3600, "1h"),
    (10_800, "3h"),
    (21_600, "6h"),
    (43_200, "12h"),
    (86_400, "1d"),
)
OLDER = "2d"


def age_of(held: Series, now: float) -> str:
    """The label of the first group of AGES that the held forecast's age at `now` (unix seconds) fits into, or OLDER."""
    age_seconds = now - held.fetched_at
    return next((name for seconds, name in AGES if age_seconds <= seconds), OLDER)


def drift(held: Series, new: Series, now: float) -> dict[str, float]:
    """Variable → difference between the current conditions at `now` by `held` and by `new`.

    In °C and mm; for the weather code 1 if it differs, else 0. A variable that is null in either is left out.
    """
    before, after = (forecast.current(series, now) for series in (held, new))
    drifted = {}
    for name in VARIABLES:
        old_value, new_value = before[name], after[name]
        if isinstance(old_value, int | float) and isinstance(new_value, int | float):
            drifted[name] = (
                float(old_value != new_value) if name == "weather_code" else round(abs(new_value - old_value), 2)
            )
    return drifted
