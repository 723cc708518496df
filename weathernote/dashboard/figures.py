"""The figures of the dashboard, each with its scope: all instances, by Redis, or this instance or process alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prewarm.cities.formatting import NONE, format_count, format_duration
from weathernote import redis
from weathernote.dashboard import instance_counts
from weathernote.dashboard.map_markers import MapMarker, ages
from weathernote.dashboard.redis_snapshot import Memory, RedisSnapshot
from weathernote.dashboard.spending import Spending
from weathernote.telemetry.instance_metrics import AnswerRates

ALL, ONE = "all instances", "this instance"
NOBODY_ASKED = "nobody asked"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the scope that it counts for, and `more` as a remark; with `is_wrong` it is shown in red."""

    name: str
    scope: str
    value: str
    more: str = ""
    is_wrong: bool = False


def figures(snapshot: RedisSnapshot, markers: Sequence[MapMarker]) -> Iterator[Figure]:
    """The figures of the page, in the order in which they are shown."""
    counts = instance_counts.read()
    yield _hit_rate(counts.rates)
    yield _active(snapshot)
    yield Figure("Refused with 429", f"{ONE}, since its start", f"{counts.refused:,}")
    yield _forecast_age(markers)
    yield Figure(
        "Forecast age in answers",
        f"{ONE}, since its start",
        format_duration(counts.mean_age_seconds),
        f"mean of {format_count(counts.forecasts, 'answer')} about weather" if counts.forecasts else NOBODY_ASKED,
    )
    yield _open_meteo(snapshot.spending)
    yield _memory(snapshot.memory)
    yield _breaker()


def _hit_rate(rates: AnswerRates | None) -> Figure:
    scope = f"{ONE}, five minutes"
    if rates is None:
        return Figure("Hit rate", scope, NONE, NOBODY_ASKED)
    return Figure("Hit rate", scope, _percent(rates.hit), f"{_percent(rates.without_upstream)} waited for no call")


def _active(snapshot: RedisSnapshot) -> Figure:
    if snapshot.users is None:
        return Figure("Active users", ALL, NONE)
    users = snapshot.users
    day = f"in five minutes; {users.day:,} in a day with {format_count(users.requests_of_the_day, 'request')}"
    return Figure("Active users", ALL, f"{users.five_minutes:,}", day)


def _forecast_age(markers: Sequence[MapMarker]) -> Figure:
    known = ages(markers)
    if known is None:
        is_known = any(marker.status.state != "unknown" for marker in markers)
        return Figure("Forecast age on the map", ALL, NONE, "nothing is held" if is_known else "")
    return Figure(
        "Forecast age on the map", ALL, format_duration(known[0]), f"median; the oldest {format_duration(known[1])}"
    )


def _open_meteo(spending: Spending | None) -> Figure:
    if spending is None:
        return Figure("Open-Meteo", ALL, NONE)
    pause = f"asked again in {format_duration(spending.pause_seconds)}" if spending.pause_seconds else ""
    return Figure("Open-Meteo", ALL, spending.open_meteo, pause, is_wrong=spending.open_meteo != "ok")


def _memory(memory: Memory | None) -> Figure:
    if memory is None:
        return Figure("Redis memory", ALL, "no answer", is_wrong=True)
    if not memory.most:
        return Figure("Redis memory", ALL, _megabytes(memory.used), "without a bound")
    part = memory.used / memory.most
    return Figure(
        "Redis memory", ALL, _megabytes(memory.used), f"{part:.0%} of {_megabytes(memory.most)}", is_wrong=part > 0.95
    )


def _breaker() -> Figure:
    """Whether the breaker of this process is open, so that it answers without a Redis server."""
    states = redis.breaker_states()
    is_open = [name for name, is_open in states if is_open]
    if is_open:
        return Figure("Redis breaker", "this process", "open", f"does without {', '.join(is_open)}", is_wrong=True)
    return Figure("Redis breaker", "this process", "closed", format_count(len(states), "server"))


def _percent(rate: float) -> str:
    return f"{rate * 100:.1f} %"


def _megabytes(number: int) -> str:
    return f"{number / 1_000_000:,.1f} MB"
