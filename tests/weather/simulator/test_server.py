"""The simulator holds to the facts about Open-Meteo, and each of its faults does what it says."""

import json
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.support.servers import eventually
from tests.support.weather.recordings import recording
from weather.core.variables import HOURLY, HOURLY_NAMES
from weather.simulator.answers.forecast import FORECAST
from weather.simulator.answers.json_text import joined, place_texts
from weather.simulator.call import Asked
from weather.simulator.server import OpenMeteoSimulator

PROJECT = Path(__file__).parents[3]

NOW = 1_785_000_400  # 2026-07-25 17:26:40 UTC
NEW_YORK = (40.7, -74.0)
LONDON = (51.5, -0.1)
SYDNEY = (-33.9, 151.2)
REAL_CODES = {
    0, 1, 2, 3, 45, 48, 51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 71, 73, 75, 77, 80, 81, 82, 85, 86, 95, 96, 99,
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[OpenMeteoSimulator]:
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def simulator(server: OpenMeteoSimulator) -> OpenMeteoSimulator:
    server.reset()
    return server


def query(*places: tuple[float, float], **changes: Any) -> dict[str, str]:
    asked = {
        "latitude": ",".join(str(lat) for lat, _ in places or (NEW_YORK,)),
        "longitude": ",".join(str(lon) for _, lon in places or (NEW_YORK,)),
        "hourly": ",".join(HOURLY_NAMES),
        "forecast_days": "14",
        "timezone": "auto",
        "timeformat": "unixtime",
    }
    return {name: str(value) for name, value in (asked | changes).items() if value is not None}


def get(simulator: OpenMeteoSimulator, *places: tuple[float, float], **changes: Any) -> requests.Response:
    url = f"{simulator.url}/v1/forecast"
    return requests.get(url, query(*places, **changes), timeout=30, allow_redirects=False)


def forecast(simulator: OpenMeteoSimulator, *places: tuple[float, float], **changes: Any) -> Any:
    response = get(simulator, *places, **changes)
    assert response.status_code == 200, response.text
    return response.json()


def calculated(*places: tuple[float, float], now: float = NOW, **changes: Any) -> Any:
    """The same without a server."""
    return json.loads(joined(place_texts(Asked.parse(urlencode(query(*places, **changes)), FORECAST), now)))


def refusal(simulator: OpenMeteoSimulator, *places: tuple[float, float], **changes: Any) -> tuple[int, str]:
    response = get(simulator, *places, **changes)
    assert response.json().keys() == {"error", "reason"}
    return response.status_code, response.json()["reason"]


# The answer


#: What a recorded answer begins with, and all that it says where no variable was asked for.
METADATA = [
    "latitude",
    "longitude",
    "generationtime_ms",
    "utc_offset_seconds",
    "timezone",
    "timezone_abbreviation",
    "elevation",
]
SECTIONS = [f"{section}{part}" for section in ("current", "hourly", "daily") for part in ("_units", "")]


def test_an_answer_has_the_keys_and_units_of_a_recorded_one(simulator: OpenMeteoSimulator) -> None:
    real = recording("New York")
    shared_hourly = [name for name in real.units["hourly"] if name in HOURLY_NAMES]
    shared_daily = [name for name in real.units["daily"] if name in FORECAST.daily]
    hourly_names, daily_names = ",".join(shared_hourly), ",".join(shared_daily)

    ours = forecast(
        simulator, hourly=hourly_names, daily=daily_names, current="weather_code", timezone="GMT", timeformat="iso8601"
    )

    assert list(ours) == METADATA + SECTIONS
    for section, names in (("hourly", shared_hourly), ("daily", shared_daily)):
        assert list(ours[section]) == ["time", *names]
        assert ours[f"{section}_units"] == {name: real.units[section][name] for name in ["time", *names]}
    assert len(ours["hourly"]["time"]) == 24 * len(real.daily["time"])
    assert len(ours["hourly"]["time"][0]) == len(recording("Toronto").hourly["time"][0])
    assert len(ours["daily"]["sunrise"][0]) == len(real.daily["sunrise"][0])


def test_a_local_zone_is_told_as_recorded(simulator: OpenMeteoSimulator) -> None:
    real = recording("Copenhagen")
    ours = forecast(simulator, (real.latitude, real.longitude), current="temperature_2m", timeformat="iso8601")
    for key in ("utc_offset_seconds", "timezone", "timezone_abbreviation"):
        assert ours[key] == getattr(real, key)
    assert ours["current_units"] == {key: real.units["current"][key] for key in ours["current_units"]}
    assert ours["current"]["interval"] == 900


def test_sunrise_and_sunset_are_the_recorded_ones_to_the_minute(simulator: OpenMeteoSimulator) -> None:
    real = recording("Copenhagen")
    place = (real.latitude, real.longitude)
    ours = forecast(simulator, place, hourly=None, daily="sunrise,sunset", timeformat="iso8601", forecast_days=8)
    for name in ("sunrise", "sunset"):
        shared = {text[:10]: text for text in ours["daily"][name]}
        for text in real.daily[name]:
            apart = [int(t[11:13]) * 60 + int(t[14:16]) for t in (text, shared[text[:10]])]
            assert abs(apart[0] - apart[1]) <= 1


def test_several_places_are_an_array_as_recorded(simulator: OpenMeteoSimulator) -> None:
    places = [(42.5, 1.52), (42.54, 1.73), (42.63, 1.5), (42.54, 1.73)]
    ours = forecast(
        simulator, *places, hourly=None, current="temperature_2m,wind_speed_10m", timezone="GMT", timeformat="iso8601"
    )
    assert list(ours[0]) == [*METADATA, "current_units", "current"]
    assert [list(place) for place in ours[1:]] == [[*METADATA, "location_id", "current_units", "current"]] * 3
    assert [place.get("location_id") for place in ours] == [None, 1, 2, 3]


def test_no_variables_get_metadata_only_as_recorded(simulator: OpenMeteoSimulator) -> None:
    assert list(forecast(simulator, hourly=None)) == METADATA


def test_the_headers_are_the_recorded_ones(simulator: OpenMeteoSimulator) -> None:
    headers = get(simulator).headers
    assert set(headers) == {"Date", "Content-Type", "Transfer-Encoding", "Connection", "Content-Encoding"}
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_one_connection_serves_many_calls(simulator: OpenMeteoSimulator) -> None:
    with socket.create_connection((simulator.host, simulator.port)) as connection:
        for _ in range(2):
            connection.sendall(b"GET /v1/forecast?latitude=1&longitude=2 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in _read_until(connection, b"0\r\n\r\n")


def _read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        received += connection.recv(65_536)
    return received


def test_the_hours_begin_at_local_midnight_of_today(simulator: OpenMeteoSimulator) -> None:
    for place in (NEW_YORK, LONDON, SYDNEY, (-34.9, 138.6), (1.9, -157.4)):
        answer = forecast(simulator, place)
        first, *_, last = answer["hourly"]["time"]
        assert (first + answer["utc_offset_seconds"]) % 86_400 == 0
        assert 0 <= NOW - first < 86_400
        assert last - first == 335 * 3600


def test_the_grid_point_is_near_and_between_180_west_and_east(simulator: OpenMeteoSimulator) -> None:
    for lat, lon in ((40.7128, -74.006), (90, 12.34), (-90, 0), (89.9, 100.1), (0, 180), (12.3, 179.99), (-17.7, -180)):
        answer = forecast(simulator, (lat, lon), hourly=None)
        assert abs(answer["latitude"] - lat) <= 1 / 32
        assert -180 <= answer["longitude"] < 180
        assert abs((answer["longitude"] - lon + 180) % 360 - 180) <= 1 / 32


def test_places_come_back_in_the_order_asked(simulator: OpenMeteoSimulator) -> None:
    batch = forecast(simulator, SYDNEY, NEW_YORK, LONDON)
    assert [place["timezone"] for place in batch] == ["Australia/Sydney", "America/New_York", "Europe/London"]
    alone = forecast(simulator, NEW_YORK)
    assert batch[1]["hourly"] == alone["hourly"]


def test_times_are_the_same_in_both_formats(simulator: OpenMeteoSimulator) -> None:
    seconds = forecast(simulator, daily="sunset")
    texts = forecast(simulator, daily="sunset", timeformat="iso8601")
    assert texts["hourly"]["time"][0] == "2026-07-25T00:00"
    assert texts["daily"]["time"][0] == "2026-07-25"
    assert seconds["hourly"]["time"][0] == seconds["daily"]["time"][0]
    sunset = time.gmtime(seconds["daily"]["sunset"][0] + seconds["utc_offset_seconds"])
    assert time.strftime("%Y-%m-%dT%H:%M", sunset) == texts["daily"]["sunset"][0]


def test_seven_days_and_gmt_where_nothing_else_is_asked(simulator: OpenMeteoSimulator) -> None:
    answer = forecast(simulator, forecast_days=None, timezone=None, timeformat=None)
    assert answer["timezone"] == answer["timezone_abbreviation"] == "GMT"
    assert answer["hourly_units"]["time"] == "iso8601"
    assert len(answer["hourly"]["time"]) == 168


# The weather


def test_the_same_place_and_time_have_the_same_weather() -> None:
    assert calculated(NEW_YORK) == calculated(NEW_YORK)
    utc, local = calculated(NEW_YORK, timezone="GMT"), calculated(NEW_YORK)
    shift = (local["hourly"]["time"][0] - utc["hourly"]["time"][0]) // 3600
    for name in HOURLY_NAMES:
        assert utc["hourly"][name][shift:] == local["hourly"][name][: 336 - shift]


def test_values_stay_in_their_ranges_with_their_decimals_everywhere_and_all_year() -> None:
    for lat in (-90, -60.3, -33.9, -10, 0, 12.1, 23.5, 40.7, 60, 75.5, 90):
        for lon, month in ((-180, 0), (-74, 3), (0.1, 6), (101.7, 9)):
            hourly = calculated((lat, lon), now=NOW + month * 30 * 86_400, forecast_days=16)["hourly"]
            for variable in HOURLY:
                column = hourly[variable.name]
                assert variable.minimum <= min(column) and max(column) <= variable.maximum
                assert all(round(value, variable.decimals) == value for value in column)
            assert set(hourly["weather_code"]) <= REAL_CODES


def test_codes_agree_with_precipitation_and_temperature() -> None:
    snowed = 0
    for lat, month in ((40.7, 0), (51.5, 6), (60.2, 6), (1.3, 0), (-33.9, 0), (69.6, 5)):
        hourly = calculated((lat, 25), now=NOW + month * 30 * 86_400)["hourly"]
        for code, wet, celsius in zip(
            hourly["weather_code"], hourly["precipitation"], hourly["temperature_2m"], strict=True
        ):
            assert (code > 48) == (wet > 0)
            assert (code in (71, 73, 75, 77)) == (wet > 0 and celsius < 1)
            snowed += code in (71, 73, 75)
    assert snowed


def test_gusts_are_at_least_the_wind() -> None:
    for lat in range(-90, 91, 15):
        hourly = calculated((lat, lat))["hourly"]
        assert all(g >= w for g, w in zip(hourly["wind_gusts_10m"], hourly["wind_speed_10m"], strict=True))


def test_summer_is_warmer_than_winter_in_both_hemispheres() -> None:
    january = NOW + 180 * 86_400
    assert _mean(calculated(NEW_YORK)) > _mean(calculated(NEW_YORK, now=january)) + 8
    assert _mean(calculated(SYDNEY)) < _mean(calculated(SYDNEY, now=january)) - 8


def test_afternoons_are_warmer_than_nights() -> None:
    for place in (NEW_YORK, SYDNEY, (35.7, 139.7)):
        column = calculated(place)["hourly"]["temperature_2m"]
        by_hour = [sum(column[hour::24]) / 14 for hour in range(24)]
        assert by_hour[15] > by_hour[4] + 3


def _mean(answer: Any) -> float:
    column = answer["hourly"]["temperature_2m"]
    return float(sum(column) / len(column))


def test_the_weather_is_smooth() -> None:
    hourly = calculated(NEW_YORK)["hourly"]
    for name, most in (("temperature_2m", 4), ("pressure_msl", 4), ("wind_speed_10m", 8)):
        assert max(abs(a - b) for a, b in pairwise(hourly[name])) < most


def test_a_tenth_of_a_degree_makes_a_small_difference() -> None:
    here, there = (calculated(place)["hourly"]["temperature_2m"] for place in (NEW_YORK, (40.8, -74.0)))
    differences = [abs(a - b) for a, b in zip(here, there, strict=True)]
    assert 0 < max(differences) < 3


def test_a_new_model_run_changes_the_forecast_more_the_further_ahead() -> None:
    before, within, after = (calculated(NEW_YORK, now=now)["hourly"] for now in (NOW, NOW + 1800, NOW + 6 * 3600))
    assert before == within
    assert before["time"] == after["time"]
    changes = [abs(a - b) for a, b in zip(before["temperature_2m"], after["temperature_2m"], strict=True)]
    assert sum(changes[24:72]) < sum(changes[-48:])
    assert 0 < max(changes) < 6


def test_days_are_the_aggregates_of_their_hours() -> None:
    for place in (NEW_YORK, SYDNEY, (-34.9, 138.6)):
        answer = calculated(place, daily=",".join(FORECAST.daily))
        hourly, daily = answer["hourly"], answer["daily"]
        for day in range(14):
            hours = {name: column[day * 24 : day * 24 + 24] for name, column in hourly.items()}
            assert daily["time"][day] == hours["time"][0]
            for source in ("temperature_2m", "apparent_temperature"):
                assert daily[f"{source}_max"][day] == max(hours[source])
                assert daily[f"{source}_min"][day] == min(hours[source])
            for source in ("precipitation_probability", "wind_speed_10m", "wind_gusts_10m"):
                assert daily[f"{source}_max"][day] == max(hours[source])
            assert daily["weather_code"][day] == max(hours["weather_code"])
            assert daily["precipitation_sum"][day] == pytest.approx(sum(hours["precipitation"]), abs=0.01)
            assert daily["wind_direction_10m_dominant"][day] == _vector_mean(hours)
            assert hours["time"][0] < daily["sunrise"][day] < daily["sunset"][day] <= hours["time"][-1] + 3600


def _vector_mean(hours: dict[str, list[float]]) -> int:
    wind = list(zip(hours["wind_direction_10m"], hours["wind_speed_10m"], strict=True))
    east = sum(speed * math.sin(math.radians(direction)) for direction, speed in wind)
    north = sum(speed * math.cos(math.radians(direction)) for direction, speed in wind)
    return round(math.degrees(math.atan2(east, north))) % 360


def test_current_lies_between_its_two_hours() -> None:
    answer = calculated(NEW_YORK, current=",".join(HOURLY_NAMES))
    current, hourly = answer["current"], answer["hourly"]
    assert current["time"] == NOW - NOW % 900
    before = (current["time"] - hourly["time"][0]) // 3600
    assert current["weather_code"] == hourly["weather_code"][before]
    assert current["wind_gusts_10m"] == hourly["wind_gusts_10m"][before + 1]
    low, high = sorted(hourly["temperature_2m"][before : before + 2])
    assert low <= current["temperature_2m"] <= high


def test_polar_days_and_nights_have_the_epoch_for_a_sunrise() -> None:
    for place in ((78.2, 15.6), (-77.8, 166.7)):
        assert set(calculated(place, daily="sunrise,sunset")["daily"]["sunrise"]) == {0}


# Refusals


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latitude": "522.52"}, "Latitude must be in range of -90 to 90°. Given: 522.52."),
        ({"longitude": "-190.5"}, "Longitude must be in range of -180 to 180°. Given: -190.5."),
        ({"latitude": "nan"}, "Latitude must be in range of -90 to 90°. Given: nan."),
        ({"latitude": "1,2"}, "Parameter 'latitude' and 'longitude' must have the same number of elements"),
        ({"forecast_days": 17}, "Forecast days is invalid. Allowed range 0 to 16. Given 17."),
        (
            {"hourly": "lksdfj"},
            "Data corrupted at path ''. Cannot initialize SurfacePressureAndHeightVariable"
            " from invalid String value lksdfj.",
        ),
        ({"timezone": "Mars/Olympus"}, "Invalid timezone"),
        ({"past_days": 1}, "The simulator does not know the parameter past_days."),
    ],
)
def test_a_wrong_call_is_refused_and_costs_1(
    simulator: OpenMeteoSimulator, changes: dict[str, Any], reason: str
) -> None:
    assert refusal(simulator, **changes) == (400, reason)
    state = simulator.state()
    assert (state["errors"], state["weight"], state["cells"]) == (1, 1.0, 0)


