"""The positions in the chart of the day's budget."""

import pytest

from tests.weathernote.dashboard.test_spending import spent
from weathernote.dashboard import budget_chart

pytestmark = pytest.mark.pure


def test_the_bars_stand_on_each_other_and_never_leave_the_drawing():
    drawn = budget_chart.chart(spent(12_000, 7000))
    assert drawn.refreshes.y == budget_chart.TOP
    assert drawn.refreshes.y + drawn.refreshes.height == drawn.new_places.y
    assert drawn.new_places.y + drawn.new_places.height == budget_chart.BOTTOM
    assert drawn.now == (budget_chart.LEFT + budget_chart.RIGHT) / 2
