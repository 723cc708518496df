"""Where the answer about a place came from: one set of words for the service, its headers, its log and its metrics."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

#: found: under its key in Redis · memory: this process' memory, while Redis is gone · derived: from the held record,
#: without a call · stale: from a held record or an answer that is due, because a refresh is still to come or failed
#: · fetched: by a call to Open-Meteo that the request waited for · none: there was no answer
Origin = Literal["found", "memory", "derived", "stale", "fetched", "none"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)

#: What a call about several places is logged as: the first of these that any of its places has.
WORST_FIRST: tuple[Origin, ...] = ("none", "fetched", "stale", "derived", "memory", "found")


class Lookups(NamedTuple):
    """How the lookups behind an answer count: of the answer itself, and of the held record if it was looked up."""

    answer: Literal["hit", "miss", "down"]
    record: Literal["fresh", "due", "missing"] | None


#: Origin → the lookups behind it.
LOOKUPS: dict[Origin, Lookups] = {
    "found": Lookups("hit", None),
    "memory": Lookups("down", None),
    "derived": Lookups("miss", "fresh"),
    "stale": Lookups("miss", "due"),
    "fetched": Lookups("miss", "missing"),
    "none": Lookups("miss", "missing"),
}


def worst(origins: Iterable[Origin]) -> Origin:
    """The origin that a call about several places is logged as; ValueError for none at all."""
    return min(origins, key=WORST_FIRST.index)
