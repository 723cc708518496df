"""What is taken for air quality, and what `verify_upstream air_quality` finds of it."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from tests.support.clocks import SetClock
from tests.support.weather.recordings import recording
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY
from weather.core.series import Series
from weather.core.variables import Variable
from weather.simulator.answers.air_quality import AIR_QUALITY as SIMULATED
from weather.simulator.server import OpenMeteoSimulator
from weather.upstream.air_quality_plan import AIR_QUALITY_PLAN, OTHER_NAMES, POLLEN_NAMES
from weather.upstream.client import OpenMeteo
from weather.upstream.errors import InvalidResponse
from weather.upstream.validation import read_location
from weather.upstream.verification import CheckResult, Spending, verify

#: In Kathmandu it is 16:05, in Warsaw 11:20.
NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC).timestamp()


# Validation


@pytest.fixture
def recorded() -> dict[str, Any]:
    """What Open-Meteo answered about the air of Beijing, with its times in unixtime."""
    real = recording("Beijing")
    times = [real.unix_seconds(time) for time in real.hourly["time"]]
    return {
        "latitude": real.latitude,
        "longitude": real.longitude,
        "utc_offset_seconds": real.utc_offset_seconds,
        "timezone": real.timezone,
        "elevation": real.elevation,
        "hourly_units": real.units["hourly"] | {"time": "unixtime"},
        "hourly": real.hourly | {"time": times},
    }


#: Air quality with the variable and the days that were recorded: validation follows from the declaration.
RECORDED = dataclasses.replace(
    AIR_QUALITY,
    variables=(Variable("carbon_monoxide", AIR_QUALITY.variables[2].unit, 1, "linear", 0, 30_000),),
    forecast_days=2,
    covered_days=1,
    gapless=("carbon_monoxide",),
)
BEIJING = Cell.parse("39.9", "116.4")


def test_a_recorded_answer_is_taken_with_its_values(recorded: dict[str, Any]) -> None:
    now = recorded["hourly"]["time"][0] + 3600

    series = read_location(recorded, BEIJING, now, "open-meteo", RECORDED)

    assert series.columns["carbon_monoxide"][:3] == [4048.0, 3130.0, 2166.0]
    assert series.hours == 48
    assert datetime.fromtimestamp(series.start, UTC) == datetime(2022, 12, 31, 16, tzinfo=UTC)


def test_a_recorded_answer_with_the_micro_sign_is_in_another_unit(recorded: dict[str, Any]) -> None:
    recorded["hourly_units"]["carbon_monoxide"] = "\N{MICRO SIGN}g/m³"
    with pytest.raises(InvalidResponse, match="carbon_monoxide is not in"):
        read_location(recorded, BEIJING, recorded["hourly"]["time"][0], "open-meteo", RECORDED)


def test_what_is_declared_is_what_can_be_asked_for() -> None:
    assert AIR_QUALITY.path == SIMULATED.path
    assert {variable.name: variable.unit for variable in AIR_QUALITY.variables} == SIMULATED.hourly
    assert AIR_QUALITY.forecast_days <= SIMULATED.most_days
    assert AIR_QUALITY.weight_of_a_cell == 1.0


def test_an_answer_is_taken_at_any_hour_of_the_models_runs() -> None:
    clock = SetClock(NOW)
    cells = [location.cell for location in AIR_QUALITY_PLAN.locations]
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, unlimited=True, clock=clock) as simulator:
        for hour in range(26):
            clock.seconds = NOW + hour * 3600
            fetched = OpenMeteo(simulator.url, AIR_QUALITY, now=clock).fetch(cells)
            assert [type(series) for series in fetched.values()] == [Series, Series]


# Verification


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenMeteoSimulator]:
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, unlimited=True, clock=lambda: NOW) as simulator:
        yield simulator


@pytest.fixture
def run_checks(upstream: OpenMeteoSimulator) -> Callable[..., list[CheckResult]]:
    """Runs all checks against a simulator with a fault switched on."""
    upstream.reset()

    def run(kind: str | None = None, **arguments: Any) -> list[CheckResult]:
        upstream.fault(kind, **arguments)
        client = OpenMeteo(upstream.url, AIR_QUALITY, now=lambda: NOW)
        return verify(client, AIR_QUALITY_PLAN, Spending(AIR_QUALITY_PLAN.most_weight))

    return run


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Any]], None], zone: str = "auto") -> None:
    """Has `change` have its way with the documents for Kathmandu and Warsaw, or for Kathmandu in GMT."""
    fetch = OpenMeteo.fetch_documents

    def changed(*arguments: Any, timezone: str = "auto") -> list[Any]:
        documents = fetch(*arguments, timezone=timezone)
        if timezone == zone:
            change(documents)
        return documents

    monkeypatch.setattr(OpenMeteo, "fetch_documents", changed)


def differing(results: list[CheckResult]) -> list[tuple[str, str]]:
    return [(result.location, result.text) for result in results if result.verdict == "DIFFERS"]


def test_a_right_open_meteo_is_found_right_for_3_of_its_weight(
    run_checks: Callable[..., list[CheckResult]], upstream: OpenMeteoSimulator
) -> None:
    assert [str(result) for result in run_checks()] == [
        "ok       Kathmandu  shape: 168 hours without a gap before their end",
        "ok       Kathmandu  units: as expected",
        "ok       Kathmandu  zone: Asia/Kathmandu, UTC+0545",
        "ok       Kathmandu  values: for the coming 110 hours",
        "ok       Kathmandu  pollen: null outside Europe",
        "ok       Kathmandu  half an hour: 163 hours equal those of GMT (1630 values)",
        "ok       Warsaw     shape: 168 hours without a gap before their end",
        "ok       Warsaw     units: as expected",
        "ok       Warsaw     zone: Europe/Warsaw, UTC+0100",
        "ok       Warsaw     values: for the coming 110 hours",
        "ok       Warsaw     pollen: for the coming 86 hours",
    ]
    state = upstream.state()
    assert (state["weight"], state["calls_by_path"]) == (3.0, {"/v1/air-quality": 2})


def test_pollen_that_is_null_in_europe_differs(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("nulls", variable="birch_pollen", place="52.2,21.0")
    assert differing(results) == [("Warsaw", "pollen: birch_pollen has no value for the present hour")]


def test_pollen_outside_europe_differs(
    run_checks: Callable[..., list[CheckResult]], monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(monkeypatch, lambda documents: documents[0]["hourly"]["grass_pollen"].__setitem__(0, 0.0))
    assert ("Kathmandu", "pollen: grass_pollen has values outside Europe") in differing(run_checks())


@pytest.mark.parametrize("name", [name for name in OTHER_NAMES if name not in AIR_QUALITY.gapless])
def test_a_pollutant_that_is_null_differs(run_checks: Callable[..., list[CheckResult]], name: str) -> None:
    results = run_checks("nulls", variable=name)
    assert [text for _, text in differing(results)] == [f"values: {name} has no value for the present hour"] * 2


def test_a_gap_differs(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("odd_value", variable="alder_pollen", value="null", row=7, place="52.2,21.0")
    assert differing(results) == [("Warsaw", "shape: alder_pollen has a gap")]


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        ("wrong_units", {"variable": "pm10", "unit": "\N{MICRO SIGN}g/m³"}, "pm10 is not in μg/m³"),
        ("missing", {"variable": "ozone"}, "ozone has not one value for each hour"),
        ("wrong_length", {}, "european_aqi has not one value for each hour"),
        ("wrong_place", {}, "far away"),
        ("metadata_only", {}, "without hourly values"),
        ("nulls", {"trailing_hours": 120}, "gap in the coming"),
    ],
)
def test_another_shape_differs_and_then_nothing_is_compared(
    run_checks: Callable[..., list[CheckResult]], kind: str, arguments: dict[str, Any], says: str
) -> None:
    results = run_checks(kind, **arguments)
    shapes = [result for result in results if result.text.startswith("shape")]
    assert all(shape.verdict == "DIFFERS" and says in shape.text for shape in shapes)
    assert [result.verdict for result in results].count("skipped") == 5


def test_another_zone_differs(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("zone_differs", place="52.2,21.0")
    assert differing(results) == [("Warsaw", "zone: 'Antarctica/Troll', not Europe/Warsaw")]


def test_labels_that_are_wrong_by_another_amount_differ_from_gmt(
    run_checks: Callable[..., list[CheckResult]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def an_hour_later(documents: list[Any]) -> None:
        documents[0]["hourly"]["time"] = [time + 3600 for time in documents[0]["hourly"]["time"]]

    changing(monkeypatch, an_hour_later, zone="GMT")
    ((location, text),) = differing(run_checks())
    assert location == "Kathmandu"
    assert text.startswith("half an hour: 2026-11-24T") and "GMT says" in text


@pytest.mark.parametrize("code", [0, 1])
def test_the_command_checks_the_air_where_it_is_named(
    api: Any, simulator: OpenMeteoSimulator, settings: Any, code: int
) -> None:
    settings.LIVE_AIR_QUALITY_URL = simulator.url
    if code:
        simulator.fault("zone_differs", place="52.2,21.0")
    told, ended = StringIO(), 0
    try:
        call_command("verify_upstream", "air_quality", stdout=told)
    except SystemExit as leaving:
        ended = int(str(leaving.code))

    lines = told.getvalue().splitlines()
    assert ended == code
    assert len(lines) == 12
    host = simulator.url.removeprefix("http://")
    assert lines[-1] == f"spent: 3.0 of Open-Meteo's weight in 2 calls to {host}; 6 are charged to the shared budget"
    assert simulator.state()["calls_by_path"] == {"/v1/air-quality": 2}


def test_every_variable_is_either_pollen_or_not() -> None:
    assert len(POLLEN_NAMES) == 4
    assert len(OTHER_NAMES) == 6
