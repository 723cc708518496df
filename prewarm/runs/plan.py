"""The plan of a run of prewarm: which answers to re-derive and which cells to refresh, in which order; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from weather.budget.quota import Spender
from weather.core.answers import STALE_LIFE_SECONDS, Question
from weather.core.cells import Cell
from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import Demand
from weather.core.runs.index import RunState

#: The interval of prewarm's runs, as in deploy/cron and deploy/systemd.
PERIOD_SECONDS = 600
#: The least rate of a city, in requests per second: one in each interval of prewarm.
CITY_RATE = 1 / PERIOD_SECONDS


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cell that prewarm may serve: of one or several cities, or requested lately, with what Redis holds of it."""

    cell: Cell
    #: The rest of the life of each cached answer in seconds, 0 for one that is not cached.
    lives: Mapping[Question, float]
    #: The age of the held forecast, None without one.
    age_seconds: float | None
    #: Requests per second over the last day.
    rate: float = 0.0
    cities: tuple[str, ...] = ()
    #: Its last refresh failed while others succeeded: it may make a shared call fail, so it is fetched alone.
    is_suspect: bool = False
    #: Its record beside the runs of its model; None where that is refreshed at intervals.
    by_runs: RunState | None = None

    @property
    def is_missing(self) -> bool:
        """Whether one of its answers is not cached."""
        return any(life <= 0 for life in self.lives.values())

    @property
    def is_cold_city(self) -> bool:
        """Whether it is a city without a held forecast."""
        return bool(self.cities) and self.age_seconds is None

    @property
    def name(self) -> str:
        """The names of its cities, else the key of the cell."""
        return " / ".join(self.cities) or self.cell.key

    def interval_seconds(self, price: float) -> float:
        """The refresh interval at this price of freshness."""
        rate = max(self.rate, CITY_RATE) if self.cities else self.rate
        return refresh_interval.interval_seconds(rate, price)

    def lateness(self, price: float) -> float:
        """How late its refresh is: due from 1 on, infinite without a held forecast.

        It is by the runs of its model, or else the age in refresh intervals.
        """
        if self.age_seconds is None:
            return float("inf")
        return self.by_runs.lateness(price) if self.by_runs else self.age_seconds / self.interval_seconds(price)


@dataclass(frozen=True, slots=True)
class Rederivation:
    """Answers of a cell to derive again from its held forecast; `stale` if that is due for a refresh."""

    cell: Cell
    questions: tuple[Question, ...]
    stale: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do: first the rederivations, then the refreshes, each in its list's order.

    `past_limit` counts due cells beyond the limit; `unpaid` are due cells that the budget does not cover.
    """

    rederivations: list[Rederivation] = field(default_factory=list)
    refresh: list[Candidate] = field(default_factory=list)
    past_limit: int = 0
    unpaid: list[Candidate] = field(default_factory=list)
    #: How many cells of cities need no refresh.
    cities_in_order: int = 0

    @property
    def left_out(self) -> int:
        """How many due cells are not refreshed."""
        return self.past_limit + len(self.unpaid)


@dataclass(frozen=True, slots=True)
class Batch:
    """The cells of one call, whose weight is charged to `spender`."""

    spender: Spender
    candidates: list[Candidate]


def common_price(demands: Iterable[Demand], cities: int, weight_of_a_cell: float, weight_per_second: float) -> float:
    """The fleet's price of freshness, with each of `cities` counted as asked for at CITY_RATE.

    `demands` are those of all datasets; a city's cell weighs `weight_of_a_cell`, all refreshes `weight_per_second`.
    """
    return refresh_interval.price_of(
        [*demands, Demand([(CITY_RATE, cities)], weight=weight_of_a_cell)], weight_per_second
    )


def plan(
    candidates: Iterable[Candidate],
    *,
    price: float,
    seconds_to_next_run: float,
    force: bool = False,
    limit: int | None = None,
    budget_left: int | None = None,
) -> Plan:
    """The plan for `candidates`, which are ordered: cities by staff's order, then others by popularity.

    Cities are refreshed first: those without a held forecast, then the most overdue. Then come other cells that lack a
    run of their model, those that are worth most first, and the others in the order of `candidates`. `limit` and
    `budget_left` bound the refreshes, in cells.
    """
    candidates = list(candidates)
    rederivations = [one for candidate in candidates if (one := _rederivation(candidate, price, seconds_to_next_run))]
    lives = {
        candidate.cell: min(candidate.lives.values(), default=0) for candidate in candidates if not candidate.is_missing
    }
    cities = {candidate.cell for candidate in candidates if candidate.cities}
    # Answers that still live come first, in the order in which they expire; those that are gone already come last.
    rederivations.sort(key=lambda one: (one.cell not in cities, lives.get(one.cell, float("inf"))))
    due = sorted(
        (candidate for candidate in candidates if candidate.cities and (force or candidate.lateness(price) >= 1)),
        key=lambda candidate: (candidate.is_suspect, -candidate.lateness(price)),
    )
    cities_due = len(due)
    others = [candidate for candidate in candidates if not candidate.cities and _is_due(candidate, price)]
    due += sorted(others, key=lambda candidate: -candidate.by_runs.worth if candidate.by_runs else 0.0)
    wanted = due[:limit]
    paid = len(wanted) if budget_left is None else budget_left
    return Plan(rederivations, wanted[:paid], len(due) - len(wanted), wanted[paid:], len(cities) - cities_due)


def _is_due(candidate: Candidate, price: float) -> bool:
    # A cell without a held forecast waits for its next request; only cities are fetched without one.
    return candidate.age_seconds is not None and candidate.lateness(price) >= 1


def _rederivation(candidate: Candidate, price: float, seconds_to_next_run: float) -> Rederivation | None:
    if candidate.age_seconds is None:
        return None
    stale = candidate.lateness(price) >= 1
    # A stale answer lives STALE_LIFE_SECONDS only, so it must not replace one that lives longer.
    enough_seconds = STALE_LIFE_SECONDS if stale else seconds_to_next_run
    questions = tuple(question for question, life in candidate.lives.items() if life < enough_seconds)
    return Rederivation(candidate.cell, questions, stale) if questions else None


def batches(refresh: Iterable[Candidate], size: int, *, force: bool) -> Iterator[Batch]:
    """Batches of at most `size` candidates of one spender, roughly in the given order.

    Suspects come last, each alone.
    """
    waiting: dict[Spender, list[Candidate]] = {}
    alone = []
    for candidate in refresh:
        spender: Spender = "cold" if force and candidate.cities else "refresh"
        if candidate.is_suspect:
            alone.append(Batch(spender, [candidate]))
            continue
        together = waiting.setdefault(spender, [])
        together.append(candidate)
        if len(together) == size:
            yield Batch(spender, waiting.pop(spender))
    for spender, together in waiting.items():
        yield Batch(spender, together)
    yield from alone