def test_refusals_have_the_recorded_form(simulator: OpenMeteoSimulator) -> None:
    assert list(get(simulator, hourly="lksdfj").json()) == ["error", "reason"]
    assert "from invalid String value lksdfj" in refusal(simulator, hourly="lksdfj")[1]


def test_a_thousand_places_are_answered_and_one_more_is_not(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(limits=None)
    places = [(number / 20, number / 10) for number in range(1001)]
    assert len(forecast(simulator, *places[:1000], hourly="temperature_2m", forecast_days=1)) == 1000
    assert refusal(simulator, *places) == (400, "Only up to 1000 locations can be requested at once")


def test_a_call_over_5000_is_refused(simulator: OpenMeteoSimulator) -> None:
    names = ",".join(HOURLY_NAMES * 6)
    status, reason = refusal(simulator, *[NEW_YORK] * 1000, hourly=names)
    assert status == 400 and "too much data" in reason
    assert simulator.state()["weight"] == 1.0


def test_a_key_is_asked_for_where_one_is_set(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(api_key="right")
    assert refusal(simulator)[0] == 401
    assert refusal(simulator, apikey="wrong") == (400, "The supplied API key is invalid.")
    assert forecast(simulator, apikey="right")


@contextmanager
def held_back(simulator: OpenMeteoSimulator, until: int = 0) -> Iterator[threading.Event]:
    """Whoever has a turn waits for the event that is given, or until so many wait at once."""
    go, together = threading.Event(), threading.Barrier(until) if until else None

    def pause(_: float) -> bool:
        together.wait(60) if together else go.wait(60)
        return True

    simulator.pause = pause  # type: ignore[method-assign, assignment]
    try:
        yield go
    finally:
        del simulator.pause


# Weights and limits


@pytest.mark.parametrize(
    ("changes", "weight"),
    [
        ({}, 1.0),
        ({"hourly": "temperature_2m"}, 1.0),
        ({"daily": "weather_code"}, 1.1),
        ({"current": ",".join(HOURLY_NAMES), "forecast_days": 7}, 2.0),
        ({"forecast_days": 16}, 16 / 14),
        ({"hourly": "temperature_2m", "forecast_days": 16}, 1.0),
        ({"models": "icon_seamless,gfs_seamless"}, 2.0),
    ],
)
def test_a_call_weighs_by_variables_days_and_models(changes: dict[str, Any], weight: float) -> None:
    for count in (1, 3):
        asked = Asked.parse(urlencode(query(*[LONDON] * count, **changes)), FORECAST)
        assert asked.weight == pytest.approx(count * weight)


@pytest.mark.parametrize(
    ("window", "limit", "seconds", "reason"),
    [
        ("minute", 600, 60, "Minutely API request limit exceeded. Please try again in one minute."),
        ("hour", 5000, 3600, "Hourly API request limit exceeded. Please try again in the next hour."),
        ("day", 10_000, 86_400, "Daily API request limit exceeded. Please try again tomorrow."),
    ],
)
def test_a_window_that_is_used_up_refuses_until_the_next_begins(
    simulator: OpenMeteoSimulator, window: str, limit: int, seconds: int, reason: str
) -> None:
    others = {name: None for name in ("minute", "hour", "day") if name != window}
    assert simulator.state()["settings"]["limits"][window] == limit
    simulator.settings(limits={window: 3, **others})
    forecast(simulator, NEW_YORK, LONDON)
    forecast(simulator, NEW_YORK, LONDON)  # let through while anything is left
    assert refusal(simulator) == (429, reason)
    left = seconds - NOW % seconds
    simulator.settings(clock_offset_seconds=left - 1)
    assert refusal(simulator)[0] == 429
    simulator.settings(clock_offset_seconds=left)
    assert get(simulator).status_code == 200
    assert simulator.state()["most_spent"][window] == 6.0


def test_a_limit_refusal_names_no_time_to_come_back(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(limits={"minute": 0})
    assert "Retry-After" not in get(simulator).headers
    simulator.settings(limits=None)
    assert get(simulator).status_code == 200


def test_one_call_runs_four_wait_and_the_sixth_is_refused(simulator: OpenMeteoSimulator) -> None:
    with held_back(simulator) as go, ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(get, simulator, hourly=None) for _ in range(6)]
        eventually(lambda: any(each.done() for each in asked))
        go.set()
        answers = [each.result() for each in asked]
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["reason"] == "Too many concurrent requests"
    assert simulator.state()["most_at_once"] == 6


def test_waiting_calls_run_one_after_the_other(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(base_ms=40)
    began = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: get(simulator, hourly=None), range(3)))
    assert time.monotonic() - began >= 3 * 0.04


def test_a_lifted_queue_lets_all_run_at_once(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(concurrency=None)
    with held_back(simulator, until=8), ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: get(simulator), range(8))} == {200}


