"""Records each answered request: queued by the request's thread, counted into the metrics by a background loop."""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from time import monotonic

from weathernote.telemetry import active_users, metrics, request_log
from weathernote.telemetry.origin import LOOKUPS, ORIGINS
from weathernote.telemetry.request_event import CellAnswer, RequestEvent

#: The requests of other workers show in /metrics at most so much later; a worker that is killed loses as much.
COUNT_SECONDS = 0.25
#: Rates cover the last five minutes, in steps of ten seconds.
RECENT_SECONDS, STEP_SECONDS = 300, 10
#: More requests than a worker can answer between two counts.
_MOST_QUEUED = 200_000

_queue: deque[RequestEvent] = deque(maxlen=_MOST_QUEUED)
_counting = threading.Lock()
_of_thread = threading.local()


# ── on the path of a request ──────────────────────────────────────────────────────────────────────


def record(event: RequestEvent) -> None:
    """Queues the event for the metrics and the request log."""
    _queue.append(event)
    request_log.enqueue(event)


def note_upstream_wait(seconds: float) -> None:
    """Notes how long the request of this thread has waited for Open-Meteo."""
    _of_thread.upstream_wait_seconds = seconds


def take_upstream_wait() -> float:
    """Returns the seconds noted in this thread since the last call, else 0, and resets them."""
    seconds: float = getattr(_of_thread, "upstream_wait_seconds", 0.0)
    if seconds:
        _of_thread.upstream_wait_seconds = 0.0
    return seconds


# ── in the background ─────────────────────────────────────────────────────────────────────────────


class RecentOrigins:
    """The number of answers by origin in the last five minutes, in steps of ten seconds."""

    def __init__(self) -> None:
        self.steps: deque[tuple[int, Counter[str]]] = deque()

    def add(self, origins: Counter[str], now: float) -> Counter[str]:
        """Adds the counts and returns the sums over the last five minutes; `now` is in seconds of a monotonic clock."""
        step = int(now // STEP_SECONDS)
        if not self.steps or self.steps[-1][0] != step:
            self.steps.append((step, Counter()))
        self.steps[-1][1].update(origins)
        while self.steps[0][0] <= step - RECENT_SECONDS // STEP_SECONDS:
            self.steps.popleft()
        return sum((counts for _, counts in self.steps), Counter())


_recent = RecentOrigins()


def count() -> None:
    """Updates the metrics by the events recorded since the last call."""
    with _counting:
        events = [_queue.popleft() for _ in range(len(_queue))]
        answered = Counter((event.route, event.method, event.status) for event in events)
        for (route, method, status), number in answered.items():
            metrics.REQUESTS.labels(route, method, status).inc(number)
        _count_durations(events)
        _count_answers([(event.route, answer) for event in events for answer in event.cell_answers])
        of_clients = [event for event in events if event.client]
        clients = (event.client for event in of_clients if not event.is_counted_by_edge)
        active_users.record(clients, requests=len(of_clients))


def _count_durations(events: Iterable[RequestEvent]) -> None:
    totals: defaultdict[str, float] = defaultdict(float)
    buckets: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for event in events:
        totals[event.route] += event.seconds
        buckets[event.route][bisect_left(metrics.DURATIONS, event.seconds)] += 1
    for route, total in totals.items():
        metrics.observe_many(metrics.REQUEST_DURATION.labels(route), total, buckets[route].items())


def _count_answers(answers: list[tuple[str, CellAnswer]]) -> None:
    """Updates the metrics by pairs (route, answer)."""
    counted = Counter((route, answer.origin, answer.dataset) for route, answer in answers)
    for (route, origin, dataset), number in counted.items():
        outcome, held = LOOKUPS[origin]
        metrics.CACHE_LOOKUPS.labels(metrics.RECORDS.get(route, route), outcome).inc(number)
        if held:
            metrics.CACHE_LOOKUPS.labels(metrics.HELD_RECORDS[dataset], held).inc(number)
    _count_ages(answer for _, answer in answers)
    # The hit rate is of keys in Redis, and answers to Open-Meteo's own question have none there.
    recent = _recent.add(
        Counter(answer.origin for route, answer in answers if route in metrics.KEYED_ROUTES), monotonic()
    )
    for origin in ORIGINS:
        metrics.RECENT_ANSWERS.labels(origin).set(recent[origin])


def _count_ages(answers: Iterable[CellAnswer]) -> None:
    ages: defaultdict[str, list[float]] = defaultdict(list)
    for answer in answers:
        if answer.age_seconds is not None:
            ages[answer.dataset].append(answer.age_seconds)
    for dataset, of_dataset in ages.items():
        in_buckets = Counter(bisect_left(metrics.AGES, age) for age in of_dataset).items()
        metrics.observe_many(metrics.DATASET_ANSWER_AGE.labels(dataset), sum(of_dataset), in_buckets)
        if dataset == "weather":
            metrics.observe_many(metrics.FORECAST_AGE, sum(of_dataset), in_buckets)
