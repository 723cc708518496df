"""Open-Meteo's quota as one process knows it: its windows, what is spent and what may be spent; pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from weather.budget.day_line import COLD_RESERVE, RESERVES, SPARE_DIVISOR, line
from weather.budget.failures import FailureRow, no_failures
from weather.core.datasets import WEATHER
from weather.core.windows import WINDOW_SECONDS, BudgetWindow

#: A `cold` cell may use all there is; a `refresh` keeps to the day's pace and leaves a share for cold cells; a
#: `run_refresh`, for a new run, leaves them the same shares and keeps to no pace of the day; a `late_refresh` comes
#: after the others: it stops at the day's line itself and leaves twice the share of minute and hour.
Spender = Literal["cold", "refresh", "run_refresh", "late_refresh"]
#: In the order in which a call's cells are paid for.
SPENDERS: tuple[Spender, ...] = get_args(Spender)
#: Refreshes aim to meet the day's line AHEAD of a day from now, at no less than LEAST_PART and no more than MOST_PART
#: times the even pace.
AHEAD = 3 / 24
LEAST_PART, MOST_PART = 0.25, 1.5

#: A region that cannot reach the primary spends one part of so many of each window; the others leave it that.
REGION_PARTS = 40

#: A window is spent, a 429 closed it, a row of failures made a pause, or the pace says later.
Reason = BudgetWindow | Literal["closed", "failures", "pace"]


@dataclass(frozen=True, slots=True)
class Granted:
    """A weight that is spent now, in the minute that begins at `minute` (unix seconds)."""

    weight: int
    minute: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Denied:
    """No weight may be spent for `retry_after_seconds`; `reason` is the limit that ends last."""

    reason: Reason
    retry_after_seconds: int


def part_of_a_region(budget: int) -> int:
    """The weight of a window that is left to each other region, in case it is cut off."""
    return max(1, budget // REGION_PARTS)


def _nothing() -> dict[BudgetWindow, int]:
    return dict.fromkeys(WINDOW_SECONDS, 0)


@dataclass(slots=True)
class Quota:
    """The budgets and the most that is known to be spent of them; times are unix seconds of Redis' clock.

    `whole` are the budgets of all regions together, `budgets` what of them is not left to other regions.
    """

    whole: dict[BudgetWindow, int]
    budgets: dict[BudgetWindow, int] = field(init=False)
    start: dict[BudgetWindow, int] = field(default_factory=_nothing)
    spent: dict[BudgetWindow, int] = field(default_factory=_nothing)
    #: What this process spent that Redis does not know of yet.
    unreported: dict[BudgetWindow, int] = field(default_factory=_nothing)
    #: What other refreshes have spent of the day.
    refreshed: int = 0
    #: A 429 is about the address, from which all datasets are asked; failures are about the host of one of them.
    closed_until: float = 0.0
    #: Name of a dataset → its calls that failed.
    rows: dict[str, FailureRow] = field(default_factory=no_failures)
    #: What refreshes for runs have spent, of what Redis knows.
    of_runs: dict[BudgetWindow, int] = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        self.budgets = dict(self.whole)

    def leave_to(self, regions: int) -> None:
        """Leaves so many other regions, and this one too, their part of each window: all may be cut off at once."""
        self.budgets = {
            window: max(1, budget - (regions + 1) * part_of_a_region(budget)) if regions else budget
            for window, budget in self.whole.items()
        }

    def room_of_part(self, processes: int) -> int:
        """What this process may still spend where nobody counts: its share of a region's part of each window."""
        return min(self._rooms_of_part(processes).values())

    def denied_of_part(self, processes: int, now: float, least: int) -> Denied:
        """Denied until the windows end whose share of a region's part lacks room for `least`."""
        return self._denied_by([name for name, room in self._rooms_of_part(processes).items() if room < least], now)

    def denied_for_the_day(self, now: float) -> Denied:
        """Denied until the UTC day ends."""
        return self._denied_by(["day"], now)

    def spend_alone(self, weight: int) -> None:
        """Counts a weight that Redis does not know of."""
        for window in WINDOW_SECONDS:
            self.unreported[window] += weight

    def _rooms_of_part(self, processes: int) -> dict[BudgetWindow, int]:
        return {
            window: part_of_a_region(budget) // processes - self.unreported[window]
            for window, budget in self.whole.items()
        }

    def give_back(self, weight: int) -> None:
        """Undoes a part of what `take_alone` granted."""
        for window in WINDOW_SECONDS:
            self.unreported[window] = max(0, self.unreported[window] - weight)

    def roll(self, now: float) -> None:
        """Ends the windows that are over."""
        for window, seconds in WINDOW_SECONDS.items():
            start = int(now // seconds) * seconds
            if start > self.start[window]:
                self.start[window], self.spent[window], self.unreported[window] = start, 0, 0
                self.of_runs[window] = 0
                if window == "day":
                    self.refreshed = 0

    def learn(self, window: BudgetWindow, start: int, spent: int, reported: int) -> None:
        """Takes over the fleet's spending as Redis reports it; `reported` is this process's part in it."""
        if start == self.start[window]:  # replies to two threads may come in either order
            self.spent[window] = max(self.spent[window], spent)
            self.unreported[window] = max(0, self.unreported[window] - reported)
        else:
            self.start[window], self.spent[window], self.unreported[window] = start, spent, 0

    def left(self, window: BudgetWindow) -> int:
        """The weight that may still be spent in the window."""
        return max(0, self.budgets[window] - self.spent[window] - self.unreported[window])

    def denied_by_room(self, weight: float, now: float) -> Denied | None:
        """If a window lacks room for `weight`: Denied until the last such window ends; else None."""
        empty = [window for window in WINDOW_SECONDS if self.left(window) < weight]
        return self._denied_by(empty, now) if empty else None

    def left_for_cold(self, window: BudgetWindow, now: float) -> float:
        """The weight left for cold cells, after the part that refreshes need for the rest of the window.

        What refreshes for runs have spent ahead of the time they no longer need.
        """
        to_come = 1 - now % WINDOW_SECONDS[window] / WINDOW_SECONDS[window]
        of_refreshes = (1 - COLD_RESERVE) * self.budgets[window]
        needed = of_refreshes - max(self.of_runs[window], of_refreshes * (1 - to_come))
        return max(0.0, self.left(window) - max(0.0, needed))

    def refresh_weight_per_second(self, now: float) -> float:
        """Weight per second at which refreshes reach the day's line in 3 hours."""
        day = self.budgets["day"]
        # What the line gives out: the day's budget minus what cold cells have spent.
        shared_out = day - (self.spent["day"] - self.refreshed)
        t = (now - self.start["day"]) / WINDOW_SECONDS["day"]
        # What the line gives out by then, as far as that is today; the spare part stays unspent at the day's end.
        today = min(shared_out * line(min(1.0, t + AHEAD)), shared_out - day / SPARE_DIVISOR) - self.refreshed
        # Past midnight the next day's line begins, with the whole budget.
        to_come = today + day * line(max(0.0, t + AHEAD - 1))
        # From weight in AHEAD of a day to weight per second, within the bounds of the even pace.
        of_the_day = min(max(to_come / AHEAD, LEAST_PART * day), MOST_PART * day) / WINDOW_SECONDS["day"]
        return min(of_the_day, *(self.budgets[w] * (1 - COLD_RESERVE) / WINDOW_SECONDS[w] for w in ("minute", "hour")))

    def refresh_weight_of_the_day(self, now: float) -> tuple[float, float]:
        """The weight that refreshes may still spend today, and the seconds until the day's end, a minute at least.

        Cold cells are taken to go on as they have so far; in the day's first hours that says little.
        """
        day = WINDOW_SECONDS["day"]
        seconds = max(60.0, self.start["day"] + day - now)
        by_hour = min(self.budgets[w] * (1 - COLD_RESERVE) / WINDOW_SECONDS[w] for w in ("minute", "hour"))
        left = self.budgets["day"] * (1 - 1 / SPARE_DIVISOR) - self.spent["day"] - self.unreported["day"]
        cold = max(0, self.spent["day"] - self.refreshed - self.of_runs["day"])
        left -= cold * seconds / max(now - self.start["day"], day / 4)
        return max(0.0, min(left, by_hour * seconds)), seconds

    def take_alone(
        self, weight: int, least: int, spender: Spender, processes: int, now: float, dataset: str = WEATHER.name
    ) -> Granted | Denied:
        """Spends for `dataset` from this process's share of what was left when Redis last answered."""
        self.roll(now)
        if refusal := self.refusal(now, dataset):
            return refusal
        part = (1 - RESERVES.get(spender, 0.0)) / processes
        room = {
            window: math.floor((budget - self.spent[window]) * part) - self.unreported[window]
            for window, budget in self.budgets.items()
        }
        if lacking := [window for window in WINDOW_SECONDS if room[window] < max(1, least)]:
            return self._denied_by(lacking, now)
        granted = min(weight, *room.values())
        for window in WINDOW_SECONDS:
            self.unreported[window] += granted
        return Granted(granted, self.start["minute"])

    def _denied_by(self, windows: Iterable[BudgetWindow], now: float) -> Denied:
        """Denied until the end of the window that ends last."""
        ends = {window: self.start[window] + WINDOW_SECONDS[window] for window in windows}
        last = max(ends, key=ends.__getitem__)
        return Denied(last, math.ceil(ends[last] - now))

    def refusal(self, now: float, dataset: str = WEATHER.name) -> Denied | None:
        """Denied while a 429, or a pause after failures of its own, forbids all calls for `dataset`; else None."""
        if self.closed_until > now:
            return Denied("closed", math.ceil(self.closed_until - now))
        paused_until = self.rows[dataset].paused_until
        if paused_until > now:
            return Denied("failures", math.ceil(paused_until - now))
        return None
