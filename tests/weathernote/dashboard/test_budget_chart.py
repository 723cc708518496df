"""The positions in the chart of the day's budget."""

import pytest

from tests.weathernote.dashboard.test_spending import NOON, spent
from weathernote.dashboard import budget_chart, spending

pytestmark = pytest.mark.pure


def test_the_bars_stand_on_each_other_and_never_leave_the_drawing():
    drawn = budget_chart.chart(spent(12_000, 7000))
    assert drawn.refreshes.y == budget_chart.TOP
    assert drawn.refreshes.y + drawn.refreshes.height == drawn.new_places.y
    assert drawn.new_places.y + drawn.new_places.height == budget_chart.BOTTOM
    assert drawn.now == (budget_chart.LEFT + budget_chart.RIGHT) / 2


def test_the_largest_share_has_the_longest_bar_and_the_others_are_in_proportion():
    held = {"spent:weather:refresh": 900, "spent:weather:cold": 1500, "spent:air_quality:refresh": 600}
    day = {"day:start": NOON - 43_200, "day:spent": 3000, "refreshed": 1500}
    weather, air = budget_chart.rows(spending.read(day | held, {"minute": 600, "hour": 5000, "day": 10_000}, NOON))
    assert (weather.name, weather.refreshes, weather.new_places) == ("Weather", "900", "1,500")
    assert weather.refreshes_length + weather.new_places_length == budget_chart.LENGTH
    assert (air.name, air.refreshes_length, air.new_places_length) == ("Air quality", budget_chart.LENGTH / 4, 0)


def test_with_nothing_spent_no_bar_is_drawn():
    assert [row.refreshes_length + row.new_places_length for row in budget_chart.rows(spent(0, 0))] == [0, 0]
