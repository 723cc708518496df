"""Checks against the live Open-Meteo that its answers about a dataset still are what this service relies on.

What is checked is a plan: `weather_plan.py` and `air_quality_plan.py`. Each run makes up to three calls: the one that
the service makes; one for what Open-Meteo itself derives from the same hours, if it derives anything; and one for the
hours in GMT of the locations whose zone is not a full hour off UTC.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from weather.core.cells import Cell
from weather.core.series import Series
from weather.core.zones import zone_of
from weather.upstream import comparison
from weather.upstream.client import OpenMeteo
from weather.upstream.comparison import Differs
from weather.upstream.errors import InvalidResponse, UpstreamError, UpstreamUnavailable
from weather.upstream.plan import Plan, Sample
from weather.upstream.validation import DAY_SECONDS, read_location


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
    """The weight and number of the calls made, failed attempts included; at most `most` of weight."""

    most: float
    spent: float = 0.0
    calls: int = 0

    def charge(self, weight: float) -> None:
        """Counts a call before it is made; raises UpstreamUnavailable if it does not fit into the most."""
        if self.spent + weight > self.most:
            raise UpstreamUnavailable(f"it failed once, and to go on would cost more than {self.most:g} of its weight")
        self.spent += weight
        self.calls += 1


def verify(upstream: OpenMeteo, plan: Plan, spending: Spending) -> list[CheckResult]:
    """The results for each location of the plan, one more where the zone is not a full hour off UTC.

    `upstream` asks for the plan's dataset, with extra variables or without. Raises UpstreamError if a call fails.
    """
    samples = _samples(upstream, plan, spending)
    mislabelled = [sample for sample in samples if sample.is_mislabelled]
    in_gmt = upstream.fetch_documents(
        [sample.location.cell for sample in mislabelled],
        plan.dataset.sections,
        lambda _: spending.charge(len(mislabelled) * plan.dataset.weight_of_a_cell),
        timezone="GMT",
    )
    for sample, document in zip(mislabelled, in_gmt, strict=True):
        sample.in_gmt = document
    return [result for sample in samples for result in _results(plan, sample)]


def _samples(upstream: OpenMeteo, plan: Plan, spending: Spending) -> list[Sample]:
    cells = [location.cell for location in plan.locations]
    fetched: Mapping[Cell, Series | UpstreamError] = {}
    if plan.sections != upstream.dataset.sections:
        fetched = _fetched(upstream, cells, spending)
    weight = len(cells) * plan.weight_of_a_location
    documents = upstream.fetch_documents(cells, plan.sections, lambda _: spending.charge(weight))
    return [
        Sample(
            location,
            fetched.get(location.cell),
            document if isinstance(document, dict) else {},
            upstream.now(),
            upstream.answer_format,
        )
        for location, document in zip(plan.locations, documents, strict=True)
    ]


def _fetched(upstream: OpenMeteo, cells: list[Cell], spending: Spending) -> Mapping[Cell, Series | UpstreamError]:
    try:
        return upstream.fetch(cells, lambda _: spending.charge(len(cells) * upstream.dataset.weight_of_a_cell))
    except InvalidResponse as error:
        if upstream.answer_format == "json":
            raise
        return dict.fromkeys(cells, error)  # the other calls are made in JSON


def _results(plan: Plan, sample: Sample) -> Iterator[CheckResult]:
    name = sample.location.name
    shape = checked(name, "shape", lambda: _shape(plan, sample))
    yield shape
    yield checked(name, "units", lambda: _units(plan, sample))
    yield checked(name, "zone", lambda: _zone(plan, sample))
    comparisons = dict(plan.comparisons)
    if sample.is_mislabelled:
        comparisons["half an hour"] = lambda sample, series: comparison.hours(series, _series_in_gmt(plan, sample))
    if sample.fetched is not None and sample.fetched_format != "json":
        comparisons["formats"] = _formats
    for what, compare in comparisons.items():
        if sample.series is None or shape.verdict != "ok":
            yield CheckResult("skipped", name, f"{what}: no valid answer to compare")
            continue
        yield checked(name, what, partial(compare, sample, sample.series))


def checked(location: str, what: str, check: Callable[[], str]) -> CheckResult:
    """The result of a `check`, which returns its line or raises Differs."""
    try:
        return CheckResult("ok", location, f"{what}: {check()}")
    except Differs as difference:
        return CheckResult("DIFFERS", location, f"{what}: {difference}")


def _shape(plan: Plan, sample: Sample) -> str:
    if isinstance(sample.fetched, UpstreamError) and sample.fetched_format == "json":
        raise Differs(str(sample.fetched))
    sample.series = _read(plan, sample, sample.document)
    return plan.shape(sample, sample.series)


def _formats(sample: Sample, series: Series) -> str:
    if not isinstance(sample.fetched, Series):
        raise Differs(str(sample.fetched))
    return comparison.formats(series, sample.fetched)


def _series_in_gmt(plan: Plan, sample: Sample) -> Series:
    return _read(plan, sample, sample.in_gmt)


def _read(plan: Plan, sample: Sample, document: Any) -> Series:
    try:
        return read_location(document, sample.location.cell, sample.now, "", plan.dataset)
    except InvalidResponse as error:
        raise Differs(str(error)) from None


def _units(plan: Plan, sample: Sample) -> str:
    for section, units in plan.units.items():
        reported = sample.part(f"{section}_units")
        for name, unit in units.items():
            if reported.get(name) != unit:
                raise Differs(f"{section} {name} is in {reported.get(name)!r}, not {unit}")
    return "as expected"


def _zone(plan: Plan, sample: Sample) -> str:
    reported, expected = sample.document.get("timezone"), sample.location.zone
    moments = [sample.now + day * DAY_SECONDS for day in range(plan.dataset.forecast_days + 1)]
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
