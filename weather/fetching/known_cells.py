"""Which cells need no call: those whose record, where records are written, is new enough, and those without data."""

from collections.abc import Callable, Collection, Mapping, Sequence

from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.opening import OpenedLease
from weather.fetching.round_result import CellOutcomes
from weather.fetching.store import RECORDS_AT_ONCE, Store
from weather.upstream.errors import NoWeatherHere
from weathernote import redis
from weathernote.redis import Lookup, Several


def _unasked(_: Cell) -> Lookup[float]:
    return Lookup(read=lambda: 0.0)


class KnownCells:
    """Looks at cells of one dataset before Open-Meteo is asked about them.

    `is_due` says whether the record of a cell is to be refreshed, given when it was fetched (unix seconds), the cell's
    requests per second and now. `rate_of` looks up those requests.
    """

    def __init__(
        self,
        store: Store,
        *,
        is_due: Callable[[Cell, float, float, float], bool] = lambda *_: True,
        rate_of: Callable[[Cell], Lookup[float]] = _unasked,
    ) -> None:
        self.store = store
        self.topic = store.name.replace("_", " ")
        self.is_due = is_due
        self.rate_of = rate_of

    def of(
        self, cells: Collection[Cell], fresh_seconds: int, now: float, opened: OpenedLease | None = None
    ) -> tuple[CellOutcomes, dict[Cell, Series]]:
        """The outcomes at `now` that need no call, and the held record of each cell that has one, however old.

        A record that was fetched within `fresh_seconds` needs none. Nor does one that this region's replica has not
        got yet, unless it is due: whoever had the cell queued did not know of it. With 0 every cell needs a call. What
        an `opened` lease has of its cells is not asked for again.
        """
        known: CellOutcomes = {}
        held: dict[Cell, Series] = {}
        unchecked, fresh_since = list(cells), now - fresh_seconds
        may_be_behind = fresh_seconds > 0 and redis.is_replicated()
        for begin in range(0, len(unchecked), RECORDS_AT_ONCE):
            some = unchecked[begin : begin + RECORDS_AT_ONCE]
            in_doubt = [cell for cell in some if may_be_behind and (opened is None or opened.records.get(cell))]
            # What was seen is read before the newest records, which are remembered from then on.
            here = Several(map(self.store.seen_at, in_doubt)), Several(map(self.rate_of, in_doubt))
            there = Several(map(self.store.newest, some)), Several(map(self.store.rejections.seconds_now, some))
            if opened is None:
                seen, rates, records, rejected = redis.fetch(*here, *there)
            else:
                seen, rates = redis.fetch(*here)
                records = there[0].value([opened.records.get(cell) for cell in some])
                rejected = there[1].value([opened.rejected.get(cell) for cell in some])
            record_of = dict(zip(some, records, strict=True))
            unseen = self._unseen(in_doubt, seen, rates, record_of, now)
            for (cell, series), rejected_seconds in zip(record_of.items(), rejected, strict=True):
                if series is not None:
                    held[cell] = series
                if series is not None and (series.fetched_at > fresh_since or cell in unseen):
                    known[cell] = series
                elif rejected_seconds > 0:
                    known[cell] = NoWeatherHere(f"it had no {self.topic} for the place a while ago")
        return known, held

    def _unseen(
        self,
        cells: Sequence[Cell],
        seen: Sequence[int],
        rates: Sequence[float],
        records: Mapping[Cell, Series | None],
        now: float,
    ) -> set[Cell]:
        """The cells whose record is newer than what was seen in this region, and not due."""
        return {
            cell
            for cell, at, rate in zip(cells, seen, rates, strict=True)
            if (series := records[cell]) is not None
            and series.fetched_at > at
            and not self.is_due(cell, series.fetched_at, rate, now)
        }
