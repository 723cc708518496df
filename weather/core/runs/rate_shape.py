"""How requests are spread over the local week, learned from the counts of past days; pure.

All cells share one shape: how many times as often as on average they are asked for in each hour of the local week. A
cell's level is its rate with the shape taken out; its expected requests are the level times the shape, summed.

A UTC day counts each local hour of each time zone once, so whole days can be added up without further ado. The newest
week counts most, each one before it half as much. Counts of less than a week tell the hours of the day; from seven days
in a row on they tell weekdays as well. Few counts say little: each hour is taken towards what is known without it.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from weather.core.cells import Cell

HOUR_SECONDS = 3600
DAY_HOURS, WEEK_HOURS = 24, 168
WEEK_SECONDS = WEEK_HOURS * HOUR_SECONDS
#: Levels are told by the shape of the time before such a step.
_STEP_SECONDS = 600
#: How many past days are counted.
MOST_DAYS = 28
#: As many requests, spread as was known before, are added to the counts of an hour.
_PRIOR_REQUESTS = 50
#: 1970 began on a Thursday; the week of a shape begins on Monday.
_FIRST_HOUR = 3 * DAY_HOURS
#: A day with fewer requests than this part of the busiest one's counts for less: it tells of few people, or of tests.
_LEAST_PART_OF_THE_BUSIEST = 0.1
#: What is older says nothing about a decayed count: less than a hundredth is left of it.
_RECENT_HALF_LIVES = 7
#: Counts of less time than this are taken as those of so much.
_LEAST_COUNTED_SECONDS = HOUR_SECONDS

#: UTC day (unix seconds ÷ 86 400) → requests of all cells in each hour of the local week.
DayCounts = Mapping[int, Sequence[int]]


def offset_hours(cell: Cell) -> int:
    """By how many hours a cell's local time is taken to be ahead of UTC: by its longitude, so by the sun.

    What counts is that cells with one offset have one rhythm; where the clock differs from the sun, the shape has it.
    """
    return round(cell.tenths_lon / 150)


def local_hour(offset: int, now: float) -> int:
    """The hour of the local week, from Monday midnight on, at `now` (unix seconds)."""
    return (int(now // HOUR_SECONDS) + offset + _FIRST_HOUR) % WEEK_HOURS


class RateShape:
    """168 weights, one for each hour of the local week, that are 1 on average."""

    def __init__(self, weights: Sequence[float]) -> None:
        self.weights = tuple(weights)
        # Summed over three weeks, so that any span of at most a week, begun in the first, needs two look-ups.
        self._sums = (0.0, *accumulate(self.weights * 3))
        self.recent_weight = lru_cache(4_096)(self._recent_weight)

    @classmethod
    def flat(cls) -> "RateShape":
        """The shape without any counts: every hour is like every other."""
        return cls((1.0,) * WEEK_HOURS)

    @classmethod
    def learned(cls, days: DayCounts, today: int) -> "RateShape":
        """The shape that the counts of whole UTC days before `today` tell; flat without any."""
        known: dict[int, Sequence[int]] = {
            today - day: counts for day, counts in days.items() if 1 <= today - day <= MOST_DAYS and any(counts)
        }
        hours = _shrunk(_hours_of_day(known), [1.0] * DAY_HOURS)
        week = [hours[hour % DAY_HOURS] for hour in range(WEEK_HOURS)]
        whole_weeks = [w for w in range(MOST_DAYS // 7) if all(7 * w + ago in known for ago in range(1, 8))]
        if not whole_weeks:
            return cls(week)
        counted = [0.0] * WEEK_HOURS
        for ago, counts in known.items():
            if (ago - 1) // 7 in whole_weeks:
                counted = [sum_ + count / 2 ** ((ago - 1) // 7) for sum_, count in zip(counted, counts, strict=True)]
        return cls(_shrunk(counted, week))

    def seconds(self, offset: int, start: float, end: float) -> float:
        """The weighted seconds from `start` to `end` (unix seconds) in cells with this offset; those of a week at most.

        A cell's level (requests per second) times these are the requests that are expected for it.
        """
        if end <= start:
            return 0.0
        end = min(end, start + WEEK_SECONDS)
        first = local_hour(offset, start)
        from_full_hour = start - start % HOUR_SECONDS
        return self._until(first, end - from_full_hour) - self._until(first, start - from_full_hour)

    def _until(self, first_hour: int, seconds: float) -> float:
        hours, rest = divmod(seconds, HOUR_SECONDS)
        at = first_hour + int(hours)
        return (self._sums[at] - self._sums[first_hour]) * HOUR_SECONDS + self.weights[at % WEEK_HOURS] * rest

    def level(
        self, rate: float, offset: int, now: float, half_life_seconds: float, counted_seconds: float = math.inf
    ) -> float:
        """The level, in requests per second, of a cell with this offset whose decayed counts come to `rate` at `now`.

        A rate by decayed counts is higher after the busy hours and lower after the quiet ones, and too low until counts
        have been gathered for several half-lives; the level is neither. Counting began `counted_seconds` ago.
        """
        counted_seconds = max(counted_seconds, _LEAST_COUNTED_SECONDS)
        counted_steps = int(min(counted_seconds, _RECENT_HALF_LIVES * half_life_seconds) // _STEP_SECONDS)
        weight = self.recent_weight(offset, int(now // _STEP_SECONDS), half_life_seconds, counted_steps)
        # What a steady rate's counts would come to by now, as a part of what they come to in the end.
        counted_part = 1 - 2.0 ** (-counted_seconds / half_life_seconds)
        return rate / max(weight * counted_part, 1e-3)

    def _recent_weight(self, offset: int, step: int, half_life_seconds: float, counted_steps: int) -> float:
        """The average weight of the counted time before a step begins, each hour counted half after a half-life."""
        hour, begun_seconds = divmod(step * _STEP_SECONDS, HOUR_SECONDS)
        at = local_hour(offset, hour * HOUR_SECONDS)

        def part(seconds_ago: float) -> float:
            return 2.0 ** (-seconds_ago / half_life_seconds)

        # The hour that has begun, and the whole ones before it, each by what is left of it.
        summed = 1 - part(begun_seconds)
        weighted = self.weights[at] * summed
        for ago in range(min(math.ceil(counted_steps * _STEP_SECONDS / HOUR_SECONDS), WEEK_HOURS)):
            left = part(begun_seconds + ago * HOUR_SECONDS) - part(begun_seconds + (ago + 1) * HOUR_SECONDS)
            weighted += self.weights[(at - 1 - ago) % WEEK_HOURS] * left
            summed += left
        return weighted / summed


def _hours_of_day(known: Mapping[int, Sequence[int]]) -> list[float]:
    """The counts of each hour of the day; each day counts alike, but for its age, or a busy one would be the shape.

    A day with next to no requests does not: its few would be blown up to as many as the busiest day's.
    """
    hours = [0.0] * DAY_HOURS
    busiest = max(map(sum, known.values()), default=0)
    for ago, counts in known.items():
        part = busiest / max(sum(counts), _LEAST_PART_OF_THE_BUSIEST * busiest) / 2 ** ((ago - 1) // 7)
        for hour, count in enumerate(counts):
            hours[hour % DAY_HOURS] += part * count
    return hours


def _shrunk(counted: Sequence[float], prior: Sequence[float]) -> list[float]:
    """Counts as weights that are 1 on average, with _PRIOR_REQUESTS requests added to each as `prior` spreads them."""
    mean = sum(counted) / len(counted)
    weights = [
        (count + _PRIOR_REQUESTS * known) / (mean + _PRIOR_REQUESTS)
        for count, known in zip(counted, prior, strict=True)
    ]
    scale = len(weights) / sum(weights)
    return [weight * scale for weight in weights]
