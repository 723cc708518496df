import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.weather.series import a_series
from weather.core.answers import Question, derive, prolonged, read
from weather.core.cells import Cell
from weather.core.datasets import WEATHER as DATASET
from weather.core.runs.model_run import UNKNOWN, ModelRun
from weather.core.variables import EXTRA, HOURLY_NAMES

pytestmark = pytest.mark.pure

NEW_YORK = Cell(407, -740)
NOW = 1_795_511_460.7  # 2026-11-24 04:11:00.7 in New York
WEATHER, FORECAST = Question(DATASET, NEW_YORK), Question(DATASET, NEW_YORK, 7)


RUN = ModelRun("ncep_hrrr_conus", 1_795_489_200)  # of 03:00 UTC


def derived(question=WEATHER, now=NOW, life_seconds=600, stale=False, model_run=RUN):
    return derive(question, a_series(), now, life_seconds, stale=stale, model_run=model_run)


@pytest.mark.parametrize(
    ("question", "key"),
    [(WEATHER, "weather:lat:40.7:lon:-74.0"), (FORECAST, "forecast:lat:40.7:lon:-74.0:days:7")],
)
def test_answers_have_the_promised_names(question, key):
    assert question.key == key


def test_the_weather_has_the_promised_fields_in_order():
    body = json.loads(derived().text)
    assert list(body) == (
        [
            "latitude",
            "longitude",
            "grid",
            "model",
            "run",
            "timezone",
            "current",
            "units",
            "cached",
            "stale",
            "source",
            "fetched_at",
            "expires_at",
            "attribution",
        ]
    )
    assert list(body["current"]) == ["time", *HOURLY_NAMES, "is_day"]
    assert body["current"]["time"].startswith("2026-11-24T04:11:00-05:00")
    assert (body["fetched_at"], body["expires_at"]) == ("2026-11-24T06:00:00Z", "2026-11-24T09:21:00Z")


@pytest.mark.parametrize("question", [WEATHER, FORECAST])
@pytest.mark.parametrize(
    ("model_run", "said"),
    [
        (RUN, ["ncep_hrrr_conus", "2026-11-24T03:00:00Z"]),
        (ModelRun("ecmwf_ifs"), ["ecmwf_ifs", None]),
        (UNKNOWN, [None, None]),
    ],
)
def test_an_answer_says_its_model_and_run_and_null_where_they_are_not_known(question, model_run, said):
    answer = derived(question, model_run=model_run)
    body = json.loads(answer.text)
    assert [body["model"], body["run"]] == said
    assert read(question, answer.text, NOW) == answer


@pytest.mark.parametrize("question", [WEATHER, FORECAST])
def test_an_answer_of_the_release_before_says_no_run_and_is_read_and_shown_longer(question):
    said = b'"model":"ncep_hrrr_conus","run":"2026-11-24T03:00:00Z",'
    answer = derived(question)
    before = answer.text.replace(said, b"", 1)
    assert len(before) == len(answer.text) - len(said)
    old = read(question, before, NOW)
    assert old is not None and old == replace(answer, text=before)
    assert prolonged(question, old, NOW + 700) is not None


def test_what_the_release_before_reads_of_an_answer_is_where_it_was():
    """It takes the cell from the beginning, and at the end `units` followed by the fields that `_TAIL` names."""
    text = derived().text
    assert text.startswith(b'{"latitude":40.7,"longitude":-74.0,"grid":{')
    assert re.search(rb'"is_day":(true|false)},"units":{[^{}]*},"cached":true,"stale":false,"source":', text)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b'"ncep_hrrr_conus"', b"7"),
        lambda text: text.replace(b'"ncep_hrrr_conus"', b'["ncep_hrrr_conus"]'),
        lambda text: text.replace(b'"2026-11-24T03:00:00Z"', b'"this morning"'),
        lambda text: text.replace(b'"2026-11-24T03:00:00Z"', b"1795489200"),
    ],
)
def test_an_answer_whose_model_or_run_is_of_another_type_is_none(spoil):
    assert read(WEATHER, spoil(derived().text), NOW) is None


