"""A list of places as JSON text."""

import json
import math

import pytest

from weather.places.listing import ATTRIBUTION, json_of, text_of

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_list_is_json_with_its_attribution(count: int) -> None:
    places = [{"name": "Zürich", "region": None}] * count
    assert json.loads(text_of(places)) == {"places": places, "attribution": ATTRIBUTION}


def test_a_place_is_compact_utf_8() -> None:
    assert json_of({"name": "Zürich", "latitude": 47.37}) == '{"name":"Zürich","latitude":47.37}'.encode()


def test_a_number_that_json_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError):
        json_of({"latitude": math.nan})
