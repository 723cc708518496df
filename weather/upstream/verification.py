"""Checks against the live Open-Meteo, at two locations, that its answers still are what this service relies on.

It makes three calls: the one that the service makes, ten hourly variables for two locations, weight 2 × 1.0; one for
Open-Meteo's own daily and current values beside the same hours, 10 + 12 + 10 = 32 variables, 2 × 3.2; and one for the
hours in GMT of the location whose zone is not a full hour off UTC, 1.0. That is 9.4 in all, and 0.2 more for each extra
variable of the service.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.forecast import DAILY_UNITS, HOURLY_UNITS
from weather.core.series import Series
from weather.core.variables import FORECAST_DAYS, HOUR_SECONDS, HOURLY_NAMES
from weather.core.zones import label_error_seconds, zone_of
from weather.upstream import comparison
from weather.upstream.client import OpenMeteo, exact_weight
from weather.upstream.comparison import Differs
from weather.upstream.errors import InvalidResponse, UpstreamError, UpstreamUnavailable
from weather.upstream.validation import DAY_SECONDS, read_location

MOST_WEIGHT = 10
#: As many extra variables fit into that weight: 2 × 1.3 + 2 × 3.2 + 1.0 is 10.
MOST_EXTRAS = 3
QUARTER_SECONDS = 900
#: How long ago the quarter of an hour of `current` may have begun.
OLDEST_CURRENT_SECONDS = HOUR_SECONDS

DAILY_NAMES = tuple(name for name in DAILY_UNITS if name != "time")
SECTIONS = {"hourly": HOURLY_NAMES, "daily": DAILY_NAMES, "current": HOURLY_NAMES}
_UNIXTIME = {"iso8601": "unixtime"}
UNITS = {
    section: {name: _UNIXTIME.get(unit, unit) for name, unit in units.items()}
    for section, units in (
        ("hourly", HOURLY_UNITS),
        ("daily", DAILY_UNITS),
        ("current", HOURLY_UNITS | {"interval": "seconds"}),
    )
}


@dataclass(frozen=True, slots=True)
class Location:
    """A cell to check and the IANA time zone that it lies in."""

    name: str
    cell: Cell
    zone: str


#: Not in North America or Central Europe, where Open-Meteo does not interpolate `current` from the hours.
LOCATIONS = (
    # 45 minutes off a full hour: hours are labelled wrongly by as much (zones.label_error_seconds), but not in GMT.
    Location("Kathmandu", Cell(277, 853), "Asia/Kathmandu"),
    Location("Santiago", Cell(-334, -707), "America/Santiago"),  # southern summers, with summer time
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check at one location; its str() is the line to print."""

    verdict: Literal["ok", "DIFFERS", "skipped"]
    location: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:7}  {self.location:9}  {self.text}"


@dataclass(slots=True)
class Spending:
    """The weight and number of the calls made, failed attempts included; at most MOST_WEIGHT."""

    spent: float = 0.0
    calls: int = 0

    def charge(self, weight: float) -> None:
        """Counts a call before it is made; raises UpstreamUnavailable if it does not fit into MOST_WEIGHT."""
        if self.spent + weight > MOST_WEIGHT:
            raise UpstreamUnavailable(f"it failed once, and to go on would cost more than {MOST_WEIGHT} of its weight")
        self.spent += weight
        self.calls += 1


def weight_of_sections(locations: int) -> float:
    """The weight of the call for Open-Meteo's own daily and current values of so many locations."""
    return exact_weight(locations, SECTIONS, FORECAST_DAYS)


def verify(upstream: OpenMeteo, spending: Spending) -> list[CheckResult]:
    """Five results for each of LOCATIONS, six where the zone is not a full hour off UTC.

    Raises UpstreamError if a call fails.
    """
    cells = [location.cell for location in LOCATIONS]
    fetched = upstream.fetch(cells, lambda _: spending.charge(len(cells) * upstream.dataset.weight_of_a_cell))
    documents = upstream.fetch_documents(cells, SECTIONS, lambda _: spending.charge(weight_of_sections(len(cells))))
    samples = [
        _Sample(location, got, document if isinstance(document, dict) else {}, upstream.now())
        for location, got, document in zip(LOCATIONS, fetched.values(), documents, strict=True)
    ]
    mislabelled = [sample for sample in samples if sample.is_mislabelled]
    in_gmt = upstream.fetch_documents(
        [sample.location.cell for sample in mislabelled],
        WEATHER.sections,
        lambda _: spending.charge(len(mislabelled) * WEATHER.weight_of_a_cell),
        timezone="GMT",
    )
    for sample, document in zip(mislabelled, in_gmt, strict=True):
        sample.in_gmt = document
    return [result for sample in samples for result in _results(sample)]


