"""The refresh interval: the square-root rule, its price, and what is due."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import Aging, Demand, calls_per_second, interval_seconds

pytestmark = pytest.mark.pure

DAY = 86_400
SHORTEST_SECONDS, LONGEST_SECONDS = 600, 44 * 3600
#: A few popular cells and many rare ones, by requests a day.
TOWNS = [(50_000 / DAY, 5), (5_000 / DAY, 100), (800 / DAY, 900), (100 / DAY, 1_000)]


def spent(rates, price):
    return sum(number * calls_per_second(rate, interval_seconds(rate, price)) for rate, number in rates)


def price_of(rates, budget):
    return refresh_interval.price_of([Demand(rates)], budget)


def summed_age(rates, interval_of):
    """Ages seen per second: y/2 + 1/(2y) for each cell."""
    ages = ((number, rate * interval_of(rate) + 1) for rate, number in rates)
    return sum(number * (y / 2 + 1 / (2 * y)) for number, y in ages)


def powers_of_ten(low, high):
    return st.floats(low, high).map(lambda power: 10**power)


def cost(rate, price, interval):
    """The docstring's: the ages that are seen in a second and the calls at their price, beside an interval of 0."""
    passed = rate * interval
    return (passed**2 / 2 - price * rate * passed) / (1 + passed)


def cheapest(rate, price):
    """Where the cost is least between ten minutes and 44 hours, by search."""
    low, high = float(SHORTEST_SECONDS), float(LONGEST_SECONDS)
    while high - low > 1e-3:
        third = (high - low) / 3
        if cost(rate, price, low + third) < cost(rate, price, high - third):
            high -= third
        else:
            low += third
    return low


@given(powers_of_ten(-6, 2), powers_of_ten(1, 9))
def test_the_interval_is_where_the_ages_and_the_calls_at_their_price_cost_least(rate, price):
    assert interval_seconds(rate, price) == pytest.approx(cheapest(rate, price), rel=1e-3)


@given(
    st.lists(st.tuples(powers_of_ten(-6, 2), st.integers(1, 10_000)), min_size=1, max_size=6),
    st.floats(0.001, 0.999),
)
def test_the_price_spends_exactly_the_budget(rates, part):
    most, least = (
        sum(number * calls_per_second(rate, interval) for rate, number in rates)
        for interval in (SHORTEST_SECONDS, LONGEST_SECONDS)
    )
    budget = least + part * (most - least)
    assert spent(rates, price_of(rates, budget)) == pytest.approx(budget, rel=1e-6)
    assert spent(rates, price_of(rates, budget)) <= budget
    assert price_of(rates, most) == 0


@given(powers_of_ten(-6, 2), powers_of_ten(2.8, 5.1))
def test_a_refresh_is_paid_for_by_the_request_after_the_interval(rate, interval):
    assert 1 / calls_per_second(rate, interval) == pytest.approx(interval + 1 / rate)


@pytest.mark.parametrize("budget", [3_000, 10_000, 100_000])
def test_the_price_makes_the_calls_come_to_the_budget(budget):
    assert spent(TOWNS, price_of(TOWNS, budget / DAY)) * DAY == pytest.approx(budget, rel=1e-6)


def test_four_times_the_requests_halve_the_interval_of_popular_cells():
    price = price_of(TOWNS, 10_000 / DAY)
    assert interval_seconds(0.1, price) / interval_seconds(0.4, price) == pytest.approx(2, rel=0.01)


def test_no_other_intervals_for_the_same_calls_give_a_lower_age():
    budget = 10_000 / DAY
    price = price_of(TOWNS, budget)
    best = {rate: interval_seconds(rate, price) for rate, _ in TOWNS}
    lowest = summed_age(TOWNS, best.get)
    for seed in range(200):
        chance = random.Random(seed)
        stretched = {rate: interval * chance.uniform(0.8, 1.25) for rate, interval in best.items()}
        low, high = 0.1, 10.0
        for _ in range(50):  # what makes the stretched intervals cost the same
            middle = math.sqrt(low * high)
            calls = sum(number * calls_per_second(rate, stretched[rate] * middle) for rate, number in TOWNS)
            low, high = (low, middle) if calls < budget else (middle, high)
        assert summed_age(TOWNS, {rate: interval * high for rate, interval in stretched.items()}.get) >= lowest


def test_the_formula_for_the_age_is_what_requests_without_memory_see():
    chance, rate, interval = random.Random(4), 1 / 3_000, 10_000
    clock = fetched_at = ages = requests = calls = 0.0
    while requests < 200_000:
        clock += chance.expovariate(rate)
        ages += clock - fetched_at
        requests += 1
        if clock - fetched_at >= interval:
            fetched_at, calls = clock, calls + 1
    assert ages / clock == pytest.approx(summed_age([(rate, 1)], lambda _: interval), rel=0.02)
    assert calls / clock == pytest.approx(calls_per_second(rate, interval), rel=0.02)


