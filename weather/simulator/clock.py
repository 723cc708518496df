"""The times of an answer: its zone, its hours and days, and how they are labelled."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from weather.simulator.place import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS, Place
from weather.simulator.synthetic.weather import WeatherRun


@dataclass(frozen=True)
class Clock:
    """The hours of an answer, from local midnight of today in the zone's offset of now for all of them, and its run."""

    now: float
    zone: str
    offset: int
    start: int
    days: int
    unixtime: bool
    #: The model run that the answer comes from.
    run: WeatherRun

    @classmethod
    def at(cls, place: Place, now: float, *, zone: str, days: int, unixtime: bool, run: WeatherRun) -> "Clock":
        """The clock of `days` days at a place, in the IANA zone or, for `auto`, in the place's own."""
        zone = place.zone if zone == "auto" else zone
        offset = _utc_offset(zone, now)
        start = int(now + offset) // DAY_SECONDS * DAY_SECONDS - offset
        return cls(now, zone, offset, start, days, unixtime, run)

    @property
    def unit(self) -> str:
        """What the answer calls its format of times."""
        return "unixtime" if self.unixtime else "iso8601"

    @property
    def abbreviation(self) -> str:
        """As the real server writes it whatever the zone's own letters are: `GMT`, `GMT-4`, `GMT+9:30`."""
        if not self.offset:
            return "GMT"
        hours, minutes = divmod(abs(self.offset) // 60, 60)
        return f"GMT{'-' if self.offset < 0 else '+'}{hours}" + (f":{minutes:02}" if minutes else "")

    @property
    def label_error(self) -> int:
        """Seconds that hours are later than their labels: the real server reads at the offset cut to full hours."""
        return self.offset - math.trunc(self.offset / HOUR_SECONDS) * HOUR_SECONDS

    @property
    def first_hour(self) -> int:
        """The instant of the first row, which the real server labels as `start`."""
        return self.start + self.label_error

    @property
    def hours(self) -> int:
        """The number of hourly rows."""
        return self.days * 24

    @property
    def quarter(self) -> int:
        """The start of the present quarter of an hour."""
        return int(self.now) // QUARTER_SECONDS * QUARTER_SECONDS

    def times(self, step: int) -> str:
        """The labels of all rows, `step` seconds apart, as the text between the brackets of a JSON array."""
        return _times(self.start, self.days * DAY_SECONDS // step, step, self.offset, self.unixtime)

    def time(self, at: int) -> str:
        """The label of one instant as JSON text."""
        return _times(at, 1, HOUR_SECONDS, self.offset, self.unixtime)


def _utc_offset(zone: str, now: float) -> int:
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    return int(local.replace(tzinfo=UTC).timestamp() - local.timestamp())


@lru_cache(maxsize=1000)
def _times(start: int, count: int, step: int, offset: int, unixtime: bool) -> str:
    instants = range(start, start + count * step, step)
    if unixtime:
        return ",".join(map(str, instants))
    text = "%Y-%m-%d" if step == DAY_SECONDS else "%Y-%m-%dT%H:%M"
    return ",".join(f'"{datetime.fromtimestamp(at + offset, UTC).strftime(text)}"' for at in instants)
