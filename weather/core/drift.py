"""What freshness is worth: how far what was held had drifted from what Open-Meteo says now; pure."""

from weather.core import forecast
from weather.core.series import Series

VARIABLES = ("temperature_2m", "precipitation", "weather_code")
#: Up to which age in seconds, and its name.
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
    """The least of the named ages that what was held has not passed."""
    age_seconds = now - held.fetched_at
    return next((name for seconds, name in AGES if age_seconds <= seconds), OLDER)


def drift(held: Series, new: Series, now: float) -> dict[str, float]:
    """How far the present conditions by `held` are from those by `new`: °C, mm, and 1 where the weather code changed.

    What either does not know is left out.
    """
    before, after = (forecast.current(series, now) for series in (held, new))
    drifted = {}
    for name in VARIABLES:
        old, now_known = before[name], after[name]
        if isinstance(old, int | float) and isinstance(now_known, int | float):
            drifted[name] = float(old != now_known) if name == "weather_code" else round(abs(now_known - old), 2)
    return drifted
