"""Checks against the live Open-Meteo, at two locations, that its answers still are what this service relies on.

It makes three calls: the one that the service makes, ten hourly variables for two locations, weight 2 × 1.0; one for
Open-Meteo's own daily and current values beside the same hours, 10 + 12 + 10 = 32 variables, 2 × 3.2; and one for the
hours in GMT of the location whose zone is not a full hour off UTC, 1.0. That is 9.4 in all, and 0.2 more for each extra
variable of the service.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.forecast import CURRENT_UNITS, DAILY_UNITS, HOURLY_UNITS
from weather.core.series import Series
from weather.core.variables import FORECAST_DAYS, HOUR_SECONDS, HOURLY_NAMES
from weather.core.zones import label_error_seconds, zone_of
from weather.upstream import comparison
from weather.upstream.client import OpenMeteo, exact_weight
from weather.upstream.comparison import Differs
from weather.upstream.errors import InvalidResponse, UpstreamError, UpstreamUnavailable
from weather.upstream.validation import DAY_SECONDS, read_location

MOST_WEIGHT = 10
#: So many further variables can be looked at for that: 2 × 1.3 + 2 × 3.2 + 1.0 is 10.
MOST_EXTRAS = 3
QUARTER_SECONDS = 900
#: How long ago the quarter of an hour may have begun that `current` is of.
OLDEST_CURRENT_SECONDS = HOUR_SECONDS

DAILY_NAMES = tuple(name for name in DAILY_UNITS if name != "time")
SECTIONS = {"hourly": HOURLY_NAMES, "daily": DAILY_NAMES, "current": HOURLY_NAMES}
_UNIXTIME = {"iso8601": "unixtime"}
UNITS = {
    "hourly": {name: _UNIXTIME.get(unit, unit) for name, unit in HOURLY_UNITS.items()},
    "daily": {name: _UNIXTIME.get(unit, unit) for name, unit in DAILY_UNITS.items()},
    "current": {name: _UNIXTIME.get(unit, unit) for name, unit in CURRENT_UNITS.items()} | {"interval": "seconds"},
}


@dataclass(frozen=True, slots=True)
class Location:
    name: str
    cell: Cell
    zone: str


#: Outside of North America and Central Europe, where `current` is not interpolated from the hours.
LOCATIONS = (
    # 45 minutes off the full hour: its labels are wrong by as much (zones.label_error_seconds), which GMT shows.
    Location("Kathmandu", Cell(277, 853), "Asia/Kathmandu"),
    Location("Santiago", Cell(-334, -707), "America/Santiago"),  # southern summers, with summer time
)


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Literal["ok", "DIFFERS", "skipped"]
    location: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:7}  {self.location:9}  {self.text}"


@dataclass(slots=True)
class Purse:
    """What was spent, an attempt that failed counted as if it had not; never more than MOST_WEIGHT."""

    spent: float = 0.0
    calls: int = 0

    def pay(self, weight: float) -> None:
        if self.spent + weight > MOST_WEIGHT:
            raise UpstreamUnavailable(f"it failed once, and to go on would cost more than {MOST_WEIGHT} of its weight")
        self.spent += weight
        self.calls += 1


def weight_of_sections(locations: int) -> float:
    """What the call for Open-Meteo's own days and current conditions costs of its quota."""
    return exact_weight(locations, SECTIONS, FORECAST_DAYS)


def verify(upstream: OpenMeteo, purse: Purse) -> list[Finding]:
    """Five findings for each of LOCATIONS, six in a zone of half an hour; UpstreamError if a call brings nothing."""
    cells = [location.cell for location in LOCATIONS]
    fetched = upstream.fetch(cells, lambda _: purse.pay(len(cells) * upstream.dataset.weight_of_a_cell))
    documents = upstream.fetch_documents(cells, SECTIONS, lambda _: purse.pay(weight_of_sections(len(cells))))
    looks = [
        _Look(location, got, document if isinstance(document, dict) else {}, upstream.now())
        for location, got, document in zip(LOCATIONS, fetched.values(), documents, strict=True)
    ]
    mislabelled = [look for look in looks if _is_mislabelled(look)]
    in_gmt = upstream.fetch_documents(
        [look.location.cell for look in mislabelled],
        WEATHER.sections,
        lambda _: purse.pay(len(mislabelled) * WEATHER.weight_of_a_cell),
        timezone="GMT",
    )
    for look, document in zip(mislabelled, in_gmt, strict=True):
        look.in_gmt = document
    return [finding for look in looks for finding in _findings(look)]


def _is_mislabelled(look: "_Look") -> bool:
    return label_error_seconds(comparison.utc_offset_seconds(look.location.zone, look.now)) != 0


