"""What refreshes of one model in one 5° tile brought, and whether that contradicts the table of areas; pure.

By the table an answer changes with each run of its model, and not in between. So a refresh has one of four outcomes,
and two of them speak against the table: changed without a run, and a run that changed nothing. Cells of a tile that are
refreshed after the same run are no independent witnesses, so all refreshes between two runs count as one: it is
shared out among the outcomes, apart for those that lacked a run and those that did not. Past ones count half after
HALF_LIFE_SECONDS, and together at most MOST_RUNS.

A tile is contradicted once LEAST_AGAINST speaks against it, and one of the AGAINST_SHARES: that needs three runs or
more, so no odd one suffices. In how many of 2,000 tiles that errs within 30 days by chance, though the table is right:

    runs every                           1 h      3 h      6 h    a probe a day
    2 % change nothing                   0 %      0 %    0.05 %
    5 % change nothing                 0.2 %      0 %     0.1 %
    2 % of changes come without one      0 %   0.05 %    0.05 %         0 %
    5 % of changes come without one    1.5 %    0.5 %     0.9 %       0.4 %

and how many days it takes to find out (the median) where the table becomes wrong after 40 runs that agreed:

    no run changes anything              0.3      1.0      2.0
    five in six change nothing           0.5      1.4      2.8
    changes come between all runs        0.2      0.6      1.3
    changes come between every second    0.5      1.4      2.8

Every second run in turn may change nothing, as where the true model has half as many runs as the table's: that costs
calls, but by intervals records would miss more. It ends when less than the AGREEING_SHARES speaks against the table:
if all did before, after 7 runs that change something, or 14 times between runs in which nothing changes.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self

from weather.core.cells import Cell
from weather.core.windows import CLOCK_SLACK_SECONDS

Outcome = Literal["run_changed", "run_unchanged", "changed_without_run", "unchanged"]

HALF_LIFE_SECONDS = 3 * 86_400
MOST_RUNS = 8
LEAST_AGAINST, LEFT_AGAINST = 2.4, 0.5
#: Of runs that change nothing, and of times between runs in which values change: where a contradiction begins and ends.
AGAINST_SHARES, AGREEING_SHARES = (0.61, 0.4), (0.48, 0.2)
#: Evidence that nobody added to for so long is forgotten.
LIFE_SECONDS = 8 * 86_400

#: The name of a 5° tile: the degrees north and east of its south-western corner.
TILE = re.compile(r"-?[0-9]{1,2}:-?[0-9]{1,3}")
_TILE_TENTHS = 50
_MOST_UNIX_SECONDS = 2**40
_MOST_REFRESHES = 1_000_000
_DECIMALS = 4


class Counts(NamedTuple):
    """Refreshes, or shares of runs, by outcome."""

    run_changed: float = 0.0
    run_unchanged: float = 0.0
    changed_without_run: float = 0.0
    unchanged: float = 0.0

    def plus(self, other: "Counts") -> "Counts":
        """The sums, outcome by outcome."""
        return Counts(*(one + another for one, another in zip(self, other, strict=True)))

    def times(self, of_runs: float, without_run: float) -> "Counts":
        """The counts of refreshes that lacked a run, and of those that did not, each multiplied."""
        changed, unchanged, changed_without, unchanged_without = self
        return Counts(
            changed * of_runs, unchanged * of_runs, changed_without * without_run, unchanged_without * without_run
        )

    @property
    def totals(self) -> tuple[float, float]:
        """How many lacked a run, and how many did not."""
        return self.run_changed + self.run_unchanged, self.changed_without_run + self.unchanged

    @property
    def shares(self) -> "Counts":
        """The same as parts of one run, and of one time between two runs."""
        return self.times(*(1 / total if total else 0.0 for total in self.totals))


NOTHING = Counts()


def outcome_of(*, lacked_run: bool, has_changed: bool) -> Outcome:
    """The name of a refresh's outcome."""
    if lacked_run:
        return "run_changed" if has_changed else "run_unchanged"
    return "changed_without_run" if has_changed else "unchanged"


