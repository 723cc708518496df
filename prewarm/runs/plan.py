"""Which answers a run of prewarm is to work out anew, and which cells to refresh, in which order; pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from weather.budget.quota import Spender
from weather.core import freshness
from weather.core.answers import STALE_LIFE_SECONDS, Question
from weather.core.cells import Cell
from weather.core.freshness import Rates

#: cron runs prewarm so often; deploy/cron and deploy/systemd say the same.
PERIOD_SECONDS = 600
#: A city counts as asked for at least as often as prewarm looks at it.
CITY_RATE = 1 / PERIOD_SECONDS


@dataclass(frozen=True, slots=True)
class Place:
    """A cell that people ask for, or staff's city (or cities) with its names, and what is there of it."""

    cell: Cell
    #: The seconds for which each finished answer lives on; 0 for one that is not there.
    lives: Mapping[Question, float]
    #: None where nothing is held.
    age_seconds: float | None
    #: Requests per second over the last day.
    rate: float = 0.0
    cities: tuple[str, ...] = ()
    #: Its last refresh failed where others' went well: it would spoil their call.
    is_suspect: bool = False

    @property
    def is_missing(self) -> bool:
        return any(life <= 0 for life in self.lives.values())

    @property
    def is_cold_city(self) -> bool:
        return bool(self.cities) and self.age_seconds is None

    @property
    def name(self) -> str:
        return " / ".join(self.cities) or self.cell.key

    def interval_seconds(self, price: float) -> float:
        rate = max(self.rate, CITY_RATE) if self.cities else self.rate
        return freshness.interval_seconds(rate, price)

    def lateness(self, price: float) -> float:
        """Its age in intervals: from 1 on it is due; endless where nothing is held."""
        return float("inf") if self.age_seconds is None else self.age_seconds / self.interval_seconds(price)


@dataclass(frozen=True, slots=True)
class Anew:
    """Answers to work out from what is held of their cell; stale ones where it is due."""

    cell: Cell
    questions: tuple[Question, ...]
    stale: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order. Due were also so many past the limit, and `unpaid`, for which there is no budget."""

    anew: list[Anew] = field(default_factory=list)
    refresh: list[Place] = field(default_factory=list)
    past_limit: int = 0
    unpaid: list[Place] = field(default_factory=list)
    #: Cities that need no refresh.
    cities_in_order: int = 0

    @property
    def left_out(self) -> int:
        return self.past_limit + len(self.unpaid)


@dataclass(frozen=True, slots=True)
class Batch:
    """Cells for one call."""

    slot: int
    spender: Spender
    places: list[Place]


def common_price(census: Rates, cities: int, refreshes_per_second: float) -> float:
    """The price of freshness as the fleet works it out, with the cities among those who ask."""
    return freshness.price_of([*census, (CITY_RATE, cities)], refreshes_per_second)


def plan(
    places: Iterable[Place],
    *,
    price: float,
    seconds_to_next_run: float,
    force: bool = False,
    limit: int | None = None,
    budget_left: int | None = None,
) -> Plan:
    """Places come with the most asked-for first, cities in staff's order.

    Refreshed are cities first, those of which nothing is held before the most overdue, then other cells as they came.
    """
    places = list(places)
    anew = [one for place in places if (one := _anew(place, price, seconds_to_next_run))]
    lives = {place.cell: min(place.lives.values(), default=0) for place in places if not place.is_missing}
    cities = {place.cell for place in places if place.cities}
    # What is missing already stands last: the others end one by one meanwhile, in the order in which they were written.
    anew.sort(key=lambda one: (one.cell not in cities, lives.get(one.cell, float("inf"))))
    due = sorted(
        (place for place in places if place.cities and (force or place.lateness(price) >= 1)),
        key=lambda place: (place.is_suspect, -place.lateness(price)),
    )
    cities_due = len(due)
    due += [place for place in places if not place.cities and _is_due(place, price)]
    wanted = due[:limit]
    paid = len(wanted) if budget_left is None else budget_left
    return Plan(anew, wanted[:paid], len(due) - len(wanted), wanted[paid:], len(cities) - cities_due)


def _is_due(place: Place, price: float) -> bool:
    # A cell of which nothing is held waits for its next request: only a city is fetched though nobody asks.
    return place.age_seconds is not None and place.lateness(price) >= 1


def _anew(place: Place, price: float, seconds_to_next_run: float) -> Anew | None:
    if place.age_seconds is None:
        return None
    stale = place.lateness(price) >= 1
    # A stale answer bridges the minute until the refresh; it must not take the place of one that lives longer.
    enough_seconds = STALE_LIFE_SECONDS if stale else seconds_to_next_run
    questions = tuple(question for question, life in place.lives.items() if life < enough_seconds)
    return Anew(place.cell, questions, stale) if questions else None


def batches(refresh: Iterable[Place], size: int, slot_of: Callable[[Cell], int], *, force: bool) -> Iterator[Batch]:
    """Places of one slot and spender together, in about their order; suspects alone, and last."""
    waiting: dict[tuple[int, Spender], list[Place]] = {}
    alone = []
    for place in refresh:
        spender: Spender = "cold" if force and place.cities else "refresh"
        if place.is_suspect:
            alone.append(Batch(slot_of(place.cell), spender, [place]))
            continue
        key = (slot_of(place.cell), spender)
        together = waiting.setdefault(key, [])
        together.append(place)
        if len(together) == size:
            yield Batch(*key, waiting.pop(key))
    for key, together in waiting.items():
        yield Batch(*key, together)
    yield from alone
