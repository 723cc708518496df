"""The times of an answer in the zone that was asked for: its days, hours and present quarter of an hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from weather.core.series import midnight, today
from weather.core.variables import HOUR_SECONDS
from weather.core.zones import zone_of

QUARTER_SECONDS = 900
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Clock:
    """The present, `now` in unix seconds, in an IANA zone."""

    name: str
    zone: ZoneInfo
    now: float

    @classmethod
    def at(cls, name: str, now: float) -> "Clock":
        """The clock of a zone; raises zones.UnknownZone."""
        return cls(name, zone_of(name), now)

    @property
    def utc_offset_seconds(self) -> int:
        """The zone's present offset from UTC."""
        offset = datetime.fromtimestamp(self.now, self.zone).utcoffset()
        return int((offset or timedelta()).total_seconds())

    @property
    def quarter(self) -> int:
        """When the present quarter of an hour began."""
        return int(self.now // QUARTER_SECONDS) * QUARTER_SECONDS

    def midnights(self, days: int) -> list[int]:
        """When each of `days` dates from today on begins, and when the last one ends, in unix seconds."""
        first = today(self.now, self.zone)
        return [midnight(first + timedelta(day), self.zone) for day in range(days + 1)]

    def hours_of_days(self, days: int) -> range:
        """The full hours of UTC in `days` dates from today on: 23 or 25 a day where summer time begins or ends."""
        midnights = self.midnights(days)
        # In a zone that is not a full hour off UTC, midnight falls between two hours, and the later is the first.
        return range(next_hour(midnights[0]), next_hour(midnights[-1]), HOUR_SECONDS)

    def hours_from_now(self, hours: int) -> range:
        """So many full hours of UTC from the one that the present lies in."""
        start = int(self.now // HOUR_SECONDS) * HOUR_SECONDS
        return range(start, start + hours * HOUR_SECONDS, HOUR_SECONDS)


def next_hour(seconds: int) -> int:
    """Unix seconds rounded up to a full hour of UTC."""
    return -(-seconds // HOUR_SECONDS) * HOUR_SECONDS


def abbreviation(utc_offset_seconds: int) -> str:
    """As Open-Meteo writes it, whatever a zone's own letters are: `GMT`, `GMT-4`, `GMT+9:30`."""
    if not utc_offset_seconds:
        return "GMT"
    hours, minutes = divmod(abs(utc_offset_seconds) // 60, 60)
    return f"GMT{'-' if utc_offset_seconds < 0 else '+'}{hours}" + (f":{minutes:02}" if minutes else "")


@lru_cache(maxsize=512)
def labels(zone: str, times: Sequence[int], *, dates: bool = False) -> list[str]:
    """Unix seconds as ISO 8601 in the zone without its offset: to the minute, or dates alone."""
    form, here = ("%Y-%m-%d" if dates else "%Y-%m-%dT%H:%M"), zone_of(zone)
    return [datetime.fromtimestamp(time, here).strftime(form) for time in times]
