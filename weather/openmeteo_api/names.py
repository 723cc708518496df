"""What can be asked for by name: hourly and current variables, and daily values; also under Open-Meteo's old names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

from weather.core.datasets import WEATHER
from weather.core.forecast import AGGREGATES, EXTRA_AGGREGATES
from weather.core.series import Aggregate
from weather.core.variables import EXTRA, HOURLY, KNOWN, Variable

Item = TypeVar("Item")

IS_DAY = Variable("is_day", "", 0, "nearest", 0, 1)
_DAYLIGHT = Variable("daylight_duration", "s", 2, "ending", 0, 86_400)

#: Amounts of the hour that ends at their time; `current` has those of a quarter of an hour.
SUMS = frozenset({"precipitation", "rain", "showers", "snowfall", "sunshine_duration"})

#: Open-Meteo's names before October 2023, which it still takes and answers under.
_OLD_NAMES = {
    "relativehumidity_2m": "relative_humidity_2m",
    "weathercode": "weather_code",
    "windspeed_10m": "wind_speed_10m",
    "winddirection_10m": "wind_direction_10m",
    "windgusts_10m": "wind_gusts_10m",
    "cloudcover": "cloud_cover",
    "dewpoint_2m": "dew_point_2m",
    "freezinglevel_height": "freezing_level_height",
    "windspeed_10m_max": "wind_speed_10m_max",
    "windgusts_10m_max": "wind_gusts_10m_max",
    "winddirection_10m_dominant": "wind_direction_10m_dominant",
    "cloudcover_mean": "cloud_cover_mean",
}


@dataclass(frozen=True, slots=True)
class DailyValue:
    """A daily value: the variable that its unit is taken from, and how it is derived.

    `aggregate` is set for what comes from the day's hours of one variable.
    """

    variable: Variable
    derivation: Literal["aggregate", "dominant", "sunrise", "sunset", "daylight"]
    aggregate: Aggregate | None = None

    @property
    def is_time(self) -> bool:
        """Whether it is a moment rather than a number."""
        return self.derivation in ("sunrise", "sunset")


def _aggregated(*aggregates: Aggregate) -> dict[str, DailyValue]:
    return {aggregate[0]: DailyValue(aggregate[1], "aggregate", aggregate) for aggregate in aggregates}


_DAILY = {
    **_aggregated(*AGGREGATES),
    "wind_direction_10m_dominant": DailyValue(KNOWN["wind_direction_10m"], "dominant"),
    "sunrise": DailyValue(_DAYLIGHT, "sunrise"),
    "sunset": DailyValue(_DAYLIGHT, "sunset"),
    "daylight_duration": DailyValue(_DAYLIGHT, "daylight"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What an instance can be asked for: name → variable of `hourly` and `current`, name → value of `daily`."""

    hourly: Mapping[str, Variable]
    daily: Mapping[str, DailyValue]


@lru_cache(maxsize=8)
def names_with(extras: tuple[str, ...]) -> Names:
    """The names that an instance holds which has these extra variables; names that are no variable are ignored."""
    further = WEATHER.with_extras(extras).extras
    hourly = {variable.name: variable for variable in (*HOURLY, *further, IS_DAY)}
    daily = _DAILY | _aggregated(*(one for one in EXTRA_AGGREGATES if one[1] in further))
    return Names(_with_old_names(hourly), _with_old_names(daily))


def _with_old_names(known: dict[str, Item]) -> dict[str, Item]:
    return known | {old: known[new] for old, new in _OLD_NAMES.items() if new in known}


def present(names: Iterable[str]) -> list[str]:
    """The subset of `names` that are not old ones, for messages and documents."""
    return [name for name in names if name not in _OLD_NAMES]


ALL = names_with(tuple(variable.name for variable in EXTRA))


def new_name(name: str) -> str:
    """The present name of what may be asked for under an old one."""
    return _OLD_NAMES.get(name, name)
