import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.settings import OURS
from tests.support.clocks import SetClock
from tests.support.servers import TOP
from tests.support.staged.upstream import StagedUpstream, http
from weather.api.service import service
from weather.core.datasets import WEATHER
from weather.core.variables import EXTRA_NAMES, HOURLY_NAMES
from weather.simulator.answers.messages import messages_of
from weather.simulator.server import OpenMeteoSimulator
from weather.upstream.client import OpenMeteo, UpstreamError, UpstreamUnavailable
from weather.upstream.verification import CheckResult, Spending, verify
from weather.upstream.weather_plan import DAILY_NAMES, MOST_EXTRAS, WEATHER_PLAN

QUARTER = 900
#: In Kathmandu it is 16:05 by day, in Santiago 07:20.
NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC).timestamp()
LOCATIONS = WEATHER_PLAN.locations
MOST_WEIGHT = 10
#: Of the simulator: models have runs, and none is late, so that they are right at any time.
PUNCTUAL = {"model_runs": True, "run_lateness_seconds": 0}
MODELS = len(WEATHER.areas.models) if WEATHER.areas else 0
NAMES = [place.name for place in LOCATIONS]


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[OpenMeteoSimulator, SetClock]]:
    clock = SetClock(NOW)
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, unlimited=True, clock=clock) as simulator:
        yield simulator, clock


@pytest.fixture
def clock(started: tuple[OpenMeteoSimulator, SetClock]) -> SetClock:
    started[1].seconds = NOW
    return started[1]


@pytest.fixture
def upstream(started: tuple[OpenMeteoSimulator, SetClock], clock: SetClock) -> OpenMeteoSimulator:
    started[0].reset()
    return started[0]


@pytest.fixture
def run_checks(upstream: OpenMeteoSimulator, clock: SetClock) -> Callable[..., list[CheckResult]]:
    """Runs all checks against a simulator with a fault switched on."""

    def run(kind: str | None = None, **arguments: Any) -> list[CheckResult]:
        upstream.fault(kind, **arguments)
        return verify(OpenMeteo(upstream.url, WEATHER, now=clock), WEATHER_PLAN, Spending(MOST_WEIGHT))

    return run


def differing(results: list[CheckResult]) -> list[str]:
    """The checks that differ in every place, such as `days`; `half an hour` is checked in one place and left out."""
    found = [(result.text.partition(":")[0], result.location) for result in results if result.verdict == "DIFFERS"]
    found = [(what, name) for what, name in found if what != "half an hour"]
    whats = list(dict.fromkeys(what for what, _ in found))
    assert found == [(what, name) for name in NAMES for what in whats]
    return whats


def text(results: list[CheckResult], what: str) -> str:
    return next(result.text for result in results if result.text.startswith(f"{what}:"))


# What is compared


def test_a_right_open_meteo_is_found_right_in_each_way_in_each_place(
    run_checks: Callable[..., list[CheckResult]],
) -> None:
    results = run_checks()

    assert {result.verdict for result in results} == {"ok"}
    assert [(result.location, result.text.partition(":")[0]) for result in results] == [
        *(("Kathmandu", what) for what in ("shape", "units", "zone", "days", "current", "half an hour")),
        *(("Santiago", what) for what in ("shape", "units", "zone", "days", "current")),
    ]
    # Kathmandu's record begins at 18:15 of the day before in UTC and is read from 19:00 on, that of GMT from midnight.
    assert text(results, "half an hour") == "half an hour: 331 hours equal those of GMT (3310 values)"
    assert text(results, "days") == "days: 14 days equal Open-Meteo's own (168 values)"
    assert text(results, "zone") == "zone: Asia/Kathmandu, UTC+0545"


def test_it_is_right_at_any_quarter_of_any_hour_in_any_weather(
    run_checks: Callable[..., list[CheckResult]], clock: SetClock
) -> None:
    for step in range(60):
        clock.seconds = NOW + step * 29 * QUARTER
        assert [result for result in run_checks() if result.verdict != "ok"] == []


