"""What is spent of the day's budget, and the line that limits refreshes."""

import pytest

from weather.budget import day_line
from weathernote.dashboard import spending
from weathernote.dashboard.spending import Spending

NOON = 20_000 * 86_400 + 43_200

pytestmark = pytest.mark.pure


def spent(total: int, refreshed: int, *, budget: int = 10_000, now: float = NOON) -> Spending:
    held = {"day:start": NOON - 43_200, "day:spent": total, "refreshed": refreshed}
    return spending.read(held, {"minute": 600, "hour": 5000, "day": budget}, now)


def test_the_line_is_the_one_that_refreshes_keep_to():
    shown = spent(900, 0)
    assert shown.line_at(0.5) == 900 + 100 + 9100 * day_line.line(0.5)
    assert spent(0, 0).line_at(0) == 100 and spent(0, 0).line_at(1) == 9900


def test_a_day_that_is_over_is_not_spent_yet():
    tomorrow = spent(900, 500, now=NOON + 86_400)
    assert (tomorrow.spent, tomorrow.refreshed, tomorrow.left["day"]) == (0, 0, 10_000)
