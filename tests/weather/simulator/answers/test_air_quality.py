"""The simulator answers about the air as Open-Meteo does, under the limits and with the faults that weather has too."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.support.weather.recordings import recording
from weather.simulator.answers.air_quality import AIR_QUALITY
from weather.simulator.answers.json_text import joined, place_texts
from weather.simulator.call import Asked
from weather.simulator.faults.kinds import KINDS
from weather.simulator.server import OpenMeteoSimulator
from weather.simulator.synthetic import air_indices, pollution

NOW = 1_785_000_400  # 2026-07-25 17:26:40 UTC
DAY = 86_400
BERLIN, NEW_YORK, KATHMANDU, ST_JOHNS = (52.5, 13.4), (40.7, -74.0), (27.7, 85.3), (47.6, -52.7)
NAMES = tuple(AIR_QUALITY.hourly)
POLLEN = tuple(name for name in NAMES if name.endswith("_pollen"))
OTHERS = tuple(name for name in NAMES if name not in POLLEN)


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
        "latitude": ",".join(str(lat) for lat, _ in places or (BERLIN,)),
        "longitude": ",".join(str(lon) for _, lon in places or (BERLIN,)),
        "hourly": ",".join(NAMES),
        "forecast_days": "7",
        "timezone": "auto",
        "timeformat": "unixtime",
    }
    return {name: str(value) for name, value in (asked | changes).items() if value is not None}


def get(
    simulator: OpenMeteoSimulator, *places: tuple[float, float], path: str = AIR_QUALITY.path, **changes: Any
) -> requests.Response:
    return requests.get(f"{simulator.url}{path}", query(*places, **changes), timeout=30, allow_redirects=False)


def weather(simulator: OpenMeteoSimulator) -> requests.Response:
    return get(simulator, path="/v1/forecast", hourly="temperature_2m")


def air(simulator: OpenMeteoSimulator, *places: tuple[float, float], **changes: Any) -> Any:
    response = get(simulator, *places, **changes)
    assert response.status_code == 200, response.text
    return response.json()


def calculated(*places: tuple[float, float], now: float = NOW, **changes: Any) -> Any:
    """The same without a server."""
    return json.loads(joined(place_texts(Asked.parse(urlencode(query(*places, **changes)), AIR_QUALITY), now)))


# The answer


def test_an_answer_has_the_keys_the_grid_and_the_form_of_the_recorded_one(simulator: OpenMeteoSimulator) -> None:
    real = recording("Beijing")
    text = get(simulator, (39.9, 116.4), hourly="pm2_5", forecast_days=2, timeformat="iso8601").text
    ours = json.loads(text)

    assert (ours["latitude"], ours["longitude"]) == pytest.approx((real.latitude, real.longitude), abs=1e-5)
    assert (ours["timezone"], ours["utc_offset_seconds"]) == (real.timezone, real.utc_offset_seconds)
    assert ours["hourly_units"] == {
        "time": real.units["hourly"]["time"],
        "pm2_5": real.units["hourly"]["carbon_monoxide"],
    }
    assert len(ours["hourly"]["time"]) == len(real.hourly["time"])
    assert len(ours["hourly"]["time"][0]) == len(real.hourly["time"][0])
    assert re.search(r'"pm2_5":\[(\d+\.\d,){47}\d+\.\d\]', text)


def test_each_variable_has_its_unit_and_its_number_of_decimals(simulator: OpenMeteoSimulator) -> None:
    text = get(simulator).text
    units = json.loads(text)["hourly_units"]

    assert units == {
        "time": "unixtime",
        "european_aqi": "EAQI",
        "us_aqi": "USAQI",
        **dict.fromkeys(("pm2_5", "pm10", "nitrogen_dioxide", "ozone"), "\N{GREEK SMALL LETTER MU}g/m³"),
        **dict.fromkeys(POLLEN, "grains/m³"),
    }
    for name in NAMES:
        number = r"\d+" if name.endswith("_aqi") else r"\d+\.\d"
        assert re.search(rf'"{name}":\[{number},', text)
    # Open-Meteo knows ozone to the whole μg/m³.
    assert all(value is None or value == int(value) for value in json.loads(text)["hourly"]["ozone"])


def test_several_places_are_an_array_in_the_order_asked(simulator: OpenMeteoSimulator) -> None:
    places = air(simulator, BERLIN, NEW_YORK, KATHMANDU)
    assert [place["timezone"] for place in places] == ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"]
    assert [place.get("location_id") for place in places] == [None, 1, 2]
    assert places[1]["hourly"] == air(simulator, NEW_YORK)["hourly"]


def test_five_days_in_gmt_where_nothing_else_is_asked(simulator: OpenMeteoSimulator) -> None:
    answer = air(simulator, forecast_days=None, timezone=None, timeformat=None)
    assert (answer["timezone"], answer["hourly_units"]["time"]) == ("GMT", "iso8601")
    assert answer["hourly"]["time"][0] == "2026-07-25T00:00"
    assert len(answer["hourly"]["time"]) == 120


def test_there_are_no_daily_values_and_they_cost_nothing(simulator: OpenMeteoSimulator) -> None:
    assert "daily" not in air(simulator, daily="pm2_5_max")
    assert simulator.state()["weight"] == 1.0


def test_current_is_the_present_hour_in_every_zone(simulator: OpenMeteoSimulator) -> None:
    for place in (BERLIN, KATHMANDU):
        answer = air(simulator, place, current=",".join(NAMES), timezone="GMT")
        row = answer["hourly"]["time"].index(NOW // 3600 * 3600)
        assert answer["current"] == {"interval": 3600} | {name: col[row] for name, col in answer["hourly"].items()}
        assert air(simulator, place, current=",".join(NAMES))["current"] == answer["current"]


@pytest.mark.parametrize(("place", "error"), [(KATHMANDU, 2700), (ST_JOHNS, -1800), (BERLIN, 0)])
def test_labels_are_wrong_where_the_zone_is_not_a_full_hour_off_utc(place: tuple[float, float], error: int) -> None:
    local, utc = calculated(place)["hourly"], calculated(place, timezone="GMT")["hourly"]
    shared = set(utc["time"]) & {time + error for time in local["time"]}
    assert len(shared) > 140
    for name in NAMES:
        right = dict(zip(utc["time"], utc[name], strict=True))
        labelled = {time + error: value for time, value in zip(local["time"], local[name], strict=True)}
        assert {time: labelled[time] for time in shared} == {time: right[time] for time in shared}


def test_the_grid_point_is_near_and_between_180_west_and_east() -> None:
    for lat, lon in (
        (52.51, 13.37),
        (40.7128, -74.006),
        (90, 12.34),
        (-90, 0),
        (0, 180),
        (12.3, 179.99),
        (-17.7, -180),
    ):
        answer = calculated((lat, lon), hourly=None)
        assert abs(answer["latitude"] - lat) <= 0.2
        assert -180 <= answer["longitude"] < 180
        assert abs((answer["longitude"] - lon + 180) % 360 - 180) <= 0.2 + 1e-9


# Where values end


def known_hours(place: tuple[float, float], name: str, now: float = NOW) -> float:
    """The hours from `now` to the last value; -inf where there is none."""
    hourly = calculated(place, now=now)["hourly"]
    return max(
        ((time - now) / 3600 for time, value in zip(hourly["time"], hourly[name], strict=True) if value is not None),
        default=float("-inf"),
    )


def test_pollutants_end_with_the_global_model_and_pollen_with_the_european_one() -> None:
    # At 17:26 the newest runs are those of 00:00 UTC: five and four days reach to midnight UTC.
    assert {known_hours(BERLIN, name) for name in OTHERS} == {(1_784_937_600 + 5 * DAY - NOW) / 3600}
    assert {known_hours(BERLIN, name) for name in POLLEN} == {(1_784_937_600 + 4 * DAY - NOW) / 3600}
    assert {known_hours(NEW_YORK, name) for name in OTHERS} == {known_hours(BERLIN, "pm2_5")}


def test_a_run_that_is_not_there_yet_leaves_the_end_where_it_was() -> None:
    midnight = 1_784_937_600
    ends = [
        midnight + hour * 3600 + known_hours(BERLIN, "pm2_5", midnight + hour * 3600) * 3600 for hour in (9, 10, 22)
    ]
    assert [(end - midnight) / DAY for end in ends] == [4.5, 5, 5.5]


def test_values_begin_at_local_midnight_and_have_no_gap() -> None:
    for place in (BERLIN, NEW_YORK, KATHMANDU):
        for name in OTHERS:
            column = calculated(place)["hourly"][name]
            assert None not in column[: column.index(None)] and set(column[column.index(None) :]) == {None}


@pytest.mark.parametrize(
    ("place", "inside"),
    [
        ((52.5, 13.4), True), ((30, -25), True), ((72, 45), True), ((38.7, -9.1), True),
        ((29.9, 10), False), ((72.1, 10), False), ((50, -25.1), False), ((50, 45.1), False), (NEW_YORK, False),
    ],
)  # fmt: skip
def test_pollen_is_null_outside_europe(place: tuple[float, float], inside: bool) -> None:
    hourly = calculated(place)["hourly"]
    for name in POLLEN:
        assert (hourly[name][0] is not None) == inside
        assert inside or set(hourly[name]) == {None}


def test_pollen_is_0_out_of_season_and_not_in_it() -> None:
    seasons = {"alder_pollen": (2, 3), "birch_pollen": (4, 5), "grass_pollen": (6, 7), "ragweed_pollen": (8, 9)}
    months: dict[str, set[int]] = {name: set() for name in POLLEN}
    for day in range(0, 365, 5):
        now = 1_767_225_600 + day * DAY + 43_200  # from 2026-01-01 on
        hourly = calculated(BERLIN, now=now, forecast_days=1)["hourly"]
        for name in POLLEN:
            if max(hourly[name]) > 0:
                months[name].add(day // 31 + 1)
    for name, always in seasons.items():
        assert months[name] >= set(always)
        assert not months[name] & {11, 12, 1}


# The air


def test_the_same_place_and_time_have_the_same_air() -> None:
    assert calculated(BERLIN) == calculated(BERLIN)
    assert calculated(BERLIN)["hourly"] != calculated(NEW_YORK)["hourly"]


def test_a_new_run_changes_the_hours_to_come() -> None:
    before, within, after = (
        calculated(BERLIN, now=NOW + hours * 3600, timezone="GMT")["hourly"] for hours in (0, 2, 5)
    )
    assert before == within
    assert before["time"] == after["time"]
    changes = [
        abs(a - b) for a, b in zip(before["ozone"], after["ozone"], strict=True) if a is not None and b is not None
    ]
    assert 0 < max(changes) < 30
    assert max(changes[:10]) <= max(changes[-24:])


def test_values_are_plausible_everywhere_and_all_year() -> None:
    for lat in (-90, -33.9, 0, 28.6, 47.6, 60, 72, 90):
        for lon, month in ((-180, 0), (-74, 3), (10.1, 6), (101.7, 9)):
            hourly = calculated((lat, lon), now=NOW + month * 30 * DAY)["hourly"]
            rows = [dict(zip(hourly, row, strict=True)) for row in zip(*hourly.values(), strict=True)]
            for row in rows:
                if row["pm2_5"] is None:
                    continue
                assert 0 <= row["pm2_5"] < row["pm10"] < 150
                assert 0 <= row["nitrogen_dioxide"] < 200 and 2 <= row["ozone"] < 250
                assert all(0 <= (row[name] or 0) < 1000 for name in POLLEN)


def test_traffic_has_a_morning_and_an_evening_and_ozone_an_afternoon() -> None:
    for place in (BERLIN, NEW_YORK, (-33.9, 151.2)):
        hourly = calculated(place)["hourly"]
        offset = calculated(place)["utc_offset_seconds"]
        zone_shift = round(place[1] / 15 - offset / 3600)
        dioxide, ozone = (
            [sum(hourly[name][(hour - zone_shift) % 24 : 96 : 24]) / 4 for hour in range(24)]
            for name in ("nitrogen_dioxide", "ozone")
        )
        assert min(dioxide[8], dioxide[18]) > 2 * max(dioxide[3], dioxide[13])
        assert ozone[15] > ozone[3]


def test_particles_are_slow() -> None:
    for place in (BERLIN, NEW_YORK):
        column = [value for value in calculated(place)["hourly"]["pm2_5"] if value is not None]
        assert max(abs(a - b) for a, b in pairwise(column)) < 4


# The indices


@pytest.mark.parametrize(
    ("pollutant", "concentration", "index"),
    [
        ("pm2_5", 0, 0), ("pm2_5", 5, 20), ("pm2_5", 15, 40), ("pm2_5", 50, 60), ("pm2_5", 90, 80),
        ("pm2_5", 140, 100), ("pm2_5", 190, 120), ("pm2_5", 8.8, 28), ("pm10", 45, 40), ("nitrogen_dioxide", 42.5, 50),
        ("ozone", 110, 50), ("ozone", 170, 90),
    ],
)  # fmt: skip
def test_the_european_index_follows_its_bands(pollutant: str, concentration: float, index: int) -> None:
    assert air_indices.european(pollutant, round(concentration * 10)) == index


@pytest.mark.parametrize(
    ("pollutant", "concentration", "index"),
    [
        ("pm2_5", 0, 0), ("pm2_5", 9, 50), ("pm2_5", 35.4, 100), ("pm2_5", 55.4, 150), ("pm2_5", 225.4, 300),
        ("pm2_5", 325.4, 500), ("pm10", 154, 100), ("nitrogen_dioxide", 188, 100), ("ozone", 137.2, 100),
    ],
)  # fmt: skip
def test_the_us_index_follows_its_breakpoints(pollutant: str, concentration: float, index: int) -> None:
    assert air_indices.us(pollutant, round(concentration * 10)) == index


def test_an_index_is_that_of_its_worst_pollutant() -> None:
    for place in (BERLIN, NEW_YORK, KATHMANDU):
        hourly = calculated(place)["hourly"]
        for name, index in (("european_aqi", air_indices.european), ("us_aqi", air_indices.us)):
            for row, value in enumerate(hourly[name]):
                if value is not None:
                    by_pollutant = [index(each, round(hourly[each][row] * 10)) for each in pollution.POLLUTANTS]
                    assert value == max(by_pollutant)


# Refusals, weights and limits


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latitude": "522.52"}, "Latitude must be in range of -90 to 90°. Given: 522.52."),
        ({"forecast_days": 8}, "Forecast days is invalid. Allowed range 0 to 7. Given 8."),
        (
            {"hourly": "temperature_2m"},
            "Data corrupted at path ''. Cannot initialize VariableOrDerived<CamsVariable, CamsVariableDerived>"
            " from invalid String value temperature_2m.",
        ),
        ({"timezone": "Mars/Olympus"}, "Invalid timezone"),
        ({"domains": "cams_europe"}, "The simulator does not know the parameter domains."),
    ],
)
def test_a_wrong_call_is_refused_and_costs_1(
    simulator: OpenMeteoSimulator, changes: dict[str, Any], reason: str
) -> None:
    response = get(simulator, **changes)
    assert (response.status_code, response.json()) == (400, {"error": True, "reason": reason})
    assert (simulator.state()["errors"], simulator.state()["weight"]) == (1, 1.0)


@pytest.mark.parametrize(
    ("changes", "weight"), [({}, 1.0), ({"hourly": "pm10"}, 1.0), ({"current": ",".join(NAMES)}, 2.0)]
)
def test_a_call_weighs_by_variables_and_days(changes: dict[str, Any], weight: float) -> None:
    asked = Asked.parse(urlencode(query(BERLIN, NEW_YORK, **changes)), AIR_QUALITY)
    assert asked.weight == pytest.approx(2 * weight)


def test_the_limits_of_an_address_are_shared_with_weather(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(limits={"minute": 2})
    assert [get(simulator).status_code, weather(simulator).status_code] == [200, 200]
    for refused in (get(simulator), weather(simulator)):
        assert (refused.status_code, refused.json()["reason"][:8]) == (429, "Minutely")


def test_the_state_counts_each_path_by_itself(simulator: OpenMeteoSimulator) -> None:
    get(simulator, BERLIN, NEW_YORK)
    get(simulator, latitude=91)
    weather(simulator)
    state = requests.get(f"{simulator.url}/simulator/state", timeout=30).json()
    assert state["calls_by_path"] == {"/v1/air-quality": 2, "/v1/forecast": 1}
    assert state["weight_by_path"] == {"/v1/air-quality": 3.0, "/v1/forecast": 1.0}
    assert (state["calls"], state["weight"]) == (3, 4.0)


# Faults

#: So that they take no time.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "big": {"megabytes": 1},
    "gzip_bomb": {"megabytes": 1},
    "hang": {"seconds": 0},
    "drip": {"interval_seconds": 0, "size": 5000},
    "drip_headers": {"interval_seconds": 0, "size": 50},
}
WITHOUT_A_DIFFERENCE = {
    "delay",  # the same answer, later
    "daily_differs",  # the air has no days
    "future_runs",  # it strikes run times
}


def received(simulator: OpenMeteoSimulator) -> bytes:
    """All that comes for a call about two places, without its date."""
    target = f"{AIR_QUALITY.path}?{urlencode(query(BERLIN, NEW_YORK, current='us_aqi'))}"
    data = b""
    with socket.create_connection((simulator.host, simulator.port), timeout=60) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        with suppress(ConnectionResetError):
            while more := connection.recv(65_536):
                data += more
    return re.sub(rb"Date: [^\r]*", b"", data)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - WITHOUT_A_DIFFERENCE))
def test_every_fault_strikes_the_air_too(simulator: OpenMeteoSimulator, kind: str) -> None:
    right = received(simulator)
    simulator.fault(kind, **ARGUMENTS.get(kind, {}))
    assert received(simulator) != right
    simulator.fault(None)
    assert received(simulator) == right


def test_faults_of_a_document_are_in_its_first_variable_unless_one_is_named(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("wrong_units")
    assert air(simulator)["hourly_units"]["european_aqi"] == "°F"
    simulator.fault("missing", variable="ozone")
    assert "ozone" not in air(simulator)["hourly"]
    simulator.fault("odd_value", value='"12.3"', row=4)
    assert air(simulator)["hourly"]["european_aqi"][4] == "12.3"


def test_a_current_value_that_is_null_stays_so(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("current_differs", variable="birch_pollen")
    assert air(simulator, NEW_YORK, current="birch_pollen")["current"]["birch_pollen"] is None


def test_a_fault_of_a_path_leaves_the_other_alone(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("status", status=503, path="/v1/air-quality", times=1)
    assert weather(simulator).status_code == 200
    assert [get(simulator).status_code for _ in range(2)] == [503, 200]
    refused = requests.post(f"{simulator.url}/simulator/fault", json={"kind": "html", "path": "/v1/flood"}, timeout=30)
    assert refused.status_code == 400


def test_a_redirect_leads_to_the_air(simulator: OpenMeteoSimulator) -> None:
    simulator.fault("redirect")
    target = get(simulator).headers["Location"]
    simulator.fault(None)
    assert requests.get(f"{simulator.url}{target}", timeout=30).json()["hourly"] == air(simulator)["hourly"]
    assert simulator.state()["redirects_followed"] == 1
