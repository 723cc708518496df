"""Today's spending of Open-Meteo's quota, and the line that refreshes keep to; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from weather.budget import day_line
from weather.core.datasets import DATASETS
from weather.core.windows import WINDOW_SECONDS, BudgetWindow

DAY_SECONDS = WINDOW_SECONDS["day"]


@dataclass(frozen=True, slots=True)
class Share:
    """What one dataset spent of the day, in Open-Meteo's weight."""

    refreshes: int
    new_places: int

    @property
    def total(self) -> int:
        """The weight of both."""
        return self.refreshes + self.new_places


@dataclass(frozen=True, slots=True)
class Spending:
    """Amounts in Open-Meteo's weight; moments in unix seconds of Redis' clock, 0 for none."""

    budget: int
    spent: int
    #: On all refreshes, and on those for runs alone.
    refreshed: int
    left: Mapping[BudgetWindow, int]
    now: float
    closed_until: float = 0.0
    paused_until: float = 0.0
    failures: int = 0
    of_runs: int = 0
    #: Name of a dataset → its share of what was spent.
    shares: Mapping[str, Share] = field(default_factory=dict)

    @property
    def of_no_dataset(self) -> int:
        """The weight that no dataset's share contains, as that which was spent without Redis."""
        return max(0, self.spent - sum(share.total for share in self.shares.values()))

    @property
    def on_new_places(self) -> int:
        """The weight spent on cells without a held forecast."""
        return max(0, self.spent - self.refreshed)

    @property
    def part_of_day(self) -> float:
        """The part of the UTC day that has passed, from 0 to 1."""
        return self.now % DAY_SECONDS / DAY_SECONDS

    @property
    def open_meteo(self) -> str:
        """`ok`; `paused` while no call may be made; `failing` if the last calls failed."""
        if self.failures:
            return "failing"
        return "paused" if max(self.closed_until, self.paused_until) > self.now else "ok"

    @property
    def pause_seconds(self) -> float:
        """Seconds until Open-Meteo may be called, 0 for now."""
        return max(0.0, max(self.closed_until, self.paused_until) - self.now)

    def line_at(self, part_of_day: float) -> float:
        """The most that may be spent by this part of the day (0 to 1), with as many refreshes as the pace allows."""
        others = self.on_new_places + self.of_runs
        by_the_line = others + day_line.refresh_limit(self.budget, others, part_of_day)
        # Those for runs keep to no pace but leave a reserve.
        of_runs = day_line.run_refresh_limit(self.budget, part_of_day) if self.of_runs else 0.0
        return min(max(by_the_line, of_runs), self.budget - day_line.spare(self.budget))


def read(held: Mapping[str, float], budgets: Mapping[BudgetWindow, int], now: float) -> Spending:
    """Reads the budget's hash in Redis (weather/budget/scripts.py); a window that is over counts as unspent."""
    spent = {window: _spent(held, window, now) for window in WINDOW_SECONDS}
    of_runs = int(held.get("day:of_runs", 0))
    return Spending(
        budget=budgets["day"],
        spent=spent["day"],
        refreshed=int(held.get("refreshed", 0)) + of_runs if spent["day"] else 0,
        of_runs=of_runs if spent["day"] else 0,
        left={window: max(0, budgets[window] - spent[window]) for window in WINDOW_SECONDS},
        now=now,
        closed_until=held.get("closed:until", 0.0),
        paused_until=held.get("paused:until", 0.0),
        failures=int(held.get("failures", 0)),
        shares={dataset.name: _share(held if spent["day"] else {}, dataset.name) for dataset in DATASETS},
    )


def _share(held: Mapping[str, float], dataset: str) -> Share:
    refreshes, new_places = (int(held.get(f"spent:{dataset}:{purpose}", 0)) for purpose in ("refresh", "cold"))
    return Share(refreshes, new_places)


def _spent(held: Mapping[str, float], window: BudgetWindow, now: float) -> int:
    is_over = held.get(f"{window}:start", 0.0) + WINDOW_SECONDS[window] <= now
    return 0 if is_over else int(held.get(f"{window}:spent", 0))
