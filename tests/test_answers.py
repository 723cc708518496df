import json
from datetime import UTC, datetime

import pytest

from tests.test_packing import a_series
from weather.answers import Question, derive, read
from weather.cells import Cell
from weather.variables import HOURLY_NAMES

pytestmark = pytest.mark.pure

NEW_YORK = Cell(407, -740)
NOW = 1_795_511_460.7  # 2026-11-24 04:11:00.7 in New York
WEATHER, FORECAST = Question(NEW_YORK), Question(NEW_YORK, 7)


def derived(question=WEATHER, now=NOW, life_seconds=600, stale=False):
    return derive(question, a_series(), now, life_seconds, stale=stale)


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
    assert read(Question(other), derived().text, NOW) is None


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
