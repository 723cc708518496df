"""EXTRA_VARIABLES: asked for, paid for, shown and described; and instances of different settings side by side."""

import json
import random
from pathlib import Path

import pytest
import time_machine

from tests.support.processes.tree import copy_of_the_code, run
from tests.support.servers import Instance
from tests.support.staged.upstream import CELL, CELLS, NOW, StagedUpstream, answer, http, place
from tests.support.weather.series import make_series
from weather.api.service import service
from weather.core import variables
from weather.core.answers import Answer, Question, derive
from weather.core.datasets import WEATHER as DATASET
from weather.core.forecast import current, daily, hourly
from weather.core.records.packing import pack, unpack, version_of
from weather.core.series import Series
from weather.core.variables import EXTRA, HOURLY, HOURLY_NAMES, HOURS, KNOWN
from weather.upstream.client import InvalidResponse, OpenMeteo, rounded_up
from weather.upstream.validation import read_location
from weathernote import redis
from weathernote.telemetry.metrics import OPEN_METEO_WEIGHT

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"
FORECAST = "/api/v1/forecast?lat=40.7128&lon=-74.0060"
NAMES = ("visibility", "uv_index", "rain")
IN_ORDER = ["uv_index", "visibility", "rain"]
RECORD = "upstream:lat:40.7:lon:-74.0"


@pytest.fixture
def extended(api, settings, forget):
    """The API with three further variables, named in another order than they stand in."""
    settings.EXTRA_VARIABLES = NAMES
    forget()
    return api


def found(question: Question) -> Answer | None:
    return redis.fetch_one(service().lookup(question)).answer


# ── values ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.pure
@pytest.mark.parametrize(
    ("name", "row", "next_row", "half_past"),
    [
        *(("uv_index", 1.0, 2.5, 1.75), ("cloud_cover", 10, 21, 16), ("visibility", 1000.0, 2010.0, 1500)),
        *(("rain", 1.0, 2.0, 2.0), ("snowfall", 0.0, 0.7, 0.7), ("sunshine_duration", 3600.0, 0.0, 0)),
        *(("dew_point_2m", -0.2, 0.0, -0.1), ("cape", 100.5, 200.5, 150)),
    ],
)
def test_how_each_is_read_between_two_hours(name, row, next_row, half_past):
    series = make_series(columns={name: [row, next_row] + [0.0] * (HOURS - 2)})
    shown = current(series, series.start + 1800, extras=series.available(DATASET.optional))[name]
    assert (shown, type(shown)) == (half_past, float if KNOWN[name].decimals > 0 else int)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("name", "of_the_day", "expected"),
    [
        *(("uv_index", "uv_index_max", 23.0), ("cloud_cover", "cloud_cover_mean", 12)),
        *(("visibility", "visibility_min", 0), ("rain", "rain_sum", 276.0), ("snowfall", "snowfall_sum", 276.0)),
        *(("sunshine_duration", "sunshine_duration", 276), ("cape", "cape_max", 23)),
    ],
)
def test_what_a_day_has_of_it(name, of_the_day, expected):
    series = make_series(columns={name: [float(row % 24) for row in range(HOURS)]})
    assert daily(series, series.start, 3, extras=series.available(DATASET.optional))[of_the_day] == [expected] * 3


@pytest.mark.pure
def test_they_stand_behind_the_ten_and_before_is_day():
    series = make_series(columns={"rain": [0.0] * HOURS, "uv_index": [0.0] * HOURS})
    extras, shown = series.available(DATASET.optional), ["time", *HOURLY_NAMES, "uv_index", "rain", "is_day"]
    assert list(current(series, series.start, extras=extras)) == shown
    assert list(hourly(series, series.start, 1, extras=extras)) == shown


@pytest.mark.pure
def test_a_record_with_all_of_them_comes_back():
    columns = {variable.name: [variable.minimum, None, variable.maximum] for variable in (*HOURLY, *EXTRA)}
    series = Series(1.0, 2.0, None, "Etc/GMT", 0, columns, 5, "simulator")
    assert unpack(pack(series, DATASET), DATASET) == series


@pytest.mark.pure
@pytest.mark.parametrize("variable", [*HOURLY, *EXTRA], ids=lambda variable: variable.name)
def test_the_widest_step_of_each_fits_a_packed_column(variable):
    assert (variable.maximum - variable.minimum) * 10**variable.decimals < 32_768


# ── asked for and paid for ────────────────────────────────────────────────────────────────────────