def test_with_few_cells_everything_is_ten_minutes_fresh():
    price = price_of([(1.0, 10), (0.01, 20)], 10_000 / DAY)
    assert price == 0 and interval_seconds(1.0, price) == interval_seconds(0.01, price) == SHORTEST_SECONDS


def test_what_cells_at_the_shortest_interval_leave_over_goes_to_the_others():
    rates = [(1_000.0, 1), (0.01, 500)]
    price = price_of(rates, 10_000 / DAY)
    assert interval_seconds(1_000.0, price) == SHORTEST_SECONDS
    assert spent(rates, price) * DAY == pytest.approx(10_000, rel=1e-6)


def test_a_cell_that_nobody_asked_for_has_the_longest_interval():
    assert interval_seconds(0, 1e9) == LONGEST_SECONDS


def test_a_hopeless_budget_gives_the_longest_interval_and_no_error():
    assert interval_seconds(1e-3, price_of([(1e-3, 1_000_000)], 1 / DAY)) == LONGEST_SECONDS


def test_due_when_the_interval_is_over():
    assert not refresh_interval.is_due(3599, 3600) and refresh_interval.is_due(3600, 3600)


@pytest.mark.parametrize(
    ("age_hours", "interval_hours", "waits"),
    [(3, 0.5, False), (3.001, 0.5, True), (3.001, 1.5, True), (8, 4, False), (8.001, 4, True)],
)
def test_only_what_is_old_for_its_cell_is_worth_a_wait(age_hours, interval_hours, waits):
    assert refresh_interval.should_wait(age_hours * 3600, interval_hours * 3600) is waits


def test_a_record_that_is_due_at_any_rate_and_any_price_is_ending():
    longest = interval_seconds(1e-9, 1e12)
    assert refresh_interval.is_ending(longest) and not refresh_interval.is_ending(longest - 1)


# ── two datasets, one price ───────────────────────────────────────────────────────────────────────

#: A dataset whose hours of age count an eighth, and whose cells are refreshed every six hours at most.
SLOW = Aging(worth=1 / 8, shortest_seconds=6 * 3600)
FIFTH = [(rate / 5, number) for rate, number in TOWNS]


def weight_of(demands, price):
    return sum(
        number * weight * calls_per_second(rate, interval_seconds(rate, price, aging))
        for rates, aging, weight, _ in demands
        for rate, number in rates
    )


@pytest.mark.parametrize("weight", [1.0, 1.5])
def test_the_calls_of_both_datasets_come_to_the_budget_together(weight):
    demands = [Demand(TOWNS, weight=weight), Demand(FIFTH, SLOW)]
    price = refresh_interval.price_of(demands, 5_000 / DAY)
    assert weight_of(demands, price) == pytest.approx(5_000 / DAY, rel=1e-6)
    assert weight_of(demands[1:], price) > 0
    assert price > refresh_interval.price_of(demands[:1], 5_000 / DAY)


@pytest.mark.parametrize("budget", [5_000, 50_000])
def test_a_late_dataset_leaves_most_of_the_budget_to_the_others(budget):
    first, late = Demand(TOWNS), Demand([(rate, 100 * number) for rate, number in TOWNS], SLOW, is_late=True)
    price = refresh_interval.price_of([first, late], budget / DAY)
    assert price == pytest.approx(refresh_interval.price_of([first], refresh_interval.FIRST_PART * budget / DAY))
    assert price < refresh_interval.price_of([first, late._replace(is_late=False)], budget / DAY)


def test_a_late_dataset_alone_has_the_whole_budget():
    late = Demand(FIFTH, SLOW, is_late=True)
    price = refresh_interval.price_of([Demand([]), late], 2_000 / DAY)
    assert weight_of([late], price) == pytest.approx(2_000 / DAY, rel=1e-6)


def test_an_eighth_of_the_worth_is_eight_times_the_price():
    price = 1e6
    assert interval_seconds(0.01, price, SLOW) == interval_seconds(0.01, 8 * price) > SLOW.shortest_seconds


def test_a_dataset_has_its_own_shortest_interval_and_all_have_the_same_longest():
    assert interval_seconds(1.0, 0, SLOW) == 6 * 3600
    assert interval_seconds(1e-9, 1e12, SLOW) == LONGEST_SECONDS


def test_no_other_split_between_the_datasets_has_a_smaller_sum_of_weighed_ages():
    rates, budget = [(1 / 600, 1_000)], 6_000 / DAY
    demands = [Demand(rates), Demand(rates, Aging(worth=1 / 8))]
    best = refresh_interval.price_of(demands, budget)

    def loss(share):
        prices = [
            refresh_interval.price_of([demand], part * budget)
            for demand, part in zip(demands, (1 - share, share), strict=True)
        ]
        return sum(
            demand.aging.worth * summed_age(rates, lambda rate, p=price, a=demand.aging: interval_seconds(rate, p, a))
            for demand, price in zip(demands, prices, strict=True)
        )

    share = weight_of(demands[1:], best) / budget
    assert loss(share) <= min(loss(share * 0.8), loss(share * 1.2))
