"""An answered request, as the metrics and the request log need it."""

from typing import NamedTuple, Protocol

from weathernote.telemetry.origin import Origin


class HasKey(Protocol):
    """A cell, of which telemetry uses no more than the key."""

    @property
    def key(self) -> str:
        """The cell as in Redis' key names: `lat:40.7:lon:-74.0`."""


class CellAnswer(NamedTuple):
    """What a request got about one cell.

    `dataset` is the name of the dataset that the answer is about. `age_seconds` is the age of what is held behind the
    answer, None where there is none.
    """

    cell: HasKey
    origin: Origin
    dataset: str
    age_seconds: float | None = None

    @property
    def cell_key(self) -> str:
        """The cell as in Redis' key names: `lat:40.7:lon:-74.0`."""
        return self.cell.key


class RequestEvent(NamedTuple):
    """A request that was answered; `client` is a hash, empty where no client was identified."""

    at: float  # unix seconds, when the answer was ready
    seconds: float
    route: str
    method: str
    status: int
    request_id: str
    client: str
    upstream_wait_seconds: float
    #: Whether an edge forwarded the request: it counts the clients of all its requests, and reports them.
    is_counted_by_edge: bool = False
    #: The answer about the requested cell; for a batch, the first cell's with the worst origin of all.
    answer: CellAnswer | None = None
    #: The answers of a batch; empty for a request about one cell.
    batch: tuple[CellAnswer, ...] = ()

    @property
    def cell_answers(self) -> tuple[CellAnswer, ...]:
        """All answers about cells that the request got; none for a request about no cell."""
        if self.batch:
            return self.batch
        return () if self.answer is None else (self.answer,)
