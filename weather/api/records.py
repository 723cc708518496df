"""Held records as the source of answers that Redis does not store finished: looked up, and turned into series."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from weather.api.composition import Parts
from weather.api.not_fetched import problem_of
from weather.api.sources import DecidedCell, Source, sources_of
from weather.core.cells import Cell
from weather.fetching.admission import NotFetched, Requester
from weather.fetching.cell_state import CellState, states_of
from weathernote.http.problems import Problem
from weathernote.redis import Lookup, Reply, Sourced


class Record(NamedTuple):
    """What is held of a cell, packed, None if nothing is; whether Redis said so; and the requests for it per second."""

    packed: bytes | None
    is_redis_up: bool
    rate: float


class RecordLookup(Lookup[Record]):
    """The lookup of a cell's record and rate. In a cluster they are on two shards, and each falls back by itself."""

    __slots__ = ("packed", "rate")

    packed: Lookup[Sourced[bytes | None]]
    rate: Lookup[float]

    def __init__(self, parts: Parts, cell: Cell) -> None:
        packed, rate = parts.store.packed(cell), parts.popularity.request_rate(cell)
        super().__init__(*packed.commands, *rate.commands, read=Record)
        object.__setattr__(self, "packed", packed)  # the class is frozen
        object.__setattr__(self, "rate", rate)

    def value(self, replies: Sequence[Reply]) -> Record:
        """The record and the rate, given the two replies."""
        packed, source = self.packed.value(replies[:1])
        return Record(packed, source == "redis", self.rate.value(replies[1:]))


def sources(parts: Parts, found: Mapping[Cell, Record], requester: Requester) -> dict[Cell, Source | Problem]:
    """Cell → its source, given its record, or the problem why there is none.

    A cell without a record takes a second round trip, which tells whether it may be fetched.
    """
    states = {
        cell: CellState(series, record.rate, rejected_seconds=0, is_queued=False)
        for cell, record in found.items()
        if record.packed is not None and (series := parts.store.unpacked(cell, record.packed)) is not None
    }
    cold = [cell for cell in found if cell not in states]
    if cold:
        states |= states_of(cold, parts.store, parts.popularity, parts.queue)
    decided = [
        DecidedCell.of(parts, cell, states[cell], has_replied=record.is_redis_up) for cell, record in found.items()
    ]
    return {
        cell: problem_of(source) if isinstance(source, NotFetched) else source
        for cell, source in sources_of(parts, decided, requester).items()
        if source is not None  # it would be for an expired answer, of which there are none
    }