def tile_of(cell: Cell) -> str:
    """The 5° tile that a cell's centre lies in, by its south-western corner in degrees, such as `50:-5`."""
    south, west = (tenths // _TILE_TENTHS * 5 for tenths in (min(cell.tenths_lat, 899), cell.tenths_lon))
    return f"{south}:{west}"


@dataclass(frozen=True, slots=True)
class TileEvidence:
    """The evidence about a model in a tile. Times are unix seconds; it starts with nothing."""

    #: When the newest run came that a refresh was noted after.
    run: int = 0
    #: The refreshes since then, and the shares of the runs before it, as they count at `run`.
    recent: Counts = NOTHING
    past: Counts = NOTHING
    #: When a record that lacked no run was last compared with a new one.
    probed_at: int = 0
    is_contradicted: bool = False

    def with_refreshes(self, counts: Counts, run: int, probed_at: int = 0) -> "TileEvidence":
        """This evidence and refreshes noted after a `run`; those after an older run count as after the newest."""
        recent, past = self.recent, self.past
        if run > self.run:
            recent, past = NOTHING, _bounded(self.weights_at(run))
        added = replace(
            self,
            run=max(run, self.run),
            recent=recent.plus(counts),
            past=past,
            probed_at=max(probed_at, self.probed_at),
        )
        return replace(added, is_contradicted=added._is_contradicted_by(added.weights_at(added.run)))

    def weights_at(self, now: float) -> Counts:
        """What all refreshes count at `now`, in runs."""
        decay = 2.0 ** (-max(0.0, now - self.run) / HALF_LIFE_SECONDS)
        return self.past.plus(self.recent.shares).times(decay, decay)

    def contradicts_at(self, now: float) -> bool:
        """Whether the tile goes by intervals: it is contradicted, and the evidence has not faded since."""
        return self.is_contradicted and self._is_contradicted_by(self.weights_at(now))

    def age_at(self, now: float) -> float:
        """The seconds since the newest run or probe in it; negative if that lies in the future."""
        return now - max(self.run, self.probed_at)

    def is_current_at(self, now: float) -> bool:
        """Whether it is neither forgotten nor, by a clock that was wrong, from the future."""
        return -CLOCK_SLACK_SECONDS <= self.age_at(now) < LIFE_SECONDS

    @property
    def is_suspect(self) -> bool:
        """Whether changes without a run have been seen that later refreshes have not outweighed."""
        return self.weights_at(self.run).changed_without_run > LEFT_AGAINST

    def _is_contradicted_by(self, weights: Counts) -> bool:
        least = LEFT_AGAINST if self.is_contradicted else LEAST_AGAINST
        shares = AGREEING_SHARES if self.is_contradicted else AGAINST_SHARES
        parts = zip((weights.run_unchanged, weights.changed_without_run), weights.totals, shares, strict=True)
        return any(against >= max(least, share * total) for against, total, share in parts)

    # ── the text in Redis ─────────────────────────────────────────────────────────────────────────

    @property
    def text(self) -> str:
        """JSON text that `read` reads."""
        recent, past = ([round(value, _DECIMALS) for value in counts] for counts in (self.recent, self.past))
        return json.dumps([self.run, recent, past, self.probed_at, int(self.is_contradicted)], separators=(",", ":"))

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """The evidence that a `text` stands for; None for any other text."""
        try:
            run, recent, past, probed_at, is_contradicted = json.loads(text)
            return cls(
                _seconds(run),
                _counts(recent),
                _bounded(_counts(past)),
                _seconds(probed_at),
                bool(_seconds(is_contradicted)),
            )
        except (ValueError, TypeError, RecursionError):
            return None


def _bounded(weights: Counts) -> Counts:
    """The same parts, of at most MOST_RUNS in each total."""
    return weights.times(*(min(1.0, MOST_RUNS / total) if total else 0.0 for total in weights.totals))


def _seconds(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST_UNIX_SECONDS:
        raise ValueError("no unix seconds")
    return value


def _counts(values: Sequence[Any]) -> Counts:
    if not all(type(value) in (int, float) and 0 <= value < _MOST_REFRESHES for value in values):
        raise ValueError("no counts")
    return Counts(*values)
