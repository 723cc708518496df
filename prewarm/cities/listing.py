"""The list of cities as clients get it: finished JSON text, and what a search finds in it; pure."""

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
    """`text` is UTF-8 JSON; `places` are its cities, each by its folded name and as JSON text."""

    text: bytes
    places: tuple[tuple[str, bytes], ...]

    def matching(self, search: str) -> bytes:
        """The same for the cities whose name has `search` in it, whatever case and accents either is written with."""
        folded = fold(search)
        return _joined(place for name, place in self.places if folded and folded in name)


def compose(cities: Iterable[Mapping[str, Any]]) -> Listing:
    """The list of these cities, in their order."""
    places = tuple((fold(city["name"]), json_of(city)) for city in cities)
    return Listing(_joined(place for _, place in places), places)


def read(text: bytes) -> Listing | None:
    """The list in `text` as Redis kept it; None where it is none."""
    if not (text.startswith(_HEAD) and text.endswith(_TAIL)):
        return None
    try:
        return compose(json.loads(text)["cities"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _joined(places: Iterable[bytes]) -> bytes:
    return _HEAD + b",".join(places) + _TAIL
