"""A round alone: what it asks for, holds and releases, and what its result says of that."""

from dataclasses import replace

import pytest

from tests.support.staged.fetching import CELLS, Alone, Fetching, NoStore, Purse, Upstream
from tests.support.weather.series import a_series
from weather.budget.quota import Denied
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.fetching.fetch_queue import Lease
from weather.fetching.round_result import BudgetSpent
from weather.upstream.errors import NoWeatherHere, UpstreamRefused, UpstreamUnavailable
from weathernote.redis import Lookup

pytestmark = pytest.mark.pure


def lease(cold=(), refresh=()):
    return Lease(0, "token", list(cold), list(refresh))


def test_it_asks_for_what_is_not_known_in_one_call_and_holds_it():
    upstream, queue = Upstream(), Alone()
    one = Fetching(upstream, queue=queue)
    one.store.known[CELLS[0]] = a_series()
    result = one.round.run(lease(cold=CELLS[:3], refresh=CELLS[3:5]))
    assert upstream.calls == [CELLS[1:5]] and queue.released == [0]
    assert set(result.outcomes) == set(CELLS[:5]) == set(one.store.known)
    assert (result.called, result.calls, result.cells, result.weight) == (set(CELLS[1:5]), 1, 4, 4.0)
    assert result.refusal_of(CELLS[:5]) is None


def test_it_announces_the_cells_of_new_records_alone():
    one = Fetching(Upstream())
    one.store.known[CELLS[0]] = a_series()
    one.store.rejected.append(CELLS[1])
    one.round.run(lease(cold=CELLS[:3], refresh=CELLS[3:4]))
    assert one.store.announced == CELLS[2:4]


def test_how_old_a_record_may_be_is_the_callers_to_say():
    upstream = Upstream()
    one = Fetching(upstream)
    one.store.known[CELLS[0]] = replace(a_series(), fetched_at=a_series().fetched_at - 100)
    assert not one.round.run(lease(cold=CELLS[:1])).called
    assert one.round.run(lease(cold=CELLS[:1]), fresh_seconds=50).called == set(CELLS[:1])


@pytest.mark.parametrize(("dataset", "hours"), [(WEATHER, 12), (AIR_QUALITY, 0)], ids=["weather", "air quality"])
def test_a_record_keeps_hours_of_the_one_before_it_where_its_dataset_says_so(dataset, hours):
    one = Fetching(Upstream())
    one.store.keeps_earlier_rows = dataset.keeps_earlier_rows
    new = a_series()
    one.store.known[CELLS[0]] = replace(new, start=new.start - 12 * 3600, fetched_at=new.fetched_at - 12 * 3600)
    one.round.run(lease(refresh=CELLS[:1]))
    assert one.store.known[CELLS[0]].start == new.start - hours * 3600


def test_a_place_that_is_known_to_have_no_weather_is_not_asked_for():
    upstream = Upstream()
    one = Fetching(upstream)
    one.store.rejected.append(CELLS[0])
    result = one.round.run(lease(cold=CELLS[:2]))
    assert upstream.calls == [CELLS[1:2]] and isinstance(result.outcomes[CELLS[0]], NoWeatherHere)


def test_each_spender_pays_for_its_own_cells():
    purse = Purse()
    Fetching(Upstream(), purse).round.run(lease(cold=CELLS[:3], refresh=CELLS[3:5]))
    assert purse.charged == [(3, "cold"), (2, "refresh")]


def test_late_refreshes_of_records_that_end_soon_are_paid_before_the_others_and_like_other_refreshes():
    purse = Purse()
    one = Fetching(Upstream(), purse, dataset=AIR_QUALITY)
    for cell, hours in zip(CELLS[1:4], (43, 44, 47), strict=True):
        one.store.known[cell] = replace(a_series(), fetched_at=a_series().fetched_at - hours * 3600)
    result = one.round.run(lease(cold=CELLS[:1], refresh=CELLS[1:5]))
    assert purse.charged == [(1, "cold"), (3, "refresh"), (1, "late_refresh")]
    assert result.called == set(CELLS[:5])


