"""The run times of all models in a real Redis, in the memory of a process, and without Redis."""

import pytest

from tests.support.redis.outage import take_redis_away
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.table import KEY, LIFE_SECONDS, USED_SECONDS, RunTable

pytest_plugins = ["tests.support.redis.fixtures"]

NOON = 1_764_072_000
MODELS = ("dwd_icon_d2", "ecmwf_ifs")
TIMES = RunTimes(10_800, (Run(NOON, NOON + 4000),), NOON + 5000)
LATER = TIMES.with_run(Run(NOON + 10_800, NOON + 14_800), NOON + 15_000)


@pytest.fixture
def table(here):
    return RunTable(MODELS)


@pytest.fixture
def another(here):
    """The table of another process."""
    return RunTable(MODELS)


def test_before_anything_was_read_no_model_has_run_times(table):
    assert table.times_of("dwd_icon_d2") is None


def test_what_one_process_writes_another_reads(table, another):
    table.write("dwd_icon_d2", TIMES)
    another.read()
    assert another.times_of("dwd_icon_d2") == TIMES
    assert another.times_of("ecmwf_ifs") is None


def test_reading_is_one_round_trip_and_asking_for_a_models_times_is_none(table, another, round_trips):
    table.write("dwd_icon_d2", TIMES)
    round_trips.clear()
    another.read()
    assert round_trips == [(("HGETALL", KEY),)]
    another.times_of("dwd_icon_d2")
    assert len(round_trips) == 1


def test_the_key_has_a_life_that_each_write_renews(table, here):
    table.write("dwd_icon_d2", TIMES)
    here.expire(KEY, 10)
    table.write("ecmwf_ifs", TIMES)
    assert LIFE_SECONDS - 10 < here.ttl(KEY) <= LIFE_SECONDS


def test_without_redis_what_is_known_stays_and_what_is_written_counts_for_this_process(table, monkeypatch):
    table.write("dwd_icon_d2", TIMES)
    with monkeypatch.context() as gone:
        take_redis_away(gone)
        table.read()
        assert table.times_of("dwd_icon_d2") == TIMES
        table.write("dwd_icon_d2", LATER)
        assert table.times_of("dwd_icon_d2") == LATER


def test_a_redis_that_has_forgotten_takes_nothing_away(table, here):
    table.write("dwd_icon_d2", TIMES)
    here.flushall()
    table.read()
    assert table.times_of("dwd_icon_d2") == TIMES


def test_what_is_not_legible_and_what_is_no_model_is_passed_over(table, another, here):
    table.write("ecmwf_ifs", TIMES)
    here.hset(KEY, mapping={"dwd_icon_d2": "{", "unheard_of": TIMES.text, b"\xff": b"\xff"})
    another.read()
    assert another.times_of("ecmwf_ifs") == TIMES
    assert another.times_of("dwd_icon_d2") is another.times_of("unheard_of") is None


def test_a_key_of_another_type_is_replaced(table, another, here):
    here.set(KEY, "text")
    table.read()
    assert table.times_of("dwd_icon_d2") is None
    table.write("dwd_icon_d2", TIMES)
    another.read()
    assert another.times_of("dwd_icon_d2") == TIMES


def test_a_model_is_in_use_for_a_day_in_all_processes(table, another):
    table.note_used(["ecmwf_ifs"], NOON)
    another.read()
    for one in (table, another):
        assert one.used(NOON + USED_SECONDS) == ["ecmwf_ifs"]
        assert one.used(NOON + USED_SECONDS + 1) == []


def test_models_in_use_come_in_the_order_of_all_models(table):
    table.note_used(["ecmwf_ifs"], NOON)
    table.note_used(["dwd_icon_d2"], NOON)
    assert table.used(NOON) == list(MODELS)


def test_no_models_are_no_round_trip(table, round_trips):
    table.note_used([], NOON)
    assert round_trips == []


def test_a_time_of_use_that_is_no_time_is_passed_over(table, here):
    here.hset(KEY, mapping={"used:ecmwf_ifs": "often", "used:dwd_icon_d2": NOON, "used:unheard_of": NOON})
    table.read()
    assert table.used(NOON) == ["dwd_icon_d2"]


def test_without_redis_the_models_in_use_are_those_of_this_process(table, monkeypatch):
    take_redis_away(monkeypatch)
    table.note_used(["ecmwf_ifs"], NOON)
    assert table.used(NOON) == ["ecmwf_ifs"]