def test_an_answer_takes_its_base_and_a_share_for_each_place(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(base_ms=30, per_place_ms=20)
    answer = get(simulator, NEW_YORK, LONDON)
    assert answer.elapsed.total_seconds() >= 0.07
    assert {place["generationtime_ms"] for place in answer.json()} == {70.0}


# The control side


def test_the_state_counts_what_was_asked(simulator: OpenMeteoSimulator) -> None:
    get(simulator, (40.71, -74.03))
    get(simulator, NEW_YORK, LONDON)
    get(simulator, latitude=91)
    state = requests.get(f"{simulator.url}/simulator/state", timeout=30).json()
    assert state == simulator.state()
    assert (state["calls"], state["cells"], state["weight"], state["errors"]) == (3, 3, 4.0, 1)
    assert state["cells_per_call"] == [1, 2]
    assert state["places"] == {"40.7,-74.0": 2, "51.5,-0.1": 1}
    assert state["statuses"] == {"200": 2, "400": 1}
    assert state["most_at_once"] == 1


def test_everything_can_be_steered_over_http(simulator: OpenMeteoSimulator) -> None:
    control = f"{simulator.url}/simulator"
    for name, value in (("settings", {"base_ms": 1, "limits": {"minute": 7}}), ("fault", {"kind": "html"})):
        assert requests.post(f"{control}/{name}", json=value, timeout=30).json() == {"ok": True}
    assert get(simulator).status_code == 502
    assert requests.post(f"{control}/fault", json={"kind": None}, timeout=30).ok
    assert get(simulator).status_code == 200
    assert requests.post(f"{control}/reset", timeout=30).ok
    state = requests.get(f"{control}/state", timeout=30).json()
    assert state["calls"] == 0 and state["settings"]["limits"]["minute"] == 600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings", {"speed": 3}),
        ("settings", {"limits": {"week": 1}}),
        ("fault", {"kind": "gremlins"}),
        ("fault", {"kind": "delay", "minutes": 3}),
        ("fault", {"kind": "delay", "place": "here"}),
        ("fault", {}),
    ],
)
def test_what_cannot_be_set_is_refused(simulator: OpenMeteoSimulator, name: str, value: dict[str, Any]) -> None:
    response = requests.post(f"{simulator.url}/simulator/{name}", json=value, timeout=30)
    assert response.status_code == 400 and response.json()["reason"]


