"""Workers and rounds alone: an upstream that the test lets answer; a queue, a budget and a store that note calls."""

import threading
from typing import Any, cast

from tests.support.weather.series import a_series
from weather.budget.payment import Payments
from weather.budget.quota import Denied, Granted
from weather.budget.refresh_rule import RefreshRule
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.fetching.fetch_queue import Lease
from weather.fetching.known_cells import KnownCells
from weather.fetching.round import Round
from weather.fetching.worker import Workers
from weather.upstream.errors import LocationRejected
from weathernote import redis
from weathernote.redis import Lookup

CELLS = [Cell(tenths, tenths) for tenths in range(300)]
BATCH = 100


class NoRejections:
    """Notes what is rejected in a list."""

    def __init__(self, rejected):
        self.rejected = rejected

    def seconds_now(self, cell):
        return Lookup(read=lambda: 600 if cell in self.rejected else 0)

    def adding(self, cells):
        return Lookup(read=lambda: self.rejected.extend(cells))

    def add_here(self, cells):
        assert not cells  # what this upstream says, everybody can read


class NoStore:
    """Keeps records in a dict, and notes what is rejected."""

    name = WEATHER.name
    drift = WEATHER.drift
    keeps_earlier_rows = WEATHER.keeps_earlier_rows

    def __init__(self):
        self.rejected: list[Cell] = []
        self.rejections = NoRejections(self.rejected)
        self.announced = []
        self.known = {}

    def newest(self, cell):
        return Lookup(read=lambda: self.known.get(cell))

    def seen_at(self, cell):
        return Lookup(read=lambda: 0)

    def holding(self, fetched, *, announces):
        def hold():
            self.known.update(fetched)
            self.announced.extend(fetched if announces else ())

        return Lookup(read=hold)


class Alone:
    """The queue of a fleet of one process, whose lease the test may take away."""

    batch = BATCH
    slots = 1

    def __init__(self):
        self.is_free, self.is_held = True, False
        self.cold, self.refresh = set(), set()
        self.released = []

    def enqueue(self, cold, wait_seconds, refresh=()):
        self.cold |= set(cold)
        self.refresh |= set(refresh)

    def lease(self, cold=(), wait_seconds=0.0, refresh=()):
        self.enqueue(cold, wait_seconds, refresh)
        queues = [sorted(queue, key=CELLS.index)[:BATCH] for queue in (self.cold, self.refresh - self.cold)]
        if not self.is_free or self.is_held or not any(queues):
            return None
        self.is_held = True
        return Lease(0, "token", *queues)

    def renew(self, lease):
        return True

    def release(self, lease, done=()):
        redis.fetch_one(self.releasing(lease, done))

    def releasing(self, lease, done):
        return Lookup(read=lambda: self._release(lease, done))

    def _release(self, lease, done):
        self.released.append(lease.slot)
        self.is_held = False
        self.cold -= set(done)
        self.refresh -= set(done)
        return True

    def queued_of(self, cells):
        return (self.cold | self.refresh).intersection(cells)


class Purse:
    """A budget that grants what is in it, and notes what it is told."""

    def __init__(self, left=10_000):
        self.left = left
        self.charged = []
        self.told = []

    def charge(self, weight, spender, least=None, dataset="weather"):
        if self.left < (weight if least is None else least):
            return Denied("day", 77)
        granted = min(weight, self.left)
        self.left -= granted
        self.charged.append((granted, spender))
        return Granted(granted)

    def close(self, window, retry_after_seconds):
        self.told.append((window, retry_after_seconds))

    def failed(self, dataset):
        self.told.append("failed")

    def succeeded(self, dataset):
        self.told.append("succeeded")

    def pause_seconds(self, dataset):
        return 0.0

    def is_failing(self, dataset):
        return self.told[-1:] == ["failed"]


class Upstream:
    """Answers when `go` is set; `bad` cells are rejected as Open-Meteo rejects: the whole call."""

    def __init__(self, bad=(), failing=None):
        self.calls = []
        self.bad = set(bad)
        self.failing = failing
        self.go = threading.Event()
        self.go.set()

    def fetch(self, cells, before_attempt):
        before_attempt(len(cells))
        self.calls.append(list(cells))
        self.go.wait(60)
        if self.failing:
            raise self.failing
        if self.bad.intersection(cells):
            raise LocationRejected("No data is available for this location")
        return {cell: a_series() for cell in cells}


class Fetching:
    """Workers over a round, with what the tests look at."""

    def __init__(self, upstream, purse=None, queue=None, dataset=WEATHER):
        self.store = NoStore()
        budget = cast(Any, purse or Purse())
        payments = Payments(budget)
        queue = cast(Any, queue or Alone())
        now = a_series().fetched_at + 1
        store = cast(Any, self.store)
        self.round = Round(
            upstream,
            store,
            payments,
            budget,
            queue,
            KnownCells(store),
            weight_of_a_cell=1.0,
            fresh_seconds=600,
            spender_of=RefreshRule(dataset, cast(Any, None)).spender,
            now=lambda: now,
        )
        self.workers = Workers(self.round, queue, budget, wait_seconds=5, calling_alone=threading.Lock())

    def want(self, cell):
        return self.submit(cell, "cold")

    def refresh(self, cell):
        return self.submit(cell, "refresh")

    def submit(self, cell, spender):
        return self.workers.submit({cell: spender})[cell].future