def test_the_forecast_has_seven_days_and_two_days_of_hours():
    body = json.loads(derived(FORECAST).text)
    assert {len(column) for column in body["daily"].values()} == {7}
    assert {len(column) for column in body["hourly"].values()} == {48}
    assert set(body["units"]) >= (set(body["daily"]) | set(body["hourly"])) - {"is_day"}


def test_both_forms_differ_in_cached_alone_and_share_an_etag():
    answer = derived()
    kept, fetched = json.loads(answer.text), json.loads(answer.fetched_text)
    assert (kept.pop("cached"), fetched.pop("cached")) == (True, False)
    assert kept == fetched
    assert (again := read(WEATHER, answer.text, NOW)) and again.etag == answer.etag


@pytest.mark.parametrize("question", [WEATHER, FORECAST])
@pytest.mark.parametrize("stale", [False, True])
def test_an_answer_is_read_back_as_it_was_derived(question, stale):
    answer = derived(question, stale=stale)
    assert read(question, answer.text, NOW) == answer


def test_a_stale_answer_lives_a_minute():
    assert derived(stale=True).expires_at == int(NOW) + 60


def test_a_forecast_ends_at_its_cells_midnight():
    midnight = int(datetime(2026, 11, 25, 5, 0, tzinfo=UTC).timestamp())  # in New York
    answer = derived(FORECAST, now=midnight - 100)
    assert answer.expires_at == answer.midnight == midnight
    assert (again := read(FORECAST, answer.text, midnight - 1)) and again.midnight == midnight
    assert read(FORECAST, answer.text, midnight) is None


def test_weather_does_not_end_at_midnight():
    midnight = int(datetime(2026, 11, 25, 5, 0, tzinfo=UTC).timestamp())
    assert derived(now=midnight - 100).expires_at == midnight + 500


def test_an_answer_that_has_ended_is_none():
    answer = derived()
    assert read(WEATHER, answer.text, answer.expires_at) is None


@pytest.mark.parametrize("other", [Cell(407, -741), Cell(-407, -740), Cell(40, -740), Cell(407, -74), Cell(4070, -740)])
def test_another_cells_answer_is_never_taken_for_ones_own(other):
    assert read(Question(DATASET, other), derived().text, NOW) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"",
        lambda text: b"garbage",
        lambda text: text[:-1],
        lambda text: text[:200],
        lambda text: text + b" ",
        lambda text: text[1:],
        lambda text: text.replace(b'"cached":true', b'"cached":null'),
        lambda text: text.replace(b"2026-11-24T09:21:00Z", b"2026-99-24T09:21:00Z"),
        lambda text: text.replace(b"T09:21:00Z", b"soon"),
    ],
)
def test_a_corrupt_answer_is_none(spoil):
    assert read(WEATHER, spoil(derived().text), NOW) is None


@pytest.mark.parametrize("zone", [b"Nowhere/Land", b"../../etc/passwd", b"", b"\xff"])
def test_a_forecast_of_an_unknown_zone_is_none(zone):
    text = derived(FORECAST).text.replace(b"America/New_York", zone)
    assert read(FORECAST, text, NOW) is None


# ── how long an answer lives ──────────────────────────────────────────────────────────────────────

MIDNIGHT = int(datetime(2026, 11, 25, 5, 0, tzinfo=UTC).timestamp())  # in New York
days = st.none() | st.integers(1, 10)
moments = st.integers(-8 * 86_400, -1).map(lambda eighths: MIDNIGHT + eighths / 8)


