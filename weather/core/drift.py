"""How far a held forecast had drifted from the new one by the time of its refresh: what freshness is worth."""

from weather.core import forecast
from weather.core.series import Series

VARIABLES = ("temperature_2m", "precipitation", "weather_code")
#: The ages that are told apart: up to so many seconds, and the name.
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
    """The name of the least age of AGES that the held forecast has not passed, else OLDER."""
    age_seconds = now - held.fetched_at
    return next((name for seconds, name in AGES if age_seconds <= seconds), OLDER)


def drift(held: Series, new: Series, now: float) -> dict[str, float]:
    """Variable → distance of the present conditions by `held` from those by `new`: °C, mm, and 1 for another code.

    A variable that is null in either is left out.
    """
    before, after = (forecast.current(series, now) for series in (held, new))
    drifted = {}
    for name in VARIABLES:
        old, now_known = before[name], after[name]
        if isinstance(old, int | float) and isinstance(now_known, int | float):
            drifted[name] = float(old != now_known) if name == "weather_code" else round(abs(now_known - old), 2)
    return drifted
