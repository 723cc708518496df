"""Follows the run times of the models in use: in one process of the fleet, which tells the others through Redis.

Open-Meteo tells run times free of quota. They are asked for around the time at which a model's next run is expected,
else rarely; what cannot be had is asked for less and less often. Without Redis nobody asks: what is known holds until
it is too old to be trusted, and then refreshes go by intervals.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from weather.core.runs.polling import next_poll
from weather.core.runs.run_times import RunTimes
from weather.runs.table import RunTable
from weather.upstream.errors import InvalidResponse, UpstreamError, UpstreamRefused
from weather.upstream.run_times_client import NewestRun, RunTimesClient
from weathernote import redis
from weathernote.redis import Lookup, owned_key, without_redis
from weathernote.telemetry.metrics import RUN_TIMES_POLLS

LEASE_KEY = "runs:lease"
#: A step ends well before the lease does, even if its last call takes all of its time.
LEASE_SECONDS = 60
STEP_SECONDS = 20
#: How often popularity is asked which models are in use.
SURVEY_SECONDS = 300
#: The pause after the first, second, … failure in a row to learn the runs of a model.
PAUSES_SECONDS = (60, 120, 240, 480, 900)


@dataclass(slots=True)
class _Failures:
    """Failures in a row, and until when not to ask again, in unix seconds."""

    number: int = 0
    paused_until: float = 0.0

    def add(self, now: float) -> None:
        self.paused_until = now + PAUSES_SECONDS[min(self.number, len(PAUSES_SECONDS) - 1)]
        self.number += 1


class RunPoller:
    """Keeps a RunTable up to date. A loop of every process calls `step` each few seconds; one of them acts.

    `popular_models` names the models of the cells that are asked for.
    """

    def __init__(
        self,
        client: RunTimesClient,
        table: RunTable,
        popular_models: Callable[[], Iterable[str]],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.table = table
        self.popular_models = popular_models
        self.now = now
        self._name = secrets.token_hex(8)
        self._surveyed_at = 0.0
        self._failures: dict[str, _Failures] = {}

    def step(self) -> None:
        """Asks for the run times that are due, if it is this process that does so."""
        if not self._is_leader():
            return
        self.table.read_newest()  # what the last leader learned just now, or what this process began without
        began = self.now()
        if not began - SURVEY_SECONDS < self._surveyed_at <= began:
            self._survey(began)
        for model in self.table.used(began):
            if not 0 <= self.now() - began < STEP_SECONDS:
                return
            if self._is_due(model) and not self._poll(model):
                return  # what fails may take its whole time: the other models are for the next steps

    def _survey(self, now: float) -> None:
        models = list(self.popular_models())
        if models:  # else nobody has asked for a cell yet: the next step looks again
            self._surveyed_at = now
            self.table.note_used(models, now)

    @without_redis(returns=None)
    def release(self) -> None:
        """Lets another process poll at once, as this one ends."""
        redis.execute(owned_key.releasing(LEASE_KEY, self._token))

    def _is_leader(self) -> bool:
        taking = owned_key.taking(LEASE_KEY, self._token, LEASE_SECONDS * 1000)
        return redis.fetch_one(Lookup(taking, read=bool, without=lambda: False))

    @property
    def _token(self) -> str:
        return f"{self._name}:{os.getpid()}"  # a forked child has the same name

    def _is_due(self, model: str) -> bool:
        now, failures = self.now(), self._failures.get(model)
        # A clock that was set back since makes no pause longer than the longest.
        if failures and now < failures.paused_until <= now + PAUSES_SECONDS[-1]:
            return False
        return next_poll(self.table.times_of(model), now) <= now

    def _poll(self, model: str) -> bool:
        """Whether the model's newest run was learnt."""
        try:
            newest = self.client.newest_run(model)
        except UpstreamError as error:
            self._failures.setdefault(model, _Failures()).add(self.now())
            RUN_TIMES_POLLS.labels(_outcome_of(error)).inc()
            return False
        self._failures.pop(model, None)
        self._store(model, newest)
        return True

    def _store(self, model: str, newest: NewestRun) -> None:
        known = self.table.times_of(model) or RunTimes(newest.interval_seconds, (), 0)
        known = replace(known, interval_seconds=newest.interval_seconds)
        times = known.with_run(newest.run, int(self.now()))
        RUN_TIMES_POLLS.labels("same_run" if times.runs == known.runs else "new_run").inc()
        self.table.write(model, times)


def _outcome_of(error: UpstreamError) -> str:
    if isinstance(error, UpstreamRefused):
        return "refused"
    return "invalid_response" if isinstance(error, InvalidResponse) else "failed"
