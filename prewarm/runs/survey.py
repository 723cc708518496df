"""What Redis holds for the cells that prewarm serves: those of active cities, and those asked for lately."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from prewarm.cities.models import City
from prewarm.runs.plan import CITY_RATE, Candidate
from prewarm.runs.retry import with_retries
from weather.api.service import Service
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import USUAL_DAYS, WEATHER
from weather.core.runs.index import RunState

#: A cell that was asked for within this time is likely to be asked for again before the next run.
RECENT_SECONDS = 1800
MOST_CELLS = 10_000

# How much fits into one round trip within its timeout of 80 ms.
#: Commands with small replies: lives of answers, rates of cells.
_SMALL_REPLIES = 400
#: Held records that are read.
_RECORDS = 100
#: Cells whose answers are written.
CELLS_AT_ONCE = 25

T = TypeVar("T")


def recently_requested(service: Service) -> list[Cell]:
    """At most MOST_CELLS cells that were asked for within RECENT_SECONDS, the most popular first."""
    recent = service.popularity.recent
    return recent.asked_for_within(RECENT_SECONDS, MOST_CELLS) if recent else []


def survey(
    service: Service, cities: Iterable[City], others: Iterable[Cell] = (), suspects: Collection[str] = ()
) -> list[Candidate]:
    """One Candidate for each cell of the cities, in staff's order, then for each of `others`.

    `suspects` are names of cities whose last refresh failed. Raises RedisDown without Redis.
    """
    names: dict[Cell, list[str]] = {}
    for city in cities:
        names.setdefault(city.as_cell, []).append(city.name)
    cells = list(dict.fromkeys([*names, *others]))
    fetched: dict[Cell, int] = {}
    lives: dict[Question, float] = {}
    rates: dict[Cell, float] = {}
    for part in chunks(cells, _RECORDS):
        fetched |= with_retries(partial(service.store.fetched_at_of, part))
    for asked in chunks([question for cell in cells for question in questions(cell)], _SMALL_REPLIES):
        lives |= with_retries(partial(service.cache.lives_of, asked))
    for part in chunks(cells, _SMALL_REPLIES):
        rates |= service.popularity.rates(part)
    now = service.now()
    return [
        Candidate(
            cell,
            {question: lives[question] for question in questions(cell)},
            now - fetched[cell] if cell in fetched else None,
            rates.get(cell, 0.0),
            tuple(names.get(cell, ())),
            any(name in suspects for name in names.get(cell, ())),
            by_runs(service, cell, fetched.get(cell), rates.get(cell, 0.0), is_city=cell in names),
        )
        for cell in cells
    ]


def by_runs(service: Service, cell: Cell, fetched_at: float | None, rate: float, *, is_city: bool) -> RunState | None:
    """The record of a cell, fetched then (unix seconds), beside the runs of its model; None where it has intervals.

    A city counts as asked for at CITY_RATE at least.
    """
    if fetched_at is None:
        return None
    return service.rule.by_runs(cell, fetched_at, rate, service.now(), CITY_RATE if is_city else 0.0)


def questions(cell: Cell) -> tuple[Question, Question]:
    """The two answers of a cell that prewarm keeps: /weather, and /forecast with the usual number of days."""
    return Question(WEATHER, cell), Question(WEATHER, cell, USUAL_DAYS)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in slices of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
