"""What is an answer's shape, and what is not; complete answers are in test_answers.py."""

import json
from typing import Any

import pytest

from weather.core.answer_shape import OtherShape, zone_of_answer
from weather.core.datasets import WEATHER

pytestmark = pytest.mark.pure

DAILY = WEATHER.kind(7).sections[:1]
RIGHT: dict[str, Any] = {
    "timezone": "Europe/Paris",
    "daily": {name: [None, 1] if name not in ("time", "sunrise", "sunset") else ["a", "b"] for name in DAILY[0].names},
    "grid": {"latitude": 48.9, "longitude": 2.4, "elevation": None},
    "units": {"temperature_2m_max": "°C"},
}


def test_an_answer_names_its_zone() -> None:
    assert zone_of_answer(json.dumps(RIGHT).encode(), DAILY) == "Europe/Paris"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timezone": "Europe/Nowhere"}, "no time zone"),
        ({"daily": None}, "missing or incomplete"),
        ({"daily": RIGHT["daily"] | {"weather_code": [1, "2"]}}, "not a column"),
        ({"daily": RIGHT["daily"] | {"weather_code": [1, 1e999]}}, "not JSON"),
        ({"daily": RIGHT["daily"] | {"weather_code": [1, 10**400]}}, "too large"),
        ({"daily": RIGHT["daily"] | {"weather_code": [1]}}, "different lengths"),
        ({"grid": {"latitude": "48.9"}}, "no grid point"),
        ({"units": {"weather_code": 1}}, "no units"),
    ],
)
def test_any_other_shape_is_refused_with_its_fault(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(OtherShape, match=reason):
        zone_of_answer(json.dumps(RIGHT | change).encode(), DAILY)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"timezone": "\xed\xa0\x80"}'])
def test_a_text_that_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(OtherShape):
        zone_of_answer(text, DAILY)