def test_labels_that_are_wrong_by_another_amount_differ_from_gmt(
    run_checks: Callable[..., list[CheckResult]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = OpenMeteo.fetch_documents

    def an_hour_later(*arguments: Any, timezone: str = "auto") -> list[Any]:
        documents = fetch(*arguments, timezone=timezone)
        if timezone == "GMT":
            documents[0]["hourly"]["time"] = [time + 3600 for time in documents[0]["hourly"]["time"]]
        return documents

    monkeypatch.setattr(OpenMeteo, "fetch_documents", an_hour_later)
    results = run_checks()
    assert [result.location for result in results if result.verdict == "DIFFERS"] == ["Kathmandu"]
    assert "2026-11-24T01:00Z temperature_2m" in text(results, "half an hour")


def test_hours_in_gmt_that_are_no_weather_differ(
    run_checks: Callable[..., list[CheckResult]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = OpenMeteo.fetch_documents

    def nothing_in_gmt(*arguments: Any, timezone: str = "auto") -> list[Any]:
        return [{}] if timezone == "GMT" else fetch(*arguments, timezone=timezone)

    monkeypatch.setattr(OpenMeteo, "fetch_documents", nothing_in_gmt)
    assert text(run_checks(), "half an hour") == "half an hour: a location without a latitude on Earth"


@pytest.mark.parametrize("name", HOURLY_NAMES)
def test_a_current_value_that_differs_is_named(run_checks: Callable[..., list[CheckResult]], name: str) -> None:
    results = run_checks("current_differs", variable=name, by=40.0 if name == "wind_direction_10m" else 5.0)

    assert differing(results) == ["current"]
    assert text(results, "current").startswith(f"current: {name} ")


@pytest.mark.parametrize(
    ("name", "by"),
    [(name, 1.0) for name in DAILY_NAMES if not name.startswith(("sun", "wind_direction"))]
    + [("wind_direction_10m_dominant", 10.0), ("sunrise", 300.0), ("sunset", -300.0)],
)
def test_a_daily_value_that_differs_is_named_with_its_day(
    run_checks: Callable[..., list[CheckResult]], name: str, by: float
) -> None:
    results = run_checks("daily_differs", variable=name, by=by)

    assert differing(results) == ["days"]
    assert text(results, "days").startswith(f"days: 2026-11-24 {name} ")
    assert text(results, "days").endswith(" (and 13 more)")


@pytest.mark.parametrize(
    ("kind", "name", "by"),
    [
        ("daily_differs", "sunrise", 60.0),
        ("daily_differs", "sunset", -60.0),
        ("daily_differs", "precipitation_sum", 0.1),
        ("daily_differs", "wind_direction_10m_dominant", -4.0),
        ("current_differs", "temperature_2m", 0.4),
        ("current_differs", "wind_direction_10m", 15.0),
        ("current_differs", "precipitation", 0.1),
    ],
)
def test_what_is_within_its_tolerance_does_not_differ(
    run_checks: Callable[..., list[CheckResult]], kind: str, name: str, by: float
) -> None:
    assert differing(run_checks(kind, variable=name, by=by)) == []


def test_a_tenth_of_a_degree_in_a_maximum_differs(run_checks: Callable[..., list[CheckResult]]) -> None:
    assert differing(run_checks("daily_differs", by=0.1)) == ["days"]


def test_a_day_that_open_meteo_takes_for_night_differs(run_checks: Callable[..., list[CheckResult]]) -> None:
    # The quarter that is labelled 16:00 is really 16:45; the sun sets at 17:08.
    results = run_checks("daily_differs", variable="sunrise", by=10.4 * 3600.0, place="27.7,85.3")

    assert "is_day True" in text(results, "current")


def test_another_zone_differs(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("zone_differs", place="-33.4,-70.7")

    zone = next(result for result in results if result.location == "Santiago" and result.text.startswith("zone"))
    assert (zone.verdict, zone.text) == ("DIFFERS", "zone: 'Antarctica/Troll', not America/Santiago")


def test_labels_that_do_not_fit_the_offset_are_another_shape(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("zone_differs", place="27.7,85.3")

    assert text(results, "shape") == "shape: the hours are not full hours of UTC"


def test_another_offset_in_the_same_zone_differs(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("zone_differs", timezone="Asia/Kathmandu", utc_offset_seconds=17_100, place="27.7,85.3")

    assert text(results, "zone") == "zone: 17100 seconds off UTC, not 20700"


def test_an_older_name_of_the_same_zone_will_do(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("zone_differs", timezone="Asia/Katmandu", utc_offset_seconds=20_700, place="27.7,85.3")

    assert {result.verdict for result in results} == {"ok"}


@pytest.mark.parametrize(
    ("kind", "arguments", "whats"),
    [
        ("wrong_units", {}, ["shape", "units"]),
        ("wrong_place", {}, ["shape"]),
        ("wrong_times", {}, ["shape"]),
        ("missing", {}, ["shape"]),
        ("wrong_length", {}, ["shape"]),
        ("odd_value", {"value": '"warm"'}, ["shape"]),
        ("metadata_only", {}, ["shape", "units"]),
        ("nan", {}, ["shape", "units"]),
    ],
)
def test_another_shape_and_other_units_differ_and_then_nothing_is_compared(
    run_checks: Callable[..., list[CheckResult]], kind: str, arguments: dict[str, Any], whats: list[str]
) -> None:
    results = run_checks(kind, **arguments)

    assert differing(results) == whats
    assert [result.verdict for result in results].count("skipped") == 2 * len(LOCATIONS) + 1


def test_a_place_that_is_invalid_does_not_spoil_the_other(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("one_bad_place", instead={"current": [], "daily": 1, "hourly_units": "none", "timezone": 7})

    assert [result.verdict for result in results] == ["DIFFERS"] * 3 + ["skipped"] * 3 + ["ok"] * 5


@pytest.mark.parametrize("section", ["daily", "current"])
@pytest.mark.parametrize("value", [None, "much", True, [], 10**400, 1e999])
def test_a_value_that_is_no_number_differs(
    run_checks: Callable[..., list[CheckResult]], monkeypatch: pytest.MonkeyPatch, section: str, value: Any
) -> None:
    fetch = OpenMeteo.fetch_documents

    def spoilt(*arguments: Any, timezone: str = "auto") -> list[Any]:
        documents = fetch(*arguments, timezone=timezone)
        for document in documents:
            for name, told in document.get(section, {}).items():
                if name not in ("time", "interval"):
                    document[section][name] = [value] * len(told) if section == "daily" else value
        return documents

    monkeypatch.setattr(OpenMeteo, "fetch_documents", spoilt)
    whats = differing(run_checks())

    assert whats == ["days" if section == "daily" else "current"]


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("daily", "time", [10**400] * 14),
        ("daily", "time", [0] * 14),
        ("daily", "time", ["today"] * 14),
        ("daily", "sunset", [0] * 13),
        ("current", "time", 10**400),
        ("current", "time", "now"),
        ("current", "time", NOW // QUARTER * QUARTER - 7200),
        ("current", "interval", 3600),
    ],
)
def test_days_and_a_quarter_that_are_not_of_now_are_another_shape(
    run_checks: Callable[..., list[CheckResult]], monkeypatch: pytest.MonkeyPatch, section: str, name: str, value: Any
) -> None:
    fetch = OpenMeteo.fetch_documents

    def spoilt(*arguments: Any, timezone: str = "auto") -> list[Any]:
        documents = fetch(*arguments, timezone=timezone)
        for document in documents:
            document.get(section, {})[name] = value
        return documents

    monkeypatch.setattr(OpenMeteo, "fetch_documents", spoilt)

    assert differing(run_checks()) == ["shape"]


def test_days_beyond_a_change_of_the_clocks_are_left_out(
    run_checks: Callable[..., list[CheckResult]], clock: SetClock
) -> None:
    # Santiago's summer time ends at the end of 4 April.
    clock.seconds = datetime(2026, 3, 30, 12, tzinfo=UTC).timestamp()
    results = run_checks()

    assert {result.verdict for result in results} == {"ok"}
    assert results[-2].text == "days: 5 days equal Open-Meteo's own (60 values; 9 left out)"


def test_a_day_without_all_hours_is_compared_in_the_other_columns(run_checks: Callable[..., list[CheckResult]]) -> None:
    results = run_checks("nulls", variable="precipitation_probability", trailing_hours=30)

    assert text(results, "days") == "days: 14 days equal Open-Meteo's own (166 values)"


# What it costs


def test_it_weighs_9_4_in_three_calls(
    run_checks: Callable[..., list[CheckResult]], upstream: OpenMeteoSimulator
) -> None:
    run_checks()

    assert sum(map(len, WEATHER_PLAN.sections.values())) == 32
    weight = (len(LOCATIONS) + 1) * WEATHER.weight_of_a_cell + len(LOCATIONS) * WEATHER_PLAN.weight_of_a_location
    assert weight == pytest.approx(9.4)
    assert upstream.state()["weight"] == pytest.approx(9.4)
    assert upstream.state()["calls"] == 3


@pytest.mark.parametrize("kind", ["status", "reset", "chunked_cut", "html", "close"])
@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_it_never_weighs_more_than_10(
    run_checks: Callable[..., list[CheckResult]], upstream: OpenMeteoSimulator, kind: str, times: int
) -> None:
    with pytest.raises(UpstreamUnavailable):
        run_checks(kind, times=times)

    assert upstream.state()["weight"] <= MOST_WEIGHT


# The command


@pytest.fixture
def command(api: Any, simulator: OpenMeteoSimulator, settings: Any) -> Callable[[], tuple[int, list[str]]]:
    """The exit code and the lines of the command."""
    settings.LIVE_OPEN_METEO_URL = simulator.url
    settings.LIVE_OPEN_METEO_RUNS_URL = f"{simulator.url}/data"
    simulator.settings(**PUNCTUAL)

    def called() -> tuple[int, list[str]]:
        told, code = StringIO(), 0
        try:
            call_command("verify_upstream", stdout=told)
        except SystemExit as leaving:
            code = int(str(leaving.code))
        return code, told.getvalue().splitlines()

    return called


def test_the_command_tells_what_was_found_and_spent(
    command: Callable[[], tuple[int, list[str]]], simulator: OpenMeteoSimulator
) -> None:
    code, lines = command()

    assert code == 0
    assert [line.split()[0] for line in lines[:-1]] == ["ok"] * (13 + MODELS) + ["skipped"] * MODELS
    host = simulator.url.removeprefix("http://")
    spent = f"spent: 9.4 of Open-Meteo's weight in 3 calls to {host}; 10 are charged to the shared budget"
    assert lines[-1] == spent


def test_json_and_flatbuffers_are_compared(
    command: Callable[[], tuple[int, list[str]]], simulator: OpenMeteoSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lines = command()
    assert sum("3360 values are equal in JSON and in FlatBuffers" in line for line in lines) == 2
    simulator.reset()
    simulator.settings(**PUNCTUAL)
    monkeypatch.setattr(
        "weather.simulator.service.messages_of",
        lambda texts: messages_of([text.replace('"temperature_2m":[', '"temperature_2m":[99.9,') for text in texts]),
    )
    code, lines = command()
    differing = [line.split()[2] for line in lines if "DIFFERS" in line]
    assert code == 1 and differing == ["formats:", "formats:"]


def test_the_command_asks_nothing_that_would_pass_the_budget(
    command: Callable[[], tuple[int, list[str]]], simulator: OpenMeteoSimulator
) -> None:
    service().budget.close("hour")
    with pytest.raises(CommandError, match="must not be asked"):
        command()
    assert simulator.state()["calls"] == 0


def test_the_command_fails_where_something_differs(
    command: Callable[[], tuple[int, list[str]]], simulator: OpenMeteoSimulator
) -> None:
    simulator.fault("daily_differs", place="27.7,85.3")
    code, lines = command()

    assert code == 1
    assert [line.split()[:3] for line in lines if "DIFFERS" in line] == [["DIFFERS", "Kathmandu", "days:"]]
    assert "temperature_2m_max" in lines[3]
    assert lines[-1].startswith("spent: 9.4")


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        ("hang", {}, "did not answer in time"),
        ("drip", {}, "did not answer in time"),
        ("status", {"status": 503}, "503"),
        ("status", {"status": 429}, "Minutely API request limit exceeded"),
        ("status", {"status": 401}, "API key"),
        ("status", {"status": 503, "times": 1}, "would cost more than 10"),
        ("refused_place", {}, "No data is available"),
        ("reset", {}, "broke"),
        ("html", {"status": 200}, "not JSON"),
        ("truncated", {}, "not JSON"),
        ("big", {}, "longer than"),
        ("redirect", {}, "redirect"),
    ],
)
def test_an_open_meteo_that_cannot_be_asked_is_one_clear_line(
    command: Callable[[], tuple[int, list[str]]],
    simulator: OpenMeteoSimulator,
    settings: Any,
    kind: str,
    arguments: dict[str, Any],
    says: str,
) -> None:
    settings.UPSTREAM_TIMEOUT_SECONDS = 0.5
    simulator.fault(kind, **arguments)

    with pytest.raises(CommandError, match=says) as failure:
        command()
    assert str(failure.value).isprintable()
    assert failure.value.returncode == 1


def test_a_second_call_that_fails_is_told_too(settings: Any) -> None:
    with StagedUpstream(http([{}, {}]), http(b"", 403)) as staged, pytest.raises(UpstreamError, match="403"):
        verify(OpenMeteo(staged.url, WEATHER), WEATHER_PLAN, Spending(MOST_WEIGHT))


@pytest.mark.parametrize("reachable", [True, False])
def test_its_exit_code_and_its_lines_reach_the_shell(
    simulator: OpenMeteoSimulator, tmp_path: Path, reachable: bool
) -> None:
    simulator.settings(**PUNCTUAL)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    env = {name: value for name, value in os.environ.items() if name not in (*OURS, "DJANGO_SETTINGS_MODULE")}
    env |= {"WEATHERNOTE_INSTANCE": str(tmp_path), "OPEN_METEO_URL": simulator.url if reachable else nobody}

    ended = subprocess.run(
        [sys.executable, "manage.py", "verify_upstream"], capture_output=True, cwd=TOP, env=env, text=True, timeout=60
    )

    if reachable:
        assert (ended.returncode, len(ended.stdout.splitlines()), ended.stderr) == (0, 14 + 2 * MODELS, "")
    else:
        line = "CommandError: Open-Meteo gave nothing to compare: no connection to it.\n"
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", line)


def test_further_variables_are_looked_at_as_far_as_the_weight_goes(
    upstream: OpenMeteoSimulator, clock: SetClock
) -> None:
    spending = Spending(MOST_WEIGHT)
    extended = WEATHER.with_extras(EXTRA_NAMES[:MOST_EXTRAS])
    results = verify(OpenMeteo(upstream.url, extended, now=clock), WEATHER_PLAN, spending)
    assert {result.verdict for result in results} == {"ok"}
    assert spending.spent == pytest.approx(MOST_WEIGHT) == upstream.state()["weight"]
