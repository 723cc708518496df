"""What is told of each request: gathered in a queue on its path, and counted by a thread behind it."""

import logging
import threading
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol

from weathernote.telemetry import active_users, metrics, request_log, usage

log = logging.getLogger(__name__)

#: A scrape sees the requests of other workers so much later at most, and a worker that is killed takes them along.
FLUSH_SECONDS = 0.25
#: The rates are those of the last five minutes, known to ten seconds.
RECENT_SECONDS, STEP_SECONDS = 300, 10
SLOW_SECONDS = 5
#: More than a worker can answer between two flushes.
_MOST_WAITING = 200_000
_LOOKUPS = {
    "found": ("hit", ""),
    "memory": ("down", ""),
    "derived": ("miss", "fresh"),
    "stale": ("miss", "due"),
    "fetched": ("miss", "missing"),
    "none": ("miss", "missing"),
}


class Named(Protocol):
    """A cell, of which the ground knows no more than that it has a name."""

    @property
    def key(self) -> str: ...


#: The cell that was asked for, the origin of the answer, and the age of the forecast behind it in seconds.
Place = tuple[Named, str, float | None]


class Seen(NamedTuple):
    """A request that was answered."""

    at: float  # unix seconds, when the answer was ready
    seconds: float
    route: str
    method: str
    status: int
    request_id: str
    client: str
    waited_seconds: float
    is_told_by_edge: bool = False  # which tells of its clients itself, whoever answers them
    cell: Named | None = None
    origin: str = ""
    age_seconds: float | None = None
    #: Of a call about several places each; its cell and origin are then the first's and the least of all.
    places: tuple[Place, ...] = ()


_waiting: deque[Seen] = deque(maxlen=_MOST_WAITING)
_counting = threading.Lock()
_mine = threading.local()


# ── on the path of a request ──────────────────────────────────────────────────────────────────────


def saw(seen: Seen) -> None:
    _waiting.append(seen)
    request_log.tell(seen)


def waited(seconds: float) -> None:
    """Notes that the request of this thread has waited for Open-Meteo."""
    _mine.seconds = seconds


def waited_seconds() -> float:
    """For how long the request of this thread has waited, once."""
    seconds: float = getattr(_mine, "seconds", 0.0)
    if seconds:
        _mine.seconds = 0.0
    return seconds


# ── behind it ─────────────────────────────────────────────────────────────────────────────────────


class Recent:
    """How many answers of each origin the last five minutes had, in steps."""

    def __init__(self) -> None:
        self.steps: deque[tuple[int, Counter[str]]] = deque()

    def add(self, origins: Counter[str], now: float) -> Counter[str]:
        """The sums with these."""
        step = int(now // STEP_SECONDS)
        if not self.steps or self.steps[-1][0] != step:
            self.steps.append((step, Counter()))
        self.steps[-1][1].update(origins)
        while self.steps[0][0] <= step - RECENT_SECONDS // STEP_SECONDS:
            self.steps.popleft()
        return sum((counts for _, counts in self.steps), Counter())


_recent = Recent()


def count() -> None:
    """Moves the metrics by what was seen since the last time."""
    with _counting:
        seen = [_waiting.popleft() for _ in range(len(_waiting))]
        for (route, method, status), number in Counter((one.route, one.method, one.status) for one in seen).items():
            metrics.REQUESTS.labels(route, method, status).inc(number)
        _count_durations(seen)
        _count_answers([one for whole in seen if whole.origin for one in _places_of(whole)])
        of_clients = [one for one in seen if one.client]
        active_users.saw((one.client for one in of_clients if not one.is_told_by_edge), requests=len(of_clients))


def _count_durations(seen: list[Seen]) -> None:
    totals: defaultdict[str, float] = defaultdict(float)
    buckets: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for one in seen:
        totals[one.route] += one.seconds
        buckets[one.route][bisect_left(metrics.DURATIONS, one.seconds)] += 1
    for route, total in totals.items():
        metrics.observe_many(metrics.REQUEST_DURATION.labels(route), total, buckets[route].items())


def _places_of(seen: Seen) -> Iterable[Seen]:
    if not seen.places:
        return (seen,)
    return [seen._replace(cell=cell, origin=origin, age_seconds=age) for cell, origin, age in seen.places]


def _count_answers(seen: list[Seen]) -> None:
    for (route, origin), number in Counter((one.route, one.origin) for one in seen).items():
        outcome, held = _LOOKUPS[origin]
        metrics.CACHE_LOOKUPS.labels(route, outcome).inc(number)
        if held:
            metrics.CACHE_LOOKUPS.labels("upstream", held).inc(number)
    ages = [one.age_seconds for one in seen if one.age_seconds is not None]
    in_buckets = Counter(bisect_left(metrics.AGES, age) for age in ages)
    if ages:
        metrics.observe_many(metrics.FORECAST_AGE, sum(ages), in_buckets.items())
    recent = _recent.add(Counter(one.origin for one in seen), monotonic())
    for origin in metrics.ORIGINS:
        metrics.RECENT_ANSWERS.labels(origin).set(recent[origin])


def start() -> None:
    """Starts the threads of a process that serves. Not when a module is imported: a server forks after that."""
    request_log.start()
    threading.Thread(target=_go_on, name="account", daemon=True).start()
    at_the_end(count)


def at_the_end(step: Callable[[], Any]) -> None:
    """Runs `step` when this process ends of its own accord, be it a server's child or not."""
    request_log.at_the_end(step)


def _go_on() -> None:
    slow_at = 0.0
    while True:
        for step in (count, *((usage.note, active_users.tell) if monotonic() >= slow_at else ())):
            try:
                step()
            except Exception:  # the thread must outlive whatever happens to one step
                log.exception("The metrics were not moved.")
        if monotonic() >= slow_at:
            slow_at = monotonic() + SLOW_SECONDS
        sleep(FLUSH_SECONDS)
