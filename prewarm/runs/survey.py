"""What is there of the cells that prewarm is for: staff's active cities, and the cells that people ask for now."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from prewarm.cities.models import City
from prewarm.runs.plan import Place
from prewarm.runs.retry import patiently
from weather.api.answer_cache import USUAL_DAYS
from weather.api.answering import Service
from weather.core.answers import Question
from weather.core.cells import Cell

#: Whoever asked within these seconds, with prewarm every ten minutes, may well ask again before the next run.
ASKED_WITHIN_SECONDS = 1800
MOST_CELLS = 10_000

#: One timeout of 80 ms covers a round trip: so many small replies, or held records, or cells' finished answers.
_LOOKS, _RECORDS, CELLS_AT_ONCE = 400, 100, 25

T = TypeVar("T")


def asked_for_of_late(service: Service) -> list[Cell]:
    """The most popular first."""
    recent = service.popularity.recent
    return recent.asked_for_within(ASKED_WITHIN_SECONDS, MOST_CELLS) if recent else []


def survey(
    service: Service, cities: Iterable[City], others: Iterable[Cell] = (), suspects: Collection[str] = ()
) -> list[Place]:
    """A place for each cell of the cities, in staff's order, then for each of the others. RedisDown without Redis."""
    names: dict[Cell, list[str]] = {}
    for city in cities:
        names.setdefault(city.as_cell, []).append(city.name)
    cells = list(dict.fromkeys([*names, *others]))
    fetched: dict[Cell, int] = {}
    lives: dict[Question, float] = {}
    rates: dict[Cell, float] = {}
    for some in chunks(cells, _RECORDS):
        fetched |= patiently(partial(service.store.fetched_at_of, some))
    for asked in chunks([question for cell in cells for question in questions(cell)], _LOOKS):
        lives |= patiently(partial(service.cache.lives_of, asked))
    for some in chunks(cells, _LOOKS):
        rates |= service.popularity.rates(some)
    now = service.now()
    return [
        Place(
            cell,
            {question: lives[question] for question in questions(cell)},
            now - fetched[cell] if cell in fetched else None,
            rates.get(cell, 0.0),
            tuple(names.get(cell, ())),
            any(name in suspects for name in names.get(cell, ())),
        )
        for cell in cells
    ]


def questions(cell: Cell) -> tuple[Question, Question]:
    """What phones ask for, and what is kept for ten minutes."""
    return Question(cell), Question(cell, USUAL_DAYS)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
