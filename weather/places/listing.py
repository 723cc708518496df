"""A list of places as JSON text with its attribution; pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

ATTRIBUTION = "City data by GeoNames.org (https://www.geonames.org/), CC BY 4.0"

_TAIL = b'],"attribution":%s}' % json.dumps(ATTRIBUTION).encode()


def text_of(places: Iterable[Mapping[str, Any]]) -> bytes:
    """UTF-8 JSON: `{"places": […], "attribution": …}`."""
    return b'{"places":[' + b",".join(map(json_of, places)) + _TAIL


def json_of(place: Mapping[str, Any]) -> bytes:
    """One place as compact UTF-8 JSON; raises ValueError for infinity or NaN."""
    return json.dumps(place, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