def test_a_late_refresh_that_is_denied_takes_nothing_from_those_that_are_not():
    purse = Purse(left=2)
    one = Fetching(Upstream(), purse, dataset=AIR_QUALITY)
    one.store.known[CELLS[2]] = replace(a_series(), fetched_at=a_series().fetched_at - 7 * 3600)
    result = one.round.run(lease(refresh=CELLS[:3]))
    assert result.called == set(CELLS[:2]) and isinstance(result.outcomes[CELLS[2]], BudgetSpent)


def test_cells_that_the_budget_has_no_room_for_beside_others_are_left_in_the_queue():
    one = Fetching(Upstream(), Purse(left=2))
    result = one.round.run(lease(cold=CELLS[:3]))
    assert set(result.outcomes) == set(CELLS[:2]) and result.refusal_of(CELLS[:3]) is None


def test_where_it_has_room_for_none_the_result_says_why():
    upstream = Upstream()
    result = Fetching(upstream, Purse(left=0)).round.run(lease(cold=CELLS[:3]))
    refusal = result.refusal_of(CELLS[:1])
    assert isinstance(refusal, BudgetSpent) and refusal.reason == Denied("day", 77).reason
    assert result.refusal_of(CELLS[5:]) is None  # whoever asks about others was not refused
    assert (result.calls, result.weight, upstream.calls) == (0, 0.0, [])


def test_a_refusal_of_open_meteo_is_told_and_its_attempt_counted():
    upstream = Upstream(failing=UpstreamRefused("429", retry_after_seconds=9, window="hour"))
    result = Fetching(upstream).round.run(lease(cold=CELLS[:3]))
    assert isinstance(result.refusal_of(CELLS[:3]), UpstreamRefused) and (result.calls, result.cells) == (1, 3)


def test_a_search_for_a_bad_place_counts_every_call():
    upstream = Upstream(bad=[CELLS[3]])
    result = Fetching(upstream).round.run(lease(cold=CELLS[:8]))
    assert (result.calls, result.cells) == (len(upstream.calls), sum(map(len, upstream.calls)))
    assert [cell for cell, got in result.outcomes.items() if isinstance(got, NoWeatherHere)] == [CELLS[3]]


def test_whatever_happens_the_lease_is_released():
    queue = Alone()
    one = Fetching(Upstream(failing=ZeroDivisionError("odd")), queue=queue)
    with pytest.raises(ZeroDivisionError):
        one.round.run(lease(cold=CELLS[:1]))
    assert queue.released == [0]


class Lossy(Alone):
    """Loses every release that shares a round trip with records."""

    def releasing(self, lease, done):
        return Lookup(read=lambda: False)

    def release(self, lease, done=()):
        self._release(lease, done)


def test_a_release_that_is_lost_with_the_records_is_sent_again_by_itself():
    """Else the slot would stand until its lease expires."""
    queue = Lossy()
    queue.cold = set(CELLS[:3])
    Fetching(Upstream(), queue=queue).round.run(lease(cold=CELLS[:2]))
    assert (queue.released, queue.cold) == ([0], {CELLS[2]})


def test_without_redis_there_is_no_lease_to_release_again():
    queue = Lossy()
    Fetching(Upstream(), queue=queue).round.run(replace(lease(cold=CELLS[:2]), token=""))
    assert queue.released == []


def test_a_dataset_that_declares_no_drift_has_none_observed():
    one = Fetching(Upstream())
    one.store.drift = None
    one.store.known[CELLS[0]] = replace(a_series(), fetched_at=1)
    assert one.round.run(lease(cold=CELLS[:1])).called == {CELLS[0]}


@pytest.mark.parametrize("upstream", [Upstream(bad=CELLS[:1]), Upstream(failing=UpstreamUnavailable("503"))])
def test_the_log_names_the_dataset_that_open_meteo_refused(upstream, caplog, monkeypatch):
    monkeypatch.setattr(NoStore, "name", "air_quality")
    Fetching(upstream).round.run(lease(cold=CELLS[:1]))
    assert "air quality" in caplog.text and "weather" not in caplog.text.replace("weather.fetching", "")
