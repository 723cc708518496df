"""The series that a request's answers are derived from: held ones, by the decision about each, or fetched ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from weather.api.composition import Parts
from weather.budget.quota import Spender
from weather.core.cells import Cell
from weather.core.freshness.decision import Decision, decide
from weather.core.series import Series
from weather.fetching.admission import NotFetched, Requester
from weather.fetching.cell_state import CellState, Reach
from weathernote.telemetry.origin import Origin


class Source(NamedTuple):
    """A cell's series, and where it came from: `derived` for a held one, `stale` if it is due, or `fetched`."""

    series: Series
    origin: Origin


@dataclass(slots=True)
class DecidedCell:
    """A cell that a request asks about, its state, and the decision how to answer it."""

    cell: Cell
    can_queue: bool
    state: CellState
    decision: Decision

    @classmethod
    def of(
        cls, parts: Parts, cell: Cell, state: CellState, *, has_replied: bool, remembers_expired: bool = False
    ) -> "DecidedCell":
        """The decision for a cell in this state, given whether Redis has replied to this request.

        `remembers_expired` is as in `decide`.
        """
        held, reach = state.held, Reach.of(cell, parts.store, parts.queue, has_replied=has_replied)
        decision = decide(
            None if held is None else parts.rule.standing(cell, held.fetched_at, state.rate, parts.now()),
            is_redis_up=reach.is_redis_up,
            can_queue=reach.can_queue,
            remembers_expired=remembers_expired,
            refreshes_late=parts.dataset.refreshes_late,
        )
        return cls(cell, reach.can_queue, state, decision)

    @property
    def refresh_spender(self) -> Spender:
        """The spender for an awaited refresh: `cold` without Redis, as there is no queue for refreshes then."""
        return "refresh" if self.can_queue else "cold"


def sources_of(
    parts: Parts, decided: Iterable[DecidedCell], requester: Requester | None
) -> dict[Cell, Source | NotFetched | None]:
    """Cell → its source, or why it was not fetched; None if only an expired answer can be shown, or none.

    Waits for what the decisions say to wait for, once for all cells, and queues the refreshes that nobody waits for;
    without a requester it waits for nothing.
    """
    decided = list(decided)
    fetched = _fetched(parts, decided, requester)
    return {one.cell: _source(one, fetched.get(one.cell)) for one in decided}


def _source(decided: DecidedCell, got: Series | NotFetched | None) -> Source | NotFetched | None:
    if isinstance(got, NotFetched):
        return got
    if got is not None:
        return Source(got, "fetched")
    if decided.state.held is None:
        return None
    return Source(decided.state.held, "derived" if decided.decision is Decision.DERIVE else "stale")


def _fetched(parts: Parts, decided: list[DecidedCell], requester: Requester | None) -> dict[Cell, Series | NotFetched]:
    """The outcome of each cell that the request waits for; queues the refreshes that no request waits for."""
    cold = {one.cell: one.state for one in decided if one.decision is Decision.WAIT}
    awaited = {one.cell: one.refresh_spender for one in decided if one.decision is Decision.WAIT_THEN_STALE}
    fetched = parts.admission.fetch(cold, awaited, requester) if requester and (cold or awaited) else {}
    behind = [one.cell for one in decided if one.decision is Decision.SERVE_STALE_AND_REFRESH]
    # A refresh that did not come in time continues in the background.
    behind += [cell for cell, spender in awaited.items() if spender == "refresh" and cell not in fetched]
    if behind:
        parts.workers.submit(dict.fromkeys(behind, "refresh"), has_waiters=False)
    return fetched
