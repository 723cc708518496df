"""All that the dashboard shows from Redis, read in one round trip."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from prewarm.cities import cell_status
from prewarm.cities.cell_status import UNKNOWN, CellStatus
from prewarm.runs import schedule
from weather.api.service import service
from weather.budget.budget import KEY as BUDGET_KEY
from weather.budget.popularity import LANDMARK, Popularity
from weather.core.cells import Cell
from weather.core.windows import BudgetWindow
from weathernote import redis
from weathernote.dashboard import spending
from weathernote.dashboard.spending import Spending
from weathernote.redis import Command, Reply, without_redis
from weathernote.telemetry import active_users
from weathernote.telemetry.active_users import Users

#: So many of the cells that people ask for are shown on the map beside the cities.
MOST_POPULAR = 50

# Only Redis knows which cells these are, so that a script reads their lives with them. In a cluster most of them are on
# other masters (-3 here; Redis' own -2 means that there is no such key), which a second round trip asks.
_POPULAR = redis.script("""
local cells = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(0', 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local lives = {}
for at = 1, #cells, 2 do
  local life = redis.pcall('TTL', 'upstream:' .. cells[at])
  lives[#lives + 1] = type(life) == 'number' and life or -3
end
return {cells, lives}
""")
_ELSEWHERE = -3
#: The statuses of so many cities are read together with all else. One timeout does not cover more, so that beyond this
#: number they are read in parts, each in a round trip of its own.
MOST_AT_ONCE = 5_000
PART = 1_000
#: Above any amount, and above any moment that `datetime` can hold.
_MOST = 1e11


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the server that was asked, in a cluster of one master; `most` is 0 where there is no limit."""

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
    popularity, price = service().popularity, service().price
    cells, *further = _parts(list(dict.fromkeys(cells)))
    active, shared_price = active_users.users(), price.shared()
    wanted: list[Command] = [
        ("TIME",),
        *shared_price.commands,
        ("HGETALL", BUDGET_KEY),
        ("INFO", "memory"),
        ("GET", schedule.LAST_GOOD_KEY),
        _POPULAR(popularity.key, MOST_POPULAR),
        _scores(popularity, cells),
        *active.commands,
    ]
    replies = redis.ask(*wanted, *map(_life, cells))
    clock, price_reply, budget, memory, last_good, popular, scores, *rest = replies
    known_price, landmark = shared_price.value([price_reply]), _landmark(scores)
    cities = _cities(popularity, known_price, cells, scores, rest[len(active.commands) :])
    for part in further:
        of_part, *lives = redis.ask(_scores(popularity, part), *map(_life, part))
        cities |= _cities(popularity, known_price, part, of_part, lives)
    return RedisSnapshot(
        cities=cities,
        popular=_popular(popular, popularity, landmark, known_price),
        spending=_spending(clock, budget),
        users=active.value(rest[: len(active.commands)]),
        memory=_memory(memory),
        last_good_run=_moment(last_good),
    )


def _parts(cells: list[Cell]) -> list[list[Cell]]:
    if len(cells) <= MOST_AT_ONCE:
        return [cells]
    return [cells[begin : begin + PART] for begin in range(0, len(cells), PART)]


def _scores(popularity: Popularity, cells: Sequence[Cell]) -> Command:
    return ("ZMSCORE", popularity.key, LANDMARK, *(cell.key for cell in cells))


def _cities(
    popularity: Popularity, price: float, cells: Sequence[Cell], scores: Reply, lives: Sequence[Reply]
) -> dict[Cell, CellStatus]:
    rates = _rates(popularity, _landmark(scores), scores, cells)
    return {cell: _status(life, rates.get(cell, 0.0), price) for cell, life in zip(cells, lives, strict=True)}


def _life(cell: Cell) -> Command:
    # A record is held for HOLD_SECONDS from its arrival: the life that is left gives its age without reading it.
    return ("TTL", f"upstream:{cell.key}")


@without_redis(returns=UNKNOWN)
def _status(life: Reply, rate: float, price: float) -> CellStatus:
    life_seconds = redis.value(life)
    age_seconds = None if life_seconds < 0 else max(0, settings.HOLD_SECONDS - life_seconds)
    return cell_status.status_of(age_seconds, rate, price)


@without_redis(returns=None)
def _landmark(scores: Reply) -> bytes | None:
    landmark: bytes | None = redis.value(scores)[0]
    return landmark


@without_redis(returns={})
def _rates(
    popularity: Popularity, landmark: bytes | None, scores: Reply, cells: Sequence[Cell]
) -> Mapping[Cell, float]:
    of_cells = zip(cells, redis.value(scores)[1:], strict=True)
    return {
        cell: popularity.request_rate(cell).value([[landmark, score]]) for cell, score in of_cells if score is not None
    }


@without_redis(returns={})
def _popular(reply: Reply, popularity: Popularity, landmark: bytes | None, price: float) -> dict[Cell, CellStatus]:
    """The most popular first."""
    cells_and_scores, lives = redis.value(reply)
    names, scores = cells_and_scores[::2], cells_and_scores[1::2]
    ranked = [
        (cell, score, life) for name, score, life in zip(names, scores, lives, strict=True) if (cell := _cell(name))
    ]
    elsewhere = [cell for cell, _, life in ranked if life == _ELSEWHERE]
    late = dict(zip(elsewhere, redis.ask(*map(_life, elsewhere)), strict=True))
    return {
        cell: _status(late.get(cell, life), popularity.request_rate(cell).value([[landmark, score]]), price)
        for cell, score, life in ranked
    }


def _cell(name: bytes) -> Cell | None:
    with suppress(ValueError):  # whoever can write to Redis may have put anything there
        return Cell.from_key(name.decode())
    return None


@without_redis(returns=None)
def _spending(clock: Reply, budget: Reply) -> Spending | None:
    seconds, _ = redis.value(clock)
    flat = redis.value(budget)
    held = {name.decode(): _number(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
    budgets: dict[BudgetWindow, int] = service().budget.quota.budgets
    return spending.read(held, budgets, float(seconds))


@without_redis(returns=None)
def _memory(reply: Reply) -> Memory | None:
    fields = redis.info_fields(redis.value(reply))
    return Memory(int(fields.get("used_memory", 0)), int(fields.get("maxmemory", 0)))


@without_redis(returns=None)
def _moment(reply: Reply) -> float | None:
    """Unix seconds; None where the reply is no moment."""
    return _number(redis.value(reply)) or None


def _number(value: Any) -> float:
    """A moment or an amount as a number; 0 for anything else, for anyone can write to Redis."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if 0 <= number < _MOST else 0.0
