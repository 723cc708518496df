"""Where the answer about a cell came from, as named in the service, its headers, its log and its metrics."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

#: found: under its key in Redis · memory: this process' memory, while Redis is gone · derived: from the held record,
#: without a call · stale: from a held record or an answer that is due, because a refresh is still to come or failed
#: · fetched: by a call to Open-Meteo that the request waited for · none: there was no answer
Origin = Literal["found", "memory", "derived", "stale", "fetched", "none"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)

#: A batch is logged with the first of these that any of its answers has.
WORST_FIRST: tuple[Origin, ...] = ("none", "fetched", "stale", "derived", "memory", "found")


class Lookups(NamedTuple):
    """How the lookups behind an answer are counted: that of the answer, and that of the held record if any."""

    answer: Literal["hit", "miss", "down"]
    record: Literal["fresh", "due", "missing"] | None


#: Origin → the outcomes of the lookups behind it.
LOOKUPS: dict[Origin, Lookups] = {
    "found": Lookups("hit", None),
    "memory": Lookups("down", None),
    "derived": Lookups("miss", "fresh"),
    "stale": Lookups("miss", "due"),
    "fetched": Lookups("miss", "missing"),
    "none": Lookups("miss", "missing"),
}


def worst(origins: Iterable[Origin]) -> Origin:
    """The origin that a batch is logged with; raises ValueError for an empty one."""
    return min(origins, key=WORST_FIRST.index)