@given(days, moments, st.integers(1, 900), st.booleans())
def test_a_stale_answer_lives_a_minute_at_most_and_a_forecast_to_its_midnight(days, now, life_seconds, stale):
    answer = derived(Question(DATASET, NEW_YORK, days), now, life_seconds, stale)
    longest = int(now) + (min(60, life_seconds) if stale else life_seconds)
    assert answer.midnight == (MIDNIGHT if days else None)
    assert answer.expires_at == (min(longest, MIDNIGHT) if days else longest)
    assert (answer.stale, answer.fetched_at) == (stale, 1_795_500_000)


@given(days, moments, st.integers(0, 7200))
def test_an_answer_that_has_ended_may_be_shown_a_minute_longer_as_stale(days, now, later):
    question = Question(DATASET, NEW_YORK, days)
    answer = derived(question, now)
    longer = prolonged(question, answer, answer.expires_at + later)
    ends = answer.expires_at + later + 60
    if days and answer.expires_at + later >= MIDNIGHT:
        assert longer is None
        return
    assert longer is not None and longer == read(question, longer.text, answer.expires_at + later)
    assert longer.expires_at == (min(ends, MIDNIGHT) if days else ends)
    assert (longer.stale, longer.fetched_at, longer.midnight) == (True, answer.fetched_at, answer.midnight)
    kept, shown = json.loads(answer.text), json.loads(longer.text)
    assert {name for name in kept if kept[name] != shown[name]} == {"stale", "expires_at"}


def test_what_cannot_be_read_is_not_shown_longer():
    answer = derived()
    assert prolonged(WEATHER, replace(answer, text=answer.text[:-1]), NOW) is None


@pytest.mark.parametrize(("seconds", "is_one"), [(3600, True), (3601, False)])
def test_an_answer_of_a_clock_that_is_an_hour_ahead_is_one_and_of_one_further_ahead_none(seconds, is_one):
    longest = derived(life_seconds=86_400)
    assert (read(WEATHER, longest.text, int(NOW) - seconds) is not None) is is_one
    fetched_later = derive(WEATHER, replace(a_series(), fetched_at=int(NOW) + seconds), NOW, 600, stale=False)
    assert (read(WEATHER, fetched_later.text, int(NOW)) is not None) is is_one


# ── units, variables and numbers ──────────────────────────────────────────────────────────────────


def test_the_units_are_those_of_what_is_shown():
    weather, week = (json.loads(derived(question).text) for question in (WEATHER, FORECAST))
    assert {*weather["units"], "is_day"} == {*weather["current"]}
    assert {*week["units"], "is_day"} == {*week["daily"], *week["hourly"]}


def test_units_are_written_as_they_are():
    assert "°C".encode() in derived().text


def test_the_tag_is_weak_and_of_sixteen_digits():
    assert re.fullmatch(r'W/"[0-9a-f]{16}"', derived().etag)


def test_an_answer_about_a_grid_point_close_to_zero_is_read_back():
    close = replace(a_series(), latitude=3.815e-06, longitude=-1e-07)
    answer = derive(WEATHER, close, NOW, 600, stale=False)
    assert read(WEATHER, answer.text, NOW) == answer and json.loads(answer.text)["grid"]["latitude"] == 3.815e-06


def test_what_is_no_number_is_shown_as_unknown():
    nan = replace(a_series(), elevation=float("nan"))
    assert json.loads(derive(WEATHER, nan, NOW, 600, stale=False).text)["grid"]["elevation"] is None


@pytest.mark.parametrize("question", [WEATHER, FORECAST, Question(DATASET, NEW_YORK, units="imperial")])
def test_an_answer_without_the_further_variables_of_this_instance_is_none(question):
    uv_index, rain = (variable for variable in EXTRA if variable.name in ("uv_index", "rain"))
    series = a_series(uv_index=[1.5] * 336, rain=[0.25] * 336)
    text = derive(question, series, NOW, 600, stale=False).text
    assert read(question, text, NOW, (uv_index, rain)) == read(question, text, NOW) is not None
    assert read(question, text, NOW, (uv_index,)) is None
    assert read(question, derived(question).text, NOW, (rain,)) is None