# Faults


def test_a_fault_ends_by_itself_after_its_times(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("status", status=503, times=2)
    assert [get(simulator).status_code for _ in range(3)] == [503, 503, 200]


def test_a_fault_of_a_place_strikes_only_calls_with_it(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("status", status=503, place="51.5,-0.1")
    assert get(simulator, NEW_YORK).status_code == 200
    assert get(simulator, NEW_YORK, LONDON).status_code == 503


def test_status_comes_with_reason_and_retry_after(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("status", status=429, retry_after=3600, reason="Slow down")
    response = get(simulator)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3600")
    assert response.json() == {"error": True, "reason": "Slow down"}
    simulator.fault("status", status=503)
    assert refusal(simulator) == (503, "The service is overloaded")
    assert simulator.state()["errors"] == 2


def test_delay_holds_an_answer_back(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("delay", seconds=0.15)
    assert get(simulator).elapsed.total_seconds() >= 0.15


def test_html_is_the_recorded_page(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("html")
    response = get(simulator)
    assert (response.status_code, response.headers["Content-Type"]) == (502, "text/html")
    assert "".join(response.text.split()) == (
        "<html><head><title>502BadGateway</title></head><body><center><h1>502BadGateway</h1></center>"
        "<hr><center>nginx</center></body></html>"
    )


def test_truncated_json_has_the_length_of_what_is_there(simulator: OpenMeteoSimulator) -> None:
    whole = len(get(simulator).content)
    simulator.fault("truncated")
    response = get(simulator)
    assert response.status_code == 200
    assert int(response.headers["Content-Length"]) == len(response.content) == whole // 2
    _assert_no_json(response)


def _assert_no_json(response: requests.Response) -> None:
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()


@pytest.mark.parametrize("instead", [True, False])
def test_text_stands_in_or_instead_of_the_json(simulator: OpenMeteoSimulator, instead: bool) -> None:
    simulator.fault("text", instead=instead)
    response = get(simulator)
    assert response.status_code == 200
    assert response.text.endswith("Unexpected error while streaming data: timeoutReached")
    assert response.text.startswith("{") is not instead
    _assert_no_json(response)


def test_nan_is_no_json_as_recorded(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("nan")
    response = get(simulator)
    assert response.text.startswith('{"latitude":nan,"longitude":nan,"generationtime_ms":')
    _assert_no_json(response)


def test_nulls_take_a_column_its_end_or_all(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("nulls", variable="pressure_msl")
    hourly = forecast(simulator)["hourly"]
    assert set(hourly["pressure_msl"]) == {None} and None not in hourly["temperature_2m"]
    simulator.fault("nulls", trailing_hours=48)
    column = forecast(simulator)["hourly"]["temperature_2m"]
    assert column[-48:] == [None] * 48 and None not in column[:-48]
    simulator.fault("nulls")
    hourly = forecast(simulator)["hourly"]
    assert all(set(hourly[name]) == {None} for name in HOURLY_NAMES) and None not in hourly["time"]


def test_columns_go_missing_or_get_shorter_or_longer(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("missing", variable="weather_code")
    assert "weather_code" not in forecast(simulator)["hourly"]
    for by in (-1, 2):
        simulator.fault("wrong_length", variable="weather_code", by=by)
        assert len(forecast(simulator)["hourly"]["weather_code"]) == 336 + by


def test_the_wrong_place_is_500_km_off(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("wrong_place")
    for place in (NEW_YORK, SYDNEY):
        assert abs(forecast(simulator, place)["latitude"] - place[0]) * 111.2 == pytest.approx(500, abs=8)


def test_units_and_times_can_be_wrong(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("wrong_units")
    assert forecast(simulator)["hourly_units"]["temperature_2m"] == "°F"
    simulator.fault("wrong_times")
    times = forecast(simulator)["hourly"]["time"]
    assert [b - a for a, b in pairwise(times) if b - a != 3600] == [7200]


def test_a_batch_can_come_in_the_wrong_order(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("wrong_order")
    batch = forecast(simulator, NEW_YORK, LONDON, SYDNEY)
    assert [place["latitude"] > 0 for place in batch] == [False, True, True]
    assert [place.get("location_id") for place in batch] == [None, 1, 2]


def test_one_bad_place_leaves_the_others_good(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("one_bad_place", place="51.5,-0.1")
    good, bad, also_good = forecast(simulator, NEW_YORK, LONDON, SYDNEY)
    assert bad == {"location_id": 1, "hourly": "nonsense"}
    assert len(good["hourly"]["time"]) == len(also_good["hourly"]["time"]) == 336


def test_a_refused_place_refuses_the_whole_call(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("refused_place", place="51.5,-0.1")
    assert refusal(simulator, NEW_YORK, LONDON) == (400, "No data is available for this location")
    assert get(simulator, NEW_YORK).status_code == 200


@pytest.mark.parametrize(("value", "read"), [("1e999", math.inf), ('"12.3"', "12.3"), ("true", True), ("[1]", [1])])
def test_a_value_can_be_odd(simulator: OpenMeteoSimulator, value: str, read: Any) -> None:
    simulator.fault("odd_value", value=value, row=4)
    assert value in get(simulator).text
    column = forecast(simulator)["hourly"]["temperature_2m"]
    assert column[4] == read and isinstance(column[3], float)


def test_metadata_can_be_all_there_is(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("metadata_only")
    assert list(forecast(simulator))[-1] == "elevation"


def test_current_daily_and_zone_can_differ_from_the_hours(simulator: OpenMeteoSimulator) -> None:
    sections = {"current": "temperature_2m", "daily": "temperature_2m_max"}
    right = forecast(simulator, **sections)
    simulator.fault("current_differs")
    assert forecast(simulator, **sections)["current"]["temperature_2m"] != right["current"]["temperature_2m"]
    simulator.fault("daily_differs")
    assert forecast(simulator, **sections)["daily"]["temperature_2m_max"] != right["daily"]["temperature_2m_max"]
    simulator.fault("zone_differs")
    assert forecast(simulator, **sections)["timezone"] != right["timezone"]


def test_a_redirect_is_counted_when_it_is_followed(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("redirect")
    assert get(simulator).status_code == 302
    assert simulator.state()["redirects_followed"] == 0
    target = get(simulator).headers["Location"]
    assert requests.get(f"{simulator.url}{target}", timeout=30).status_code == 200
    assert simulator.state()["redirects_followed"] == 1
    simulator.fault("redirect", url="http://elsewhere.example/")
    assert get(simulator).headers["Location"] == "http://elsewhere.example/"


def _raw_answer(simulator: OpenMeteoSimulator, most_bytes: float = math.inf) -> bytes:
    """All that comes until the end, or the first that comes up to so many bytes and a few more."""
    received = b""
    with socket.create_connection((simulator.host, simulator.port), timeout=60) as connection:
        connection.sendall(f"GET /v1/forecast?{urlencode(query())} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while len(received) < most_bytes:
            data = connection.recv(65_536)
            if not data:
                return received + b"<closed>"
            received += data
    return received


def test_a_cut_chunked_body_ends_without_its_last_chunk(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("chunked_cut")
    received = _raw_answer(simulator)
    assert b"Transfer-Encoding: chunked" in received
    assert received.endswith(b"<closed>") and not received.endswith(b"0\r\n\r\n<closed>")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(simulator)


def test_a_body_can_drip(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("drip", interval_seconds=0.02, size=3)
    received = _raw_answer(simulator, most_bytes=300)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b'{"latitude"'.startswith(body[:11])
    assert len(received) < 10_000 < int(head.lower().partition(b"content-length: ")[2].split()[0])


def test_headers_can_drip(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("drip_headers", interval_seconds=0.02)
    received = _raw_answer(simulator, most_bytes=5)
    assert b"HTTP/1.1 200 OK\r\n".startswith(received[:17]) and b"\r\n\r\n" not in received


def test_a_reset_comes_in_mid_body(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("reset")
    with pytest.raises(ConnectionResetError):
        _raw_answer(simulator)


def test_a_connection_can_close_before_any_answer(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("close")
    assert _raw_answer(simulator) == b"<closed>"


def test_a_hang_lasts_until_the_fault_is_lifted(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("hang")
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(_raw_answer, simulator)
        with pytest.raises(requests.Timeout):
            requests.get(f"{simulator.url}/v1/forecast", query(), timeout=0.2)
        # A busy machine may not have read the first question by now.
        eventually(lambda: simulator.state()["calls"] == 2)
        assert not hanging.done()
        simulator.fault(None)
        assert hanging.result(timeout=60) == b"<closed>"
    assert get(simulator).status_code == 200


def test_a_big_body_is_streamed_whole(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("big", megabytes=100)
    with requests.get(f"{simulator.url}/v1/forecast", query(), timeout=30, stream=True) as response:
        assert "Content-Length" not in response.headers and "Content-Encoding" not in response.headers
        assert sum(map(len, response.iter_content(1_000_000))) > 100_000_000


def test_a_gzip_bomb_is_small_until_it_is_unpacked(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("gzip_bomb")
    with requests.get(f"{simulator.url}/v1/forecast", query(), timeout=30, stream=True) as response:
        assert int(response.headers["Content-Length"]) < 1_000_000
        assert sum(map(len, response.iter_content(1_000_000))) == 150_000_000


def test_clients_that_leave_early_leave_no_traceback(
    simulator: OpenMeteoSimulator, capfd: pytest.CaptureFixture[str]
) -> None:
    for kind in ("big", "drip", "hang"):
        simulator.fault(kind)
        with socket.create_connection((simulator.host, simulator.port)) as connection:
            connection.sendall(b"GET /v1/forecast?latitude=1&longitude=2 HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(10) if kind != "hang" else eventually(lambda: simulator.state()["calls"] == 3)
    simulator.fault(None)
    assert get(simulator).status_code == 200
    assert capfd.readouterr().err == ""


# Start and stop


def test_stop_ends_every_thread_and_frees_the_port() -> None:
    threads = set(threading.enumerate())
    simulator = OpenMeteoSimulator(base_ms=0).start()
    simulator.fault("hang")
    with ThreadPoolExecutor(2) as pool:
        hanging = [pool.submit(_raw_answer, simulator), pool.submit(_raw_answer, simulator)]
        idle = socket.create_connection((simulator.host, simulator.port))
        eventually(lambda: simulator.state()["calls"] == 2)
        simulator.stop()
        assert [call.result(timeout=60) for call in hanging] == [b"<closed>"] * 2
    idle.close()
    assert not set(threading.enumerate()) - threads
    with OpenMeteoSimulator(simulator.port) as again:
        assert again.port == simulator.port and get(again).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_listens_and_stops_when_told(number: signal.Signals) -> None:
    options = ["--port", "0", "--base-ms", "1", "--unlimited", "--model-runs"]
    command = [sys.executable, "-m", "weather.simulator.server", *options]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        url = line.split()[-1]
        assert requests.get(f"{url}/v1/forecast", query(), timeout=30).status_code == 200
        settings = requests.get(f"{url}/simulator/state", timeout=30).json()["settings"]
        assert settings["concurrency"] is None and settings["limits"] == {"minute": None, "hour": None, "day": None}
        assert requests.get(f"{url}/data/ecmwf_ifs/static/meta.json", timeout=30).status_code == 200
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
    finally:
        process.kill()
