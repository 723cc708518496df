"""What `verify_upstream` checks of weather: the hours, and Open-Meteo's own daily and current values beside ours.

Two locations weigh 2 × 1.0 in the service's own call, and 2 × 3.2 in that for 10 hourly, 12 daily and 10 current
variables; one of them weighs 1.0 in GMT. That is 9.4 in all, and 0.2 more for each extra variable of the service.
"""

from collections.abc import Sequence
from typing import Any

from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.forecast import DAILY_UNITS, HOURLY_UNITS
from weather.core.series import Series
from weather.core.variables import FORECAST_DAYS, HOUR_SECONDS, HOURLY_NAMES
from weather.upstream import comparison
from weather.upstream.comparison import Differs
from weather.upstream.plan import Location, Plan, Sample
from weather.upstream.validation import DAY_SECONDS

#: As many extra variables fit into the most weight: 2 × 1.3 + 2 × 3.2 + 1.0 is 10.
MOST_EXTRAS = 3
QUARTER_SECONDS = 900
#: How long ago the quarter of an hour of `current` may have begun.
OLDEST_CURRENT_SECONDS = HOUR_SECONDS

DAILY_NAMES = tuple(name for name in DAILY_UNITS if name != "time")
_UNIXTIME = {"iso8601": "unixtime"}


def _shape(sample: Sample, series: Series) -> str:
    daily, current = sample.part("daily"), sample.part("current")
    for name in ("time", *DAILY_NAMES):
        if not isinstance(daily.get(name), list) or len(daily[name]) != FORECAST_DAYS:
            raise Differs(f"daily {name} has not one value for each of {FORECAST_DAYS} days")
    if not _are_midnights(daily["time"], sample.now) or type(sample.document.get("utc_offset_seconds")) is not int:
        raise Differs("the days do not follow each other from today on, so many seconds off UTC")
    if missing := [name for name in ("time", *HOURLY_NAMES) if name not in current]:
        raise Differs(f"current has no {missing[0]}")
    if current.get("interval") != QUARTER_SECONDS or not _is_quarter(current["time"], sample.now):
        raise Differs("current is not of the last quarter of an hour")
    return f"{series.hours} hours, {FORECAST_DAYS} days and a current quarter of an hour"


def _are_midnights(times: Sequence[Any], now: float) -> bool:
    if set(map(type, times)) != {int} or not now - 2 * DAY_SECONDS <= times[0] <= now + HOUR_SECONDS:
        return False
    return list(times) == [times[0] + day * DAY_SECONDS for day in range(len(times))]


def _is_quarter(time: Any, now: float) -> bool:
    if type(time) is not int or time % QUARTER_SECONDS:
        return False
    return -QUARTER_SECONDS <= now - time <= OLDEST_CURRENT_SECONDS


WEATHER_PLAN = Plan(
    dataset=WEATHER,
    most_weight=10,
    # Not in North America or Central Europe, where Open-Meteo does not interpolate `current` from the hours.
    locations=(
        # 45 minutes off a full hour: hours are labelled wrongly by as much (zones.label_error_seconds), but not in GMT.
        Location("Kathmandu", Cell(277, 853), "Asia/Kathmandu"),
        Location("Santiago", Cell(-334, -707), "America/Santiago"),  # southern summers, with summer time
    ),
    sections={"hourly": HOURLY_NAMES, "daily": DAILY_NAMES, "current": HOURLY_NAMES},
    units={
        section: {name: _UNIXTIME.get(unit, unit) for name, unit in units.items()}
        for section, units in (
            ("hourly", HOURLY_UNITS),
            ("daily", DAILY_UNITS),
            ("current", HOURLY_UNITS | {"interval": "seconds"}),
        )
    },
    shape=_shape,
    comparisons={
        "days": lambda sample, series: comparison.days(series, sample.document),
        "current": lambda sample, series: comparison.current(series, sample.document),
    },
)
