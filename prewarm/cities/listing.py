"""The list of cities as the JSON text that clients get, and its search by name; pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from weather.places.fold import fold
from weather.places.listing import ATTRIBUTION, json_of

_TAIL = b'],"attribution":%s}' % json.dumps(ATTRIBUTION).encode()
_HEAD = b'{"cities":['


@dataclass(frozen=True, slots=True)
class Listing:
    """`text` is the whole list as UTF-8 JSON; `places` has the search key and the JSON of each of its cities."""

    text: bytes
    places: tuple[tuple[str, bytes], ...]

    def matching(self, search: str) -> bytes:
        """UTF-8 JSON like `text`, of the cities whose name contains `search`, regardless of case and accents."""
        key = fold(search)
        return _joined(place for name, place in self.places if key and key in name)


def compose(cities: Iterable[Mapping[str, Any]]) -> Listing:
    """The list of `cities`, in their order; each has the fields of CitySerializer."""
    places = tuple((fold(city["name"]), json_of(city)) for city in cities)
    return Listing(_joined(place for _, place in places), places)


def read(text: bytes) -> Listing | None:
    """The list in `text`, as it was stored in Redis; None if `text` is not such a list."""
    if not (text.startswith(_HEAD) and text.endswith(_TAIL)):
        return None
    try:
        return compose(json.loads(text)["cities"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _joined(places: Iterable[bytes]) -> bytes:
    return _HEAD + b",".join(places) + _TAIL