def test_the_answers_have_them(extended):
    shown, told = extended.get(WEATHER).json(), extended.get(f"{FORECAST}&days=2").json()
    assert list(shown["current"])[-4:-1] == list(told["hourly"])[-4:-1] == IN_ORDER
    assert {"uv_index_max", "visibility_min", "rain_sum"} <= set(told["daily"])
    assert shown["units"]["visibility"] == "m" and set(told["daily"]) <= set(told["units"])


def test_one_call_asks_for_all_and_costs_what_the_budget_counts(extended, simulator):
    extended.get(WEATHER)
    assert simulator.state()["weight"] == 1.3
    assert service().budget.quota.spent["day"] == 2  # in whole numbers, and never less


@pytest.mark.pure
@pytest.mark.parametrize(("extras", "places", "expected"), [(0, 20, 20), (1, 10, 11), (3, 10, 13), (3, 1, 2)])
def test_what_a_call_weighs(extras, places, expected):
    dataset = DATASET.with_extras(variables.EXTRA_NAMES[:extras])
    assert rounded_up(places * dataset.weight_of_a_cell) == expected


def test_what_a_call_weighs_is_told_as_open_meteo_counts_it(extended):
    before = OPEN_METEO_WEIGHT._value.get()
    extended.get(WEATHER)
    assert OPEN_METEO_WEIGHT._value.get() - before == pytest.approx(1.3)


@pytest.mark.pure
@pytest.mark.parametrize("units", ["metric", "imperial"])
@pytest.mark.parametrize("variable", [*HOURLY, *EXTRA], ids=lambda variable: variable.name)
def test_the_first_answer_is_as_those_from_the_record(variable, units):
    """Further variables come with any decimals, and the ten with those that they are held with."""
    said, rolls = place(), random.Random(variable.name)
    middle = (variable.minimum + variable.maximum) / 2
    finest = 5 if variable in EXTRA else variable.decimals
    awkward = [0.285, 1.115, 12.5, 13.5, 2.675, 1234.5, 25.0, 35.0, 1609.344, 0.305, None, 0]
    values = [round(middle + rolls.uniform(-1, 1) * (middle - variable.minimum), finest) for _ in range(HOURS)]
    if variable in EXTRA:
        fitting = [value for value in awkward if value is None or variable.minimum <= value <= variable.maximum]
        values[:48] = (fitting * 48)[:48]
    said["hourly"][variable.name] = values
    said["hourly_units"][variable.name] = variable.unit
    dataset = DATASET.with_extras([variable.name])
    raw = read_location(said, CELL, NOW, "open-meteo", dataset)
    held = unpack(pack(raw, dataset), dataset)
    for days in (None, 10):
        for now in (NOW, NOW + 1234):
            question = Question(DATASET, CELL, days, units)
            assert derive(question, raw, now, 600, stale=False) == derive(question, held, now, 600, stale=False)


def test_what_open_meteo_says_of_them_is_checked_like_the_rest():
    place = answer([CELL])
    place["hourly"]["uv_index"] = [-1.0] * HOURS
    place["hourly_units"]["uv_index"] = ""
    with StagedUpstream(http(place)) as upstream:
        client = OpenMeteo(upstream.url, DATASET.with_extras(["uv_index"]), now=lambda: NOW)
        got = client.fetch([CELL])[CELL]
        assert "uv_index" in upstream.requests[0].split("hourly=")[1].split("&")[0]
    assert isinstance(got, InvalidResponse) and "uv_index" in str(got)


def test_a_body_may_be_as_long_as_they_make_it():
    """240 kB for three places: more than the ten variables would ever need, and read to its end."""
    places = answer(CELLS)
    for one in places:
        one |= {"padding": "x" * 60_000}
    with StagedUpstream(http(places)) as upstream:
        extras = OpenMeteo(upstream.url, DATASET.with_extras(variables.EXTRA_NAMES), now=lambda: NOW)
        assert all(isinstance(got, InvalidResponse) for got in extras.fetch(CELLS).values())


# ── side by side ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.pure
def test_a_record_is_named_by_what_it_holds():
    orders = (["uv_index", "rain"], ["rain", "uv_index"])
    assert {version_of(DATASET.with_extras(names)) for names in orders} == {"2+uv_index+rain"}


