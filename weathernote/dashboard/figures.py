"""The dashboard's figures, each with whose it is: of all instances, from Redis, or of this one alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prewarm.cities.formatting import format_duration
from weathernote import redis
from weathernote.dashboard import instance_counts
from weathernote.dashboard.map_markers import Spot, ages
from weathernote.dashboard.redis_snapshot import Glance, Memory
from weathernote.dashboard.spending import Spending

ALL, ONE = "all instances", "this instance"
_UNSAID = "–"


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    scope: str
    value: str
    more: str = ""
    is_wrong: bool = False


def figures(seen: Glance, shown: Sequence[Spot]) -> Iterator[Figure]:
    counted = instance_counts.counted()
    yield Figure(
        "Hit rate",
        f"{ONE}, five minutes",
        _percent(counted.hit_rate),
        "nobody asked" if counted.hit_rate is None else f"{_percent(counted.without_upstream)} waited for no call",
    )
    yield _active(seen)
    yield Figure("Refused with 429", f"{ONE}, since its start", f"{counted.refused:,}")
    yield _forecast_age(shown)
    yield Figure(
        "Forecast age in answers",
        f"{ONE}, since its start",
        format_duration(counted.mean_age_seconds),
        f"mean of {counted.answers:,} answers" if counted.answers else "nobody asked",
    )
    yield _open_meteo(seen.spending)
    yield _memory(seen.memory)
    yield _breaker()


def _active(seen: Glance) -> Figure:
    if seen.users is None:
        return Figure("Active users", ALL, _UNSAID)
    day = f"in five minutes; {seen.users.day:,} in a day with {seen.users.requests_of_the_day:,} requests"
    return Figure("Active users", ALL, f"{seen.users.five_minutes:,}", day)


def _forecast_age(shown: Sequence[Spot]) -> Figure:
    known = ages(shown)
    if known is None:
        is_known = any(spot.live.state != "unknown" for spot in shown)
        return Figure("Forecast age on the map", ALL, _UNSAID, "nothing is held" if is_known else "")
    return Figure(
        "Forecast age on the map", ALL, format_duration(known[0]), f"median; the oldest {format_duration(known[1])}"
    )


def _open_meteo(spending: Spending | None) -> Figure:
    if spending is None:
        return Figure("Open-Meteo", ALL, _UNSAID)
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
    """Whether this process goes without a server, as `without_redis` has it do."""
    states = redis.states()
    is_open = [name for name, is_open in states if is_open]
    if is_open:
        return Figure("Redis breaker", "this process", "open", f"goes without {', '.join(is_open)}", is_wrong=True)
    return Figure("Redis breaker", "this process", "closed", f"{len(states)} server{'s' if len(states) > 1 else ''}")


def _percent(rate: float | None) -> str:
    return _UNSAID if rate is None else f"{rate * 100:.1f} %"


def _megabytes(number: int) -> str:
    return f"{number / 1_000_000:,.1f} MB"
