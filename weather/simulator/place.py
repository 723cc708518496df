"""A position that is asked about: its zone and elevation, and what the simulator's counters call it."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import tzfpy

QUARTER_SECONDS = 900
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400


@lru_cache(maxsize=200_000)
def zone_at(tenths_lat: int, tenths_lon: int) -> str:
    """The IANA zone of a tenth of a degree; at sea one of `Etc/GMT…`."""
    return tzfpy.get_tz(tenths_lon / 10, tenths_lat / 10) or "Etc/GMT"


@dataclass(frozen=True)
class Place:
    """A position as it was asked for, in degrees."""

    latitude: float
    longitude: float

    @cached_property
    def key(self) -> str:
        """Rounded to tenths, as the simulator's counters and faults name a place: `40.7,-74.0`."""
        return f"{round(self.latitude, 1) + 0.0},{round(self.longitude, 1) + 0.0}"

    @cached_property
    def zone(self) -> str:
        """The IANA zone of the nearest tenth of a degree."""
        return zone_at(round(self.latitude * 10), round(self.longitude * 10))

    @cached_property
    def at_sea(self) -> bool:
        """Whether its zone is one of the sea's."""
        return self.zone.startswith("Etc/")

    @cached_property
    def elevation(self) -> int:
        """Metres: rolling hills on land, 0 at sea."""
        if self.at_sea:
            return 0
        lat, lon = self.latitude, math.radians(self.longitude)
        # An integer number of waves around the globe, so that both sides of the antimeridian fit.
        hills = 250 + 200 * math.sin(lat * 1.9 + lon * 45) + 150 * math.sin(lat * 0.8 - lon * 73)
        ice = max(0.0, -65 - lat) * 80
        return max(1, int(hills + ice))
