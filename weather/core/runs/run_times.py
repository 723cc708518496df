"""When a weather model's runs came, and what a record fetched at some time lacks of them; pure.

Open-Meteo's answer for a cell changes when its model has a new run, and only then. Its servers get a run one after the
other, so a run counts as settled some minutes after it is there: what was fetched later has it, what was fetched
earlier may not. All times are unix seconds, all durations seconds.
"""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile
from statistics import median_low
from typing import Any, NamedTuple, Self

#: From the moment when the first of Open-Meteo's servers has a run to the one when all have it.
SETTLED_SECONDS = 600
#: A record lives 48 hours, and is fetched some hours after its run came.
KEPT_SECONDS = 52 * 3600
MOST_RUNS = 64
#: The poller asks several times an hour, so by then it has failed to for long.
UNSEEN_SECONDS = 3600
#: By how much Open-Meteo's clock and this machine's may differ.
CLOCK_SLACK_SECONDS = 120
#: A run that is late is expected no sooner than so many seconds from now.
SOON_SECONDS = 300

_LEAST_INTERVAL_SECONDS, _MOST_INTERVAL_SECONDS = 900, 2 * 86_400
_MOST_UNIX_SECONDS = 2**40


class Run(NamedTuple):
    """A model's run: the time that its forecast starts from, and the time at which Open-Meteo had it."""

    initialised: int
    available: int

    @property
    def settled(self) -> int:
        """When all of Open-Meteo's servers answer by this run."""
        return self.available + SETTLED_SECONDS


