"""What the dashboard shows of Redis: all of it in one look."""

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

#: So many of the cells that people ask for stand on the map beside the cities.
MOST_ASKED = 50

# Which cells these are is known only when Redis has said so; their lives come in the same breath. In a cluster other
# masters have most of them (-3, where Redis itself says -2 for what is not there), and are asked in a second look.
_ASKED = redis.script("""
local cells = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(0', 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local lives = {}
for at = 1, #cells, 2 do
  local life = redis.pcall('TTL', 'upstream:' .. cells[at])
  lives[#lives + 1] = type(life) == 'number' and life or -3
end
return {cells, lives}
""")
_ELSEWHERE = -3
#: So many cities are asked about in the same breath as all else. More than that no single timeout is made for, so they
#: are asked about in parts.
MOST_AT_ONCE = 5_000
PART = 1_000
#: Beyond any amount, and any moment that a calendar knows.
_MOST = 1e11


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the server that was asked, of a cluster one master; `most` is 0 where it is not bounded."""

    used: int
    most: int


@dataclass(frozen=True, slots=True)
class Glance:
    """None or unknown stands for what Redis does not say."""

    cities: dict[Cell, CellStatus]
    asked: dict[Cell, CellStatus] = field(default_factory=dict)
    spending: Spending | None = None
    users: Users | None = None
    memory: Memory | None = None
    last_good_run: float | None = None

    @property
    def is_redis_gone(self) -> bool:
        return self.memory is None


def glance(cells: Sequence[Cell]) -> Glance:
    """How the cells stand, what people ask for and what is spent: in one round trip, in a cluster two.

    Beyond `MOST_AT_ONCE` cells it is one more for each further `PART` of them.
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
        _ASKED(popularity.key, MOST_ASKED),
        _scores(popularity, cells),
        *active.commands,
    ]
    replies = redis.ask(*wanted, *map(_life, cells))
    clock, said_price, budget, memory, last_good, asked, scores, *rest = replies
    known_price, landmark = shared_price.value([said_price]), _landmark(scores)
    cities = _cities(popularity, known_price, cells, scores, rest[len(active.commands) :])
    for part in further:
        of_part, *lives = redis.ask(_scores(popularity, part), *map(_life, part))
        cities |= _cities(popularity, known_price, part, of_part, lives)
    return Glance(
        cities=cities,
        asked=_asked(asked, popularity, landmark, known_price),
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
    return {cell: _standing(life, rates.get(cell, 0.0), price) for cell, life in zip(cells, lives, strict=True)}


def _life(cell: Cell) -> Command:
    # A record is held for HOLD_SECONDS from the moment that it comes: what is left tells its age, in a few bytes.
    return ("TTL", f"upstream:{cell.key}")


@without_redis(returns=UNKNOWN)
def _standing(life: Reply, rate: float, price: float) -> CellStatus:
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
def _asked(reply: Reply, popularity: Popularity, landmark: bytes | None, price: float) -> dict[Cell, CellStatus]:
    """The most popular first."""
    said, lives = redis.value(reply)
    names, scores = said[::2], said[1::2]
    ranked = [
        (cell, score, life) for name, score, life in zip(names, scores, lives, strict=True) if (cell := _cell(name))
    ]
    elsewhere = [cell for cell, _, life in ranked if life == _ELSEWHERE]
    late = dict(zip(elsewhere, redis.ask(*map(_life, elsewhere)), strict=True))
    return {
        cell: _standing(late.get(cell, life), popularity.request_rate(cell).value([[landmark, score]]), price)
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
    lines = redis.value(reply).decode("utf-8", "replace").splitlines()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return Memory(int(told.get("used_memory", 0)), int(told.get("maxmemory", 0)))


@without_redis(returns=None)
def _moment(reply: Reply) -> float | None:
    """Unix seconds; None where nothing of that kind is there."""
    return _number(redis.value(reply)) or None


def _number(value: Any) -> float:
    """Of a moment or an amount; 0 for what is neither, for anyone can write to Redis."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if 0 <= number < _MOST else 0.0