def test_instances_of_different_settings_pass_over_each_others_records(api, settings, forget, simulator, valkey):
    """Fault 66, for settings: neither takes the other's record for its own, neither deletes it."""
    api.get(WEATHER)
    settings.EXTRA_VARIABLES = NAMES
    forget()
    assert not api.get(FORECAST).json()["cached"]
    assert simulator.state()["calls"] == 2
    assert set(valkey.hkeys(RECORD)) == {"2", "2+uv_index+visibility+rain"}
    settings.EXTRA_VARIABLES = ()
    forget()
    assert api.get(f"{FORECAST}&days=3").json()["cached"]
    assert simulator.state()["calls"] == 2


def test_an_answer_without_them_is_worked_out_anew_and_one_with_them_serves_both(api, settings, forget, simulator):
    api.get(WEATHER)
    settings.EXTRA_VARIABLES = NAMES
    forget()
    with_extras = [api.get(WEATHER).json() for _ in range(2)]
    assert all("uv_index" in answer["current"] for answer in with_extras) and with_extras[1]["cached"]
    settings.EXTRA_VARIABLES = ()
    forget()
    assert "uv_index" in api.get(WEATHER).json()["current"]
    assert simulator.state()["calls"] == 2


def test_an_answer_with_others_is_not_taken_for_ones_own(extended, settings, forget):
    extended.get(WEATHER)
    settings.EXTRA_VARIABLES = ("visibility", "cloud_cover")
    forget()
    assert list(extended.get(WEATHER).json()["current"])[-3:-1] == ["cloud_cover", "visibility"]


def test_an_answer_of_other_settings_is_passed_over_and_left_where_it_is(extended, settings, forget, valkey):
    extended.get(WEATHER)
    kept = valkey.get("weather:lat:40.7:lon:-74.0")
    settings.EXTRA_VARIABLES = ("visibility", "cloud_cover")
    forget()
    assert found(Question(DATASET, CELL)) is None and valkey.get("weather:lat:40.7:lon:-74.0") == kept
    settings.EXTRA_VARIABLES = NAMES
    forget()
    assert (answer := found(Question(DATASET, CELL))) and answer.text.decode() == kept


def test_what_is_no_answer_is_deleted_whatever_the_settings(extended, valkey):
    valkey.set("weather:lat:40.7:lon:-74.0", "garbage")
    assert found(Question(DATASET, CELL)) is None and not valkey.exists("weather:lat:40.7:lon:-74.0")


def test_a_held_record_serves_all_of_it_again(extended, valkey, simulator):
    with time_machine.travel(NOW, tick=False):
        first = extended.get(WEATHER).json()
        valkey.delete("weather:lat:40.7:lon:-74.0")
        assert extended.get(WEATHER).json()["current"] == first["current"]
    assert simulator.state()["calls"] == 1


# ── settings and schema ───────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_code(tmp_path_factory.mktemp("tree"))


def test_an_unknown_one_stops_the_start_with_one_line(tree):
    told = run(tree, "manage.py", "serve", EXTRA_VARIABLES="uv_index,moon_phase")
    lines = [line for line in told.stderr.splitlines() if "EXTRA_VARIABLES" in line]
    assert told.returncode == 1 and "Traceback" not in told.stderr
    assert len(lines) == 1 and lines[0].endswith(f"{variables.EXTRA_NAMES[-1]}, separated by commas, not 'moon_phase'.")


def test_check_says_what_they_cost_and_other_commands_do_not(tree):
    told = run(tree, "manage.py", "check", EXTRA_VARIABLES="rain, uv_index")
    assert told.returncode == 0
    assert "a place weighs 1.2 of Open-Meteo's quota instead of 1" in told.stderr
    assert "a day's budget of 10,000 buys 8,333 refreshes." in told.stderr
    assert "EXTRA_VARIABLES" not in run(tree, "manage.py", "migrate", EXTRA_VARIABLES="rain").stderr


def test_the_schema_has_them_and_the_answers_keep_to_it(tmp_path, valkey, valkey_server, simulator):
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    with Instance(tmp_path, WORKERS=1, EXTRA_VARIABLES=",".join(variables.EXTRA_NAMES), **servers) as instance:
        described = instance.get("/api/v1/schema").json()["components"]["schemas"]
        shown, told = instance.get(WEATHER).json(), instance.get(FORECAST).json()
    assert set(shown["current"]) == set(described["Current"]["properties"])
    assert set(told["daily"]) == set(described["Daily"]["properties"])
    assert set(told["hourly"]) == set(described["Hourly"]["properties"])
    assert described["Current"]["properties"]["visibility"]["type"] == "integer"
    assert "imperial in ft" in described["Current"]["properties"]["visibility"]["description"]
    assert json.dumps(described["Current"]["properties"]["uv_index"]).count(" in ") == 0