@dataclass(frozen=True)
class RunTimes:
    """A model's runs of the last 52 hours, the newest first, and when they were last read from Open-Meteo."""

    interval_seconds: int
    runs: tuple[Run, ...]
    seen_at: int

    # ── what a record has ─────────────────────────────────────────────────────────────────────────

    def missing(self, fetched_at: float, now: float) -> int:
        """How many runs that are settled by now a record fetched then lacks.

        Before the oldest run that is known, runs are counted by the interval.
        """
        return sum(1 for run in self.runs if fetched_at < run.settled <= now) + self._unknown_missing(fetched_at, now)

    def missed_seconds(self, fetched_at: float, now: float) -> float:
        """For how long the first of the runs that such a record lacks has been settled; 0 if it lacks none."""
        missing = [run.settled for run in self.runs if fetched_at < run.settled <= now]
        if not missing:
            return 0.0
        return now - (missing[-1] - self._unknown_missing(fetched_at, now) * self.interval_seconds)

    def run_of(self, fetched_at: float) -> Run | None:
        """The newest run that was settled when the record was fetched; None if it came before those that are known."""
        return next((run for run in self.runs if run.settled <= fetched_at), None)

    def knows_run_of(self, fetched_at: float) -> bool:
        """Whether a record fetched then is from `run_of` for certain: the run after that came later or was not overdue.

        False too if nobody looked for runs in the hour before the fetch or since.
        """
        run = self.run_of(fetched_at)
        if run is None or fetched_at > self.seen_at + UNSEEN_SECONDS:
            return False
        following = run.initialised + self.interval_seconds
        overdue = self.overdue_at + run.initialised - self.runs[0].initialised
        return fetched_at <= overdue or any(one.initialised == following for one in self.runs)

    def _unknown_missing(self, fetched_at: float, now: float) -> int:
        if not self.runs or self.runs[-1].settled > now:
            return 0
        return max(0, math.ceil((self.runs[-1].settled - fetched_at) / self.interval_seconds) - 1)

    # ── what is to come ───────────────────────────────────────────────────────────────────────────

    def next_expected(self, now: float) -> float:
        """When the next run is likely to be settled, later than now.

        One that is there already will be settled in minutes. A run that is late is expected after as long again as it
        is late by now, or when the one after it is due.
        """
        if not self.runs:
            return now + self.interval_seconds
        if self.runs[0].settled > now:
            return float(min(run.settled for run in self.runs if run.settled > now))
        expected = self.next_available + SETTLED_SECONDS
        if expected > now:
            return float(expected)
        until_the_following = (expected - now) % self.interval_seconds
        return now + max(SOON_SECONDS, min(now - expected, until_the_following))

    def usual_after(self, time: float) -> float:
        """The first time after `time` at which a run is usually settled: a late one does not delay those after it.

        Without any runs it is an interval later.
        """
        if not self.runs:
            return time + self.interval_seconds
        return time + self.interval_seconds - (time - self.next_available - SETTLED_SECONDS) % self.interval_seconds

    def is_trusted(self, now: float) -> bool:
        """Whether these runs are all there are; False if the next run is overdue or nobody has looked for long.

        False too if a time lies in the future. A run is overdue half an interval after its usual time, or later if one
        in the history was as late, a whole interval at most.
        """
        if not self.runs or not now - UNSEEN_SECONDS <= self.seen_at <= now + CLOCK_SLACK_SECONDS:
            return False
        return self.runs[0].available <= now + CLOCK_SLACK_SECONDS and now <= self.overdue_at

    def believed(self, now: float) -> "RunTimes | None":
        """The runs that records are judged by at `now`: these if they are trusted; None if they cannot be believed.

        The first run that is overdue is taken to have come at its usual time: if it did not, records are refreshed for
        it in vain, once, for what the day's budget had for it. When the run after it is overdue too, nothing is known.
        """
        if self.is_trusted(now):
            return self
        is_overdue = bool(self.runs) and now > self.overdue_at
        return self._with_the_overdue if is_overdue and self._with_the_overdue.is_trusted(now) else None

    @cached_property
    def _with_the_overdue(self) -> "RunTimes":
        overdue = Run(self.runs[0].initialised + self.interval_seconds, self.next_available)
        return RunTimes(self.interval_seconds, (overdue, *self.runs), self.seen_at)

    @cached_property
    def _usual_delay_seconds(self) -> int:
        return median_low(run.available - run.initialised for run in self.runs)

    @cached_property
    def next_available(self) -> int:
        """When the run after the newest one is available unless it is late. Only if there are runs."""
        return self.runs[0].initialised + self.interval_seconds + self._usual_delay_seconds

    @cached_property
    def overdue_at(self) -> float:
        """From when on the run after the newest one is too late for what is known to be believed."""
        usual_seconds = self.interval_seconds + self._usual_delay_seconds
        late_seconds = [run.available - before.initialised - usual_seconds for run, before in pairwise(self.runs)]
        return self.next_available + min(max(self.interval_seconds / 2, *late_seconds, 0), self.interval_seconds)

    # ── new ones, and the text in Redis ───────────────────────────────────────────────────────────

    def with_run(self, run: Run, seen_at: int) -> "RunTimes":
        """These and what Open-Meteo says at `seen_at` about the newest run.

        The run may be known: if more of it came since, the later time stands. One that is older than the newest comes
        from a server that lags behind, and is left out.
        """
        known = [one for one in self.runs if one.available <= seen_at + CLOCK_SLACK_SECONDS]
        if not known or run.initialised > known[0].initialised:
            known.insert(0, run)
        elif run.initialised == known[0].initialised:
            known[0] = max(known[0], run)
        kept = takewhile(lambda one: one.available >= seen_at - KEPT_SECONDS, known[1:])
        return RunTimes(self.interval_seconds, (known[0], *kept)[:MOST_RUNS], seen_at)

    @property
    def text(self) -> str:
        """JSON text that `read` reads: the interval, when the runs were seen, and each run's two times."""
        return json.dumps({"interval_seconds": self.interval_seconds, "seen_at": self.seen_at, "runs": self.runs})

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """The run times that a `text` stands for; None for any other text."""
        try:
            given = json.loads(text)
            runs = tuple(Run(*(_seconds(time) for time in pair)) for pair in given["runs"])
            times = cls(_seconds(given["interval_seconds"]), runs, _seconds(given["seen_at"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return times if times._is_sound() else None

    def _is_sound(self) -> bool:
        return (
            is_interval(self.interval_seconds)
            and len(self.runs) <= MOST_RUNS
            and all(run.initialised <= run.available for run in self.runs)
            and all(run.initialised > before.initialised for run, before in zip(self.runs, self.runs[1:], strict=False))
        )


def is_interval(seconds: int) -> bool:
    """Whether a model may have a run every so many seconds: from a quarter of an hour to two days."""
    return _LEAST_INTERVAL_SECONDS <= seconds <= _MOST_INTERVAL_SECONDS


def _seconds(value: Any) -> int:
    """The value if it is a whole number of unix seconds or a duration; raises ValueError for anything else."""
    if type(value) is not int or not 0 < value < _MOST_UNIX_SECONDS:
        raise ValueError("no whole number of seconds")
    return value