@dataclass(slots=True)
class _Sample:
    """What the calls gave for a location; `series` holds the second call's hours, if they are valid."""

    location: Location
    fetched: Series | UpstreamError
    document: dict[str, Any]
    now: float
    in_gmt: Any = None
    series: Series | None = None

    @property
    def is_mislabelled(self) -> bool:
        return label_error_seconds(comparison.utc_offset_seconds(self.location.zone, self.now)) != 0

    def part(self, name: str) -> Mapping[str, Any]:
        part = self.document.get(name)
        return part if isinstance(part, dict) else {}


def _results(sample: _Sample) -> Iterator[CheckResult]:
    name, document = sample.location.name, sample.document
    shape = _checked(name, "shape", lambda: _shape(sample))
    yield shape
    yield _checked(name, "units", lambda: _units(sample))
    yield _checked(name, "zone", lambda: _zone(sample))
    comparisons: dict[str, Callable[[Series], str]] = {
        "days": lambda series: comparison.days(series, document),
        "current": lambda series: comparison.current(series, document),
    }
    if sample.is_mislabelled:
        comparisons["half an hour"] = lambda series: comparison.hours(series, _series_in_gmt(sample))
    for what, compare in comparisons.items():
        if sample.series is None or shape.verdict != "ok":
            yield CheckResult("skipped", name, f"{what}: no valid answer to compare")
            continue
        yield _checked(name, what, partial(compare, sample.series))


def _checked(location: str, what: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult("ok", location, f"{what}: {check()}")
    except Differs as difference:
        return CheckResult("DIFFERS", location, f"{what}: {difference}")


def _shape(sample: _Sample) -> str:
    if isinstance(sample.fetched, UpstreamError):
        raise Differs(str(sample.fetched))
    try:
        sample.series = read_location(sample.document, sample.location.cell, sample.now, sample.fetched.source, WEATHER)
    except InvalidResponse as error:
        raise Differs(str(error)) from None
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
    return (
        f"{len(sample.series.columns['temperature_2m'])} hours, {FORECAST_DAYS} days and a current quarter of an hour"
    )


def _series_in_gmt(sample: _Sample) -> Series:
    try:
        return read_location(sample.in_gmt, sample.location.cell, sample.now, "", WEATHER)
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


def _units(sample: _Sample) -> str:
    for section, units in UNITS.items():
        reported = sample.part(f"{section}_units")
        for name, unit in units.items():
            if reported.get(name) != unit:
                raise Differs(f"{section} {name} is in {reported.get(name)!r}, not {unit}")
    return "as expected"


def _zone(sample: _Sample) -> str:
    reported, expected = sample.document.get("timezone"), sample.location.zone
    moments = [sample.now + day * DAY_SECONDS for day in range(FORECAST_DAYS + 1)]
    # Another name for the same zone will do; without a series the name may be any text.
    if reported != expected and (
        sample.series is None or _offsets(str(reported), moments) != _offsets(expected, moments)
    ):
        raise Differs(f"{reported!r}, not {expected}")
    if isinstance(sample.fetched, Series) and sample.fetched.timezone != reported:
        raise Differs(f"{reported} in one call and {sample.fetched.timezone} in the other")
    offset, reported_offset = _offsets(expected, moments)[0], sample.document.get("utc_offset_seconds")
    if reported_offset != offset:
        raise Differs(f"{reported_offset!r} seconds off UTC, not {offset}")
    return f"{reported}, {datetime.fromtimestamp(sample.now, zone_of(expected)):UTC%z}"


def _offsets(zone: str, moments: Sequence[float]) -> list[int]:
    return [comparison.utc_offset_seconds(zone, moment) for moment in moments]
