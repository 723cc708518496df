"""What a refresh of a cell is worth when its model has had new runs; pure.

The worth is in request-seconds: the requests that are expected until the next run, each shown the newest run and not an
older one, times the seconds by which that is older. For a cell that lacks s runs it is

    expected requests × seconds between runs × s(s + 1) ÷ 2,

which is what waiting for one more run would cost (Whittle's index for age of information). All cells worth more than
one price are refreshed, so that a call goes where it takes most off the missed age of all requests. The price is in
request-seconds too, the same as that of refresh intervals (weather/core/freshness/refresh_interval.py).

A request that is there now counts in full: it is shown the newest run at least if it waits.
"""

import math
from dataclasses import dataclass

from weather.core.freshness.refresh_interval import LONGEST_SECONDS, WORTH_A_WAIT_SECONDS, Standing
from weather.core.runs.run_times import RunTimes

#: A request waits for a refresh if fewer than so many others are expected before the next run: it is what it is for.
RARE_REQUESTS = 1.0
#: The missing runs from which such a request waits; it is shown what is one run old.
RUNS_WORTH_A_WAIT = 2


def index(expected_requests: float, interval_seconds: float, missing: float) -> float:
    """What a refresh is worth, in request-seconds, for a cell that lacks `missing` runs, this one included."""
    return expected_requests * interval_seconds * missing * (missing + 1) / 2


@dataclass(frozen=True, slots=True)
class RunState:
    """A held record beside the runs of its model, and the requests expected for its cell until the next run."""

    missing: int
    #: For how many seconds the first of the missing runs has been there.
    missed_seconds: float
    age_seconds: float
    interval_seconds: int
    expected_requests: float

    @classmethod
    def of(cls, times: RunTimes, fetched_at: float, now: float, expected_requests: float) -> "RunState":
        """The state at `now` of a record that was fetched then (unix seconds)."""
        missing, missed_seconds = times.missing(fetched_at, now), times.missed_seconds(fetched_at, now)
        return cls(missing, missed_seconds, now - fetched_at, times.interval_seconds, expected_requests)

    @property
    def worth(self) -> float:
        """What a refresh is worth that no request is there for, in request-seconds."""
        return index(self.expected_requests, self.interval_seconds, self.missing)

    def lateness(self, price: float) -> float:
        """How late a refresh is that no request is there for: due from 1 on.

        A record that lacks no run is new enough, however old it is, until it is about to end.
        """
        return self._lateness(self.worth, price)

    def standing(self, price: float) -> Standing:
        """How the record stands for a request that is there now."""
        lateness = self._lateness(self.worth + self.missed_seconds, price)
        is_old = self.age_seconds > WORTH_A_WAIT_SECONDS and self.missing >= RUNS_WORTH_A_WAIT
        return Standing(self.age_seconds, lateness, is_old and self.expected_requests < RARE_REQUESTS)

    def _lateness(self, worth: float, price: float) -> float:
        if self.age_seconds >= LONGEST_SECONDS:
            return math.inf
        if not self.missing:
            return 0.0
        return worth / price if price > 0 else math.inf
