"""What the plan of a run follows from: cells by city and by request, the price of freshness, and the budget."""

from prewarm.cities.models import City
from prewarm.runs import plan, schedule
from prewarm.runs.plan import Plan
from prewarm.runs.retry import with_retries
from prewarm.runs.survey import recently_requested, survey
from weather.api.service import Service, service
from weather.core.windows import BudgetWindow


def plan_run(
    cities: list[City], suspects: frozenset[str], *, force: bool, limit: int | None, notes_models: bool
) -> Plan:
    """The plan of a run now, by the budget and the price of freshness. Raises RedisDown.

    With `notes_models` the runs of the cities' models are followed from now on, however few ask for them.
    """
    one = service()
    budget = one.budget
    budget.synchronize()
    if one.runs:
        one.runs.known.read()
        if notes_models:
            one.runs.known.table.note_used({one.runs.known.model_of(city.as_cell).name for city in cities}, one.now())
    left, weight_of_a_cell = budget.remaining(), one.round.weight_of_a_cell
    return plan.plan(
        survey(one, cities, recently_requested(one), suspects),
        price=_price(one, len(cities)),
        seconds_to_next_run=with_retries(schedule.seconds_to_next_run),
        force=force,
        limit=limit,
        budget_left=int(left[tighter_window(left)] / weight_of_a_cell),
    )


def _price(one: Service, cities: int) -> float:
    """The price of freshness: where runs are known the fleet's, computed if there is none.

    Else it is one with so many cities counted as asked for.
    """
    if one.price.follows_runs():
        # At a price of nothing, that is not known yet, all that lacks a run would be due.
        with_retries(one.price.read)
        return one.price.value
    demands = with_retries(one.price.demands)
    return plan.common_price(demands, cities, one.round.weight_of_a_cell, one.budget.refresh_weight_per_second())


def tighter_window(left: dict[BudgetWindow, int]) -> BudgetWindow:
    """The hour or the day, whichever has less left; the minute does not count, as a run can wait for its end."""
    return "day" if left["day"] <= left["hour"] else "hour"