@dataclass(slots=True)
class _Look:
    """What came of the calls for a location; `series` is made of the second one's hours, if these are right."""

    location: Location
    fetched: Series | UpstreamError
    document: dict[str, Any]
    now: float
    in_gmt: Any = None
    series: Series | None = None

    def part(self, name: str) -> Mapping[str, Any]:
        part = self.document.get(name)
        return part if isinstance(part, dict) else {}


def _findings(look: _Look) -> Iterator[Finding]:
    name = look.location.name
    shape = _finding(name, "shape", lambda: _shape(look))
    yield shape
    yield _finding(name, "units", lambda: _units(look))
    yield _finding(name, "zone", lambda: _zone(look))
    series = look.series
    whats = ("days", "current", "half an hour") if _is_mislabelled(look) else ("days", "current")
    if series is None or shape.verdict != "ok":
        yield from (Finding("skipped", name, f"{what}: there is nothing to compare") for what in whats)
        return
    yield _finding(name, "days", lambda: comparison.days(series, look.document))
    yield _finding(name, "current", lambda: comparison.current(series, look.document))
    if _is_mislabelled(look):
        yield _finding(name, "half an hour", lambda: comparison.hours(series, _series_in_gmt(look)))


def _finding(location: str, what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding("ok", location, f"{what}: {check()}")
    except Differs as difference:
        return Finding("DIFFERS", location, f"{what}: {difference}")


def _shape(look: _Look) -> str:
    if isinstance(look.fetched, UpstreamError):
        raise Differs(str(look.fetched))
    try:
        look.series = read_location(look.document, look.location.cell, look.now, look.fetched.source, WEATHER)
    except InvalidResponse as error:
        raise Differs(str(error)) from None
    daily, current = look.part("daily"), look.part("current")
    for name in ("time", *DAILY_NAMES):
        if not isinstance(daily.get(name), list) or len(daily[name]) != FORECAST_DAYS:
            raise Differs(f"daily {name} has not one value for each of {FORECAST_DAYS} days")
    if not _are_midnights(daily["time"], look.now) or type(look.document.get("utc_offset_seconds")) is not int:
        raise Differs("the days do not follow each other from today on, so many seconds off UTC")
    if missing := [name for name in ("time", *HOURLY_NAMES) if name not in current]:
        raise Differs(f"current has no {missing[0]}")
    if current.get("interval") != QUARTER_SECONDS or not _is_quarter(current["time"], look.now):
        raise Differs("current is not of the last quarter of an hour")
    return f"{len(look.series.columns['temperature_2m'])} hours, {FORECAST_DAYS} days and a current quarter of an hour"


def _series_in_gmt(look: _Look) -> Series:
    try:
        return read_location(look.in_gmt, look.location.cell, look.now, "", WEATHER)
    except InvalidResponse as error:
        raise Differs(str(error)) from None


def _are_midnights(times: Sequence[Any], now: float) -> bool:
    if set(map(type, times)) != {int} or not now - 2 * DAY_SECONDS <= times[0] <= now + HOUR_SECONDS:
        return False
    return list(times) == [times[0] + day * DAY_SECONDS for day in range(len(times))]


def _is_quarter(time: Any, now: float) -> bool:
    if type(time) is not int or time % QUARTER_SECONDS:
        return False
    return -QUARTER_SECONDS <= now - time <= OLDEST_CURRENT_SECONDS


def _units(look: _Look) -> str:
    for section, units in UNITS.items():
        told = look.part(f"{section}_units")
        for name, unit in units.items():
            if told.get(name) != unit:
                raise Differs(f"{section} {name} is in {told.get(name)!r}, not {unit}")
    return "as expected"


def _zone(look: _Look) -> str:
    told, expected = look.document.get("timezone"), look.location.zone
    moments = [look.now + day * DAY_SECONDS for day in range(FORECAST_DAYS + 1)]
    # Another name for the same zone will do; without a series the name may be any text.
    if told != expected and (look.series is None or _offsets(str(told), moments) != _offsets(expected, moments)):
        raise Differs(f"{told!r}, not {expected}")
    if isinstance(look.fetched, Series) and look.fetched.timezone != told:
        raise Differs(f"{told} in one call and {look.fetched.timezone} in the other")
    offset, told_offset = _offsets(expected, moments)[0], look.document.get("utc_offset_seconds")
    if told_offset != offset:
        raise Differs(f"{told_offset!r} seconds off UTC, not {offset}")
    return f"{told}, {datetime.fromtimestamp(look.now, zone_of(expected)):UTC%z}"


def _offsets(zone: str, moments: Sequence[float]) -> list[int]:
    return [comparison.utc_offset_seconds(zone, moment) for moment in moments]
