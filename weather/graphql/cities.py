"""Where the list of staff's cities comes from: whoever keeps it says so, for it lies above this room."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from weathernote.redis import Lookup


class FoundCities(NamedTuple):
    """The list as the answer of /cities, and when it ends, in unix seconds."""

    text: bytes
    expires_at: int


class CitiesSource(Protocol):
    """Gives the list of cities."""

    def lookup(self) -> Lookup[Any]:
        """The list in Redis, for the round trip that all lookups of a request share."""

    def answer(self, found: Any, search: str | None) -> FoundCities:
        """The list, given what `lookup` found, or the cities whose name contains `search`; raises Problem."""


_make: list[Callable[[], CitiesSource]] = []


def provide(make: Callable[[], CitiesSource]) -> None:
    """Names what makes the source; called when the apps are loaded."""
    _make[:] = [make]


def cities_source() -> CitiesSource:
    """The source that was provided."""
    return _make[0]()
