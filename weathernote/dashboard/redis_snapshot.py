"""All that the dashboard shows from Redis, read in one round trip."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.conf import settings

from prewarm.cities import cell_status
from prewarm.cities.cell_status import UNKNOWN, CellStatus
from prewarm.runs import schedule
from weather.api.service import service
from weather.budget.budget import Budget
from weather.budget.popularity import LANDMARK, Popularity
from weather.core.cells import Cell
from weathernote import redis
from weathernote.dashboard import spending
from weathernote.dashboard.spending import Spending
from weathernote.redis import Lookup, Role, Several, at
from weathernote.telemetry import active_users
from weathernote.telemetry.active_users import Users

#: How many of the most requested cells are shown on the map in addition to the cities.
MOST_POPULAR = 50

# Only Redis knows which cells these are, so that a script reads their lives with them. In a cluster most of them are on
# other masters (-3 here; Redis' own -2 means that there is no such key), which a second round trip asks.
_POPULAR = redis.script(
    """
local members = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(0', 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local lives = {}
for at = 1, #members, 2 do
  local life = redis.pcall('TTL', 'upstream:' .. members[at])
  lives[#lives + 1] = type(life) == 'number' and life or -3
end
return {redis.call('ZSCORE', KEYS[1], ARGV[2]), members, lives}
""",
    role=Role.REPLICA,
)
_ELSEWHERE = -3
#: The statuses of so many cities are read together with all else. One timeout does not cover more, so that beyond this
#: number they are read in parts, each in a round trip of its own.
MOST_AT_ONCE = 5_000
PART = 1_000
#: Above any amount, and above any moment.
_MOST = 1e11


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the Redis server, in a cluster of one of its masters; `most` is 0 without a limit."""

    used: int
    most: int


@dataclass(frozen=True, slots=True)
class RedisSnapshot:
    """What Redis says at one moment: None, an empty mapping or the state `unknown` where it does not answer."""

    cities: dict[Cell, CellStatus]
    popular: dict[Cell, CellStatus] = field(default_factory=dict)
    spending: Spending | None = None
    users: Users | None = None
    memory: Memory | None = None
    last_good_run: float | None = None

    @property
    def is_redis_down(self) -> bool:
        """Whether Redis did not answer at all."""
        return self.memory is None


def take_snapshot(cells: Sequence[Cell]) -> RedisSnapshot:
    """The status of `cells` and of the most popular ones, the budget, the users and the memory.

    It takes one round trip, in a cluster two, and beyond `MOST_AT_ONCE` cells one more for each `PART` of them.
    """
    own = service()
    popularity = own.popularity
    first, *further = _parts(list(dict.fromkeys(cells)))
    own.price.value, spent, memory, last_good_run, popular, users, rates, lives = redis.fetch(
        own.price.shared(),
        _spending(own.budget),
        Lookup(("INFO", "memory"), read=_read_memory, without=lambda: None),
        schedule.last_good_run(),
        _popular(popularity),
        active_users.users(),
        popularity.request_rates(first),
        _lives(first),
    )
    cities = _statuses(first, lives, rates)
    for part in further:
        rates, lives = redis.fetch(popularity.request_rates(part), _lives(part))
        cities |= _statuses(part, lives, rates)
    return RedisSnapshot(cities, _popular_statuses(popular), spent, users, memory, last_good_run)


def _parts(cells: list[Cell]) -> list[list[Cell]]:
    if len(cells) <= MOST_AT_ONCE:
        return [cells]
    return [cells[begin : begin + PART] for begin in range(0, len(cells), PART)]


# ── cells ─────────────────────────────────────────────────────────────────────────────────────────


def _lives(cells: Iterable[Cell]) -> Lookup[list[int | None]]:
    """The life that is left of each cell's record in seconds, below 0 if there is none; None without Redis."""
    return Several(
        Lookup(at(Role.REPLICA, "TTL", f"upstream:{cell.key}"), read=int, without=lambda: None) for cell in cells
    )


class _Popular(NamedTuple):
    """The most popular cells, the first of them first: requests per second, and what `_lives` gives."""

    rates: dict[Cell, float]
    lives: list[int | None]


def _popular(popularity: Popularity) -> Lookup[_Popular]:
    def read(reply: list[Any]) -> _Popular:
        landmark, members, lives = reply
        rates = popularity.rates_of_members(landmark, members)
        by_key = dict(zip(members[::2], lives, strict=True))
        return _Popular(rates, [by_key.get(cell.key.encode(), _ELSEWHERE) for cell in rates])

    return Lookup(_POPULAR(popularity.key, MOST_POPULAR, LANDMARK), read=read, without=lambda: _Popular({}, []))


def _popular_statuses(popular: _Popular) -> dict[Cell, CellStatus]:
    statuses = _statuses(list(popular.rates), popular.lives, popular.rates)
    elsewhere = [cell for cell, life in zip(popular.rates, popular.lives, strict=True) if life == _ELSEWHERE]
    (lives,) = redis.fetch(_lives(elsewhere))
    return statuses | _statuses(elsewhere, lives, popular.rates)


def _statuses(
    cells: Sequence[Cell], lives: Sequence[int | None], rates: Mapping[Cell, float]
) -> dict[Cell, CellStatus]:
    return {cell: _status(cell, life, rates.get(cell, 0.0)) for cell, life in zip(cells, lives, strict=True)}


def _status(cell: Cell, life_seconds: int | None, rate: float) -> CellStatus:
    if life_seconds is None:
        return UNKNOWN
    # A record is held for HOLD_SECONDS from its arrival: the life that is left gives its age without reading it.
    age_seconds = None if life_seconds < 0 else max(0, settings.HOLD_SECONDS - life_seconds)
    return cell_status.status_of(cell, age_seconds, rate)


# ── the budget and the memory ─────────────────────────────────────────────────────────────────────


def _spending(budget: Budget) -> Lookup[Spending | None]:
    def read(clock: list[bytes], flat: list[bytes]) -> Spending:
        held = {name.decode(): _number(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
        return spending.read(held, budget.budgets, float(clock[0]))

    clock, spent = at(Role.REPLICA, "TIME"), at(Role.REPLICA, "HGETALL", budget.key)
    return Lookup(clock, spent, read=read, without=lambda: None)


def _read_memory(info: bytes) -> Memory:
    fields = redis.info_fields(info)
    return Memory(int(fields.get("used_memory", 0)), int(fields.get("maxmemory", 0)))


def _number(text: bytes) -> float:
    """A moment or an amount; 0 for anything else, as anyone can write to Redis."""
    with suppress(ValueError):
        if 0 <= (number := float(text)) < _MOST:
            return number
    return 0.0
