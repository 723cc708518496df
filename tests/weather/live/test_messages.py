"""What phones say on a stream, and what they are told."""

import json

import pytest

from weather.core.cells import Cell
from weather.live import messages
from weathernote.http.problems import Problem

CELL = Cell(407, -740)


def test_a_subscription_names_a_cell_and_metric_units_unless_it_says_otherwise():
    plain = messages.read('{"type": "subscribe", "lat": "40.7128", "lon": "-74.0060"}')
    assert (plain.question.cell, plain.question.units, plain.is_subscription) == (CELL, "metric", True)
    other = messages.read('{"type": "unsubscribe", "lat": "4e1", "lon": "-0.04", "units": "imperial", "more": [1]}')
    assert (other.question.cell, other.question.units, other.is_subscription) == (Cell(400, 0), "imperial", False)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (None, ["message"]),
        ("", ["message"]),
        ("nonsense", ["message"]),
        ("[]", ["message"]),
        ('"subscribe"', ["message"]),
        ("[" * 5000, ["message"]),
        ('{"type": "subscribe", "lat": "1", "lat": "2", "lon": "3"}', ["message"]),
        ('{"lat": "1", "lon": "2"}', ["type"]),
        ('{"type": ["subscribe"], "lat": "1", "lon": "2"}', ["type"]),
        ('{"type": "subscribe"}', ["lat", "lon"]),
        ('{"type": "subscribe", "lat": "", "lon": null}', ["lat", "lon"]),
        ('{"type": "subscribe", "lat": 40.7, "lon": true}', ["lat", "lon"]),
        ('{"type": "subscribe", "lat": "91", "lon": "nan"}', ["lat", "lon"]),
        ('{"type": "subscribe", "lat": "\\ud800", "lon": "٤"}', ["lat", "lon"]),
        ('{"type": "subscribe", "lat": "1", "lon": "1,2"}', ["lon"]),
        ('{"type": "subscribe", "lat": "1", "lon": "2", "units": "Metric"}', ["units"]),
        ('{"type": "subscribe", "lat": "1", "lon": "2", "units": null}', ["units"]),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(text, parameters):
    with pytest.raises(Problem) as refused:
        messages.read(text)
    assert refused.value.code == "invalid_parameter"
    assert [name for name, _ in refused.value.errors] == parameters


def test_an_answer_is_sent_as_the_text_that_rest_gives():
    said = json.loads(messages.weather_text(CELL, 'W/"abc"', b'{"latitude":40.7,"units":"\xc2\xb0C"}'))
    assert said == {
        "type": "weather",
        "latitude": 40.7,
        "longitude": -74.0,
        "etag": 'W/"abc"',
        "weather": {"latitude": 40.7, "units": "°C"},
    }
    assert messages.weather_event('W/"abc"', b"{}") == b'event: weather\nid: W/"abc"\ndata: {}\n\n'


@pytest.mark.parametrize(("cell", "latitude"), [(CELL, 40.7), (Cell(0, 0), 0.0), (None, None)])
def test_a_problem_says_which_cell_it_is_about_if_any(cell, latitude):
    said = json.loads(messages.problem_text(cell, {"code": "overloaded"}))
    assert (said["type"], said["latitude"], said["problem"]) == ("problem", latitude, {"code": "overloaded"})
    assert messages.problem_event({"code": "x"}) == b'event: problem\ndata: {"code":"x"}\n\n'
