"""What is spent of the day's budget, and the line that limits refreshes."""

import pytest

from weather.budget import day_line
from weather.core.windows import BudgetWindow
from weathernote.dashboard import spending
from weathernote.dashboard.spending import Share, Spending

NOON = 20_000 * 86_400 + 43_200

pytestmark = pytest.mark.pure


def spent(total: int, refreshed: int, *, budget: int = 10_000, now: float = NOON) -> Spending:
    held = {"day:start": NOON - 43_200, "day:spent": total, "refreshed": refreshed}
    return spending.read(held, {"minute": 600, "hour": 5000, "day": budget}, now)


def test_the_line_is_the_one_that_refreshes_keep_to():
    shown = spent(900, 0)
    assert shown.line_at(0.5) == 900 + 100 + 9100 * day_line.line(0.5)
    assert spent(0, 0).line_at(0) == 100 and spent(0, 0).line_at(1) == 9900


def test_refreshes_for_runs_are_refreshes_though_they_keep_to_no_pace():
    day = {"day:start": NOON - 43_200, "day:spent": 4000, "refreshed": 500, "day:of_runs": 3000}
    shown = spending.read(day, {"minute": 600, "hour": 5000, "day": 10_000}, NOON)
    assert (shown.refreshed, shown.on_new_places) == (3500, 500)
    assert [shown.line_at(part) for part in (0, 0.5, 1)] == pytest.approx([8000, 9000, 9900])


def test_a_day_that_is_over_is_not_spent_yet():
    tomorrow = spent(900, 500, now=NOON + 86_400)
    assert (tomorrow.spent, tomorrow.refreshed, tomorrow.left["day"]) == (0, 0, 10_000)


def test_each_dataset_has_its_share_of_the_day():
    held = {"spent:weather:refresh": 30, "spent:weather:cold": 9, "spent:air_quality:cold": 2, "spent:tides:cold": 5}
    day = {"day:start": NOON - 43_200, "day:spent": 50, "refreshed": 30}
    budgets: dict[BudgetWindow, int] = {"minute": 600, "hour": 5000, "day": 10_000}
    shown = spending.read(day | held, budgets, NOON)
    assert shown.shares == {"weather": Share(30, 9), "air_quality": Share(0, 2)}
    assert shown.of_no_dataset == 9
    tomorrow = spending.read(day | held, budgets, NOON + 86_400)
    assert tomorrow.shares == {"weather": Share(0, 0), "air_quality": Share(0, 0)} and tomorrow.of_no_dataset == 0
