"""An answered request as the metrics and the request log see it."""

from typing import NamedTuple, Protocol

from weathernote.telemetry.origin import Origin


class Named(Protocol):
    """A cell, of which telemetry knows no more than its name, as in `lat:40.7:lon:-74.0`."""

    @property
    def key(self) -> str: ...


class CellAnswer(NamedTuple):
    """What a request got about one cell.

    `records` is what the metrics call the held records that the answer is from, or would have been. `age_seconds` is
    the age of the forecast behind the answer, None where there is none.
    """

    cell: Named
    origin: Origin
    records: str
    age_seconds: float | None = None


class RequestEvent(NamedTuple):
    """A request that was answered."""

    at: float  # unix seconds, when the answer was ready
    seconds: float
    route: str
    method: str
    status: int
    request_id: str
    client: str  # a hash, empty where no client was identified
    upstream_wait_seconds: float
    #: An edge counts the clients of all that it passes on or answers itself, and hands the counts over.
    is_counted_by_edge: bool = False
    #: About the cell that was asked for; of a call about several cells, the first one's with the worst origin of all.
    answer: CellAnswer | None = None
    #: Of a call about several cells, each cell's answer.
    batch: tuple[CellAnswer, ...] = ()

    @property
    def cell_answers(self) -> tuple[CellAnswer, ...]:
        """The answers about single cells that the request got; none for a request that was about no cell."""
        if self.batch:
            return self.batch
        return () if self.answer is None else (self.answer,)
