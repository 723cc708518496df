"""`manage.py prewarm` in this process, before a real Redis, a database and a simulated Open-Meteo."""

import io
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command

from prewarm.cities.models import City
from prewarm.runs.models import PrewarmRun
from prewarm.runs.plan import Batch, Candidate
from prewarm.runs.run import CannotRun, Options, refresh_now, run
from prewarm.runs.schedule import last_good_run
from prewarm.runs.work import Work
from tests.support.clocks import around_noon, wait_for_room
from weather.api.service import service
from weather.budget.price import TURN_KEY
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.records.packing import version_of
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.table import RunTable
from weathernote import redis

NAMES = ("Berlin", "Cairo", "Delhi", "Lagos", "Lima")
BERLIN = "/api/v1/weather?lat=52.5&lon=13.4"
ASKED_FOR = "/api/v1/weather?lat=60.1&lon=24.9"
BERLIN_CELL, ASKED_FOR_CELL = Cell(525, 134), Cell(601, 249)


@pytest.fixture
def five(api, db, simulator):
    """The API with five active cities, of which nothing is held yet, at an hour at which none of their days ends."""
    City.objects.exclude(name__in=NAMES).update(active=False)
    assert City.objects.active().count() == len(NAMES)
    with around_noon(simulator):
        yield api


def prewarm(*arguments, **options):
    """The summary and the exit code."""
    output = io.StringIO()
    code = 0
    try:
        call_command("prewarm", "--pause-ms=0", *arguments, stdout=output, **options)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return json.loads(output.getvalue()), code


def age_of(valkey, seconds):
    """Shortens the lives of finished answers and of what the last run said of the next, as time would."""
    if told := valkey.get("prewarm:next"):
        valkey.set("prewarm:next", float(told) - seconds, keepttl=True)
    for pattern in ("weather:*", "forecast:*", "prewarm:next"):
        for key in valkey.keys(pattern):
            left = valkey.ttl(key) - seconds
            valkey.expire(key, left) if left > 0 else valkey.delete(key)


def wait_for_room_in(window, valkey):
    """For tests of a window's budget, which Redis counts by its own clock."""
    wait_for_room(window, lambda: float(valkey.time()[0]))


def run_times_of_now():
    """Of a model that runs every three hours: the run that began two hours ago and came an hour later."""
    began = int(time.time()) - 2 * 3600
    return RunTimes(3 * 3600, (Run(began, began + 3600),), int(time.time()))


def model_run_in(valkey, key):
    answer = json.loads(valkey.get(key))
    return answer["model"], answer["run"] and datetime.fromisoformat(answer["run"]).timestamp()


def show_redis_clock(valkey):
    """Tells the counts of requests what time it is by Redis, whose clock the test did not move."""
    recent = service().popularity.recent
    assert recent
    recent.clock.synchronize(float(valkey.time()[0]))


def ask_for(path, cell, api):
    api.get(path)
    service().popularity.record(cell, 3)
    service().popularity.flush()


# ── refresh ───────────────────────────────────────────────────────────────────────────────────────


def test_the_first_run_fetches_all_cities_in_one_call(five, simulator, valkey):
    summary, code = prewarm()
    assert (summary["refreshed"], summary["calls"], summary["weight"], code) == (5, 1, 5.0, 0)
    assert simulator.state()["cells_per_call"] == [5]
    assert five.get(BERLIN)["Cache-Status"].startswith("weathernote; hit")
    assert len(valkey.keys("weather:*")) == len(valkey.keys("forecast:*:days:7")) == 5


def test_the_cities_of_a_fresh_install_come_twenty_in_a_call(api, db, simulator):
    summary, code = prewarm()
    assert (summary["refreshed"], code) == (100, 0)
    assert simulator.state()["cells_per_call"] == [20] * 5


def test_a_second_run_has_nothing_to_do(five, simulator, settings, forget):
    settings.WEATHER_TTL_SECONDS = settings.FORECAST_TTL_SECONDS = 700  # however late it begins
    forget()
    prewarm()
    summary, code = prewarm()
    assert (summary["refreshed"], summary["rederived"], summary["calls"], code) == (0, 0, 0, 0)
    assert simulator.state()["calls"] == 1


def test_what_is_due_is_refreshed_and_its_answers_are_fresh(five, simulator):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        prewarm()
        clock.shift(timedelta(minutes=11))
        assert prewarm()[0]["refreshed"] == 5
        answer = five.get(BERLIN).json()
        assert not answer["stale"] and datetime.fromisoformat(answer["fetched_at"]) > datetime.now(UTC) - timedelta(
            minutes=1
        )
    assert simulator.state()["calls"] == 2


def test_a_cell_that_is_asked_for_is_refreshed_after_the_cities(five, simulator, valkey):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        ask_for(ASKED_FOR, ASKED_FOR_CELL, five)
        prewarm()
        clock.shift(timedelta(minutes=11))
        show_redis_clock(valkey)
        assert prewarm("--limit=5")[0]["refreshed"] == 5
        assert simulator.state()["places"]["60.1,24.9"] == 1
        assert prewarm()[0]["refreshed"] == 1
    assert simulator.state()["places"]["60.1,24.9"] == 2


def test_the_models_of_the_cities_are_followed(five):
    prewarm()
    runs = service().runs
    assert runs is not None
    runs.known.table.read()
    assert runs.known.table.used(time.time()) == ["dwd_icon_d2", "dwd_icon_eu", "ecmwf_ifs"]


def test_what_the_refreshes_brought_is_told_to_the_fleet(five, valkey):
    prewarm()
    one, now = service(), int(time.time())
    held = redis.fetch_one(one.store.held(BERLIN_CELL))
    assert held is not None and one.runs is not None
    redis.fetch_one(one.store.holding({BERLIN_CELL: replace(held, fetched_at=now - 7200)}))
    one.runs.known.table.write("dwd_icon_d2", RunTimes(10_800, (Run(now - 10_800, now - 3600),), now))
    prewarm("--force")
    assert valkey.hkeys("runs:evidence") == ["dwd_icon_d2:50:10"]


def test_the_limit_bounds_what_is_asked(five, simulator):
    summary, code = prewarm("--limit=2")
    assert (summary["refreshed"], summary["skipped"], code) == (2, 3, 0)
    assert simulator.state()["cells"] == 2


def test_the_batch_size_bounds_a_call(five, simulator):
    prewarm("--batch-size=2")
    assert simulator.state()["cells_per_call"] == [2, 2, 1]


def test_it_waits_for_every_cell_asked(five):
    began = time.monotonic()
    call_command("prewarm", "--pause-ms=80", stdout=io.StringIO())
    assert time.monotonic() - began >= 5 * 0.08


def test_refreshes_keep_to_the_pace_and_the_rest_waits(five, simulator, settings, forget, valkey):
    settings.UPSTREAM_MINUTE_BUDGET = 4  # of which refreshes leave a fifth
    forget()
    wait_for_room_in("minute", valkey)
    summary, code = prewarm()
    assert (summary["refreshed"], summary["skipped"], summary["failed"], code) == (3, 2, 0, 0)
    assert "pace" in summary["message"]


def test_forced_all_cities_are_refreshed_whatever_the_interval_and_the_pace(five, simulator, settings, forget, valkey):
    settings.UPSTREAM_MINUTE_BUDGET = 10
    forget()
    wait_for_room_in("minute", valkey)
    prewarm()
    summary, code = prewarm("--force")
    assert (summary["refreshed"], summary["forced"], code) == (5, True, 0)
    assert simulator.state()["cells"] == 10


def test_forced_it_never_passes_the_wall(five, simulator, settings, forget, valkey):
    settings.UPSTREAM_DAY_BUDGET = 3
    forget()
    wait_for_room_in("day", valkey)
    summary, code = prewarm("--force")
    assert (summary["refreshed"], summary["skipped"], code) == (3, 2, 0)
    assert prewarm("--force")[0]["refreshed"] == 0
    assert simulator.state()["weight"] == 3


def test_where_the_hour_leaves_nothing_for_cold_cities_none_could_be_done(five, simulator, settings, forget, valkey):
    settings.UPSTREAM_HOUR_BUDGET = 1
    forget()
    wait_for_room_in("hour", valkey)
    five.get(BERLIN)
    prewarm()
    for arguments in ([], ["--force"]):
        summary, code = prewarm(*arguments)
        assert (summary["refreshed"], summary["message"], code) == (0, "budget: hour", 2)
    assert redis.fetch_one(last_good_run()) is None and simulator.state()["weight"] == 1


def test_a_run_that_the_day_leaves_some_for_names_the_reason_and_is_good(five, settings, forget, valkey):
    settings.UPSTREAM_DAY_BUDGET = 3
    forget()
    wait_for_room_in("day", valkey)
    summary, code = prewarm("--force")
    assert (summary["refreshed"], summary["message"], code) == (3, "budget: day", 0)
    assert prewarm("--force")[1] == 2  # two cities are cold still


def test_with_the_budget_spent_and_no_city_cold_the_reason_is_named_and_the_run_is_good(five, settings, forget, valkey):
    settings.UPSTREAM_DAY_BUDGET = 5
    forget()
    wait_for_room_in("day", valkey)
    prewarm("--force")
    summary, code = prewarm("--force")
    assert (summary["refreshed"], summary["skipped"], summary["message"], code) == (0, 5, "budget: day", 0)


def test_a_budget_that_others_spend_in_mid_run_is_named_too(five, settings, forget, monkeypatch, valkey):
    settings.UPSTREAM_DAY_BUDGET = 5
    forget()
    wait_for_room_in("day", valkey)
    monkeypatch.setattr("prewarm.runs.work.Work.rederive", lambda *_: service().budget.charge(5, "cold"))
    summary, code = prewarm("--force")
    assert (summary["refreshed"], summary["message"], code) == (0, "budget: day", 2)


def test_a_cell_that_another_process_has_just_fetched_is_not_counted_as_asked(five, simulator):
    five.get(BERLIN)
    work = Work(service(), stop_reason=lambda: "")
    work.refresh([Batch("refresh", [Candidate(BERLIN_CELL, {}, None, cities=("Berlin",))])], lambda done: None)
    assert (work.tally.refreshed, work.tally.skipped, work.tally.cities_in_order) == (0, 1, 1)
    assert simulator.state()["calls"] == 1


def test_prewarm_never_goes_by_a_price_that_nobody_has_worked_out_yet(five, valkey):
    RunTable(["dwd_icon_d2"]).write("dwd_icon_d2", run_times_of_now())
    valkey.set(TURN_KEY, "1")
    prewarm()
    assert service().price.is_known


# ── re-derive ──────────────────────────────────────────────────────────────────────────────────────────


def test_answers_that_would_go_cold_are_worked_out_anew_without_asking_anyone(five, simulator, valkey):
    prewarm()
    age_of(valkey, 300)
    summary, _ = prewarm()
    assert (summary["rederived"], summary["refreshed"], summary["calls"]) == (10, 0, 0)
    assert min(valkey.ttl(key) for key in valkey.keys("weather:*")) > 590
    assert simulator.state()["calls"] == 1


def test_answers_that_are_fetched_and_that_are_worked_out_anew_say_their_model_and_run(five, valkey):
    times, key = run_times_of_now(), "forecast:lat:52.5:lon:13.4:days:7"
    RunTable(["dwd_icon_d2"]).write("dwd_icon_d2", times)
    said = "dwd_icon_d2", times.runs[0].initialised
    prewarm()
    assert model_run_in(valkey, key) == said
    valkey.delete(key)
    assert prewarm()[0]["rederived"] >= 1
    assert model_run_in(valkey, key) == said
    assert model_run_in(valkey, "weather:lat:30.1:lon:31.2") == ("dwd_icon_eu", None)


def test_an_answer_says_a_run_that_was_seen_after_prewarm_began(five, valkey):
    work, times = Work(service(), stop_reason=lambda: ""), run_times_of_now()
    RunTable(["dwd_icon_d2"]).write("dwd_icon_d2", times)
    work.refresh([Batch("refresh", [Candidate(BERLIN_CELL, {}, None, cities=("Berlin",))])], lambda done: None)
    assert model_run_in(valkey, "weather:lat:52.5:lon:13.4") == ("dwd_icon_d2", times.runs[0].initialised)


def test_a_run_of_ones_own_shortly_before_crons_leaves_nothing_to_go_cold_until_the_next(five, valkey):
    prewarm()
    age_of(valkey, 240)
    assert prewarm()[0]["rederived"] == 10  # they would have ended in 360 s
    assert min(valkey.ttl(key) for key in valkey.keys("weather:*")) > 590


def test_a_cell_that_people_ask_for_is_kept_warm_too(five, simulator, valkey):
    ask_for(ASKED_FOR, ASKED_FOR_CELL, five)
    prewarm()
    age_of(valkey, 600)
    assert prewarm()[0]["rederived"] == 12
    assert five.get(ASKED_FOR)["Cache-Status"].startswith("weathernote; hit")
    assert five.get(ASKED_FOR.replace("weather?", "forecast?"))["Cache-Status"].startswith("weathernote; hit")
    assert simulator.state()["places"]["60.1,24.9"] == 1


def test_a_cell_that_nobody_holds_is_not_fetched_because_someone_asked(five, simulator, valkey):
    ask_for(ASKED_FOR, ASKED_FOR_CELL, five)
    valkey.delete("upstream:lat:60.1:lon:24.9")
    prewarm()
    assert simulator.state()["places"]["60.1,24.9"] == 1


def test_a_due_cell_that_the_budget_leaves_out_is_shown_as_stale(five, valkey, settings, forget):
    settings.UPSTREAM_MINUTE_BUDGET = 6  # of which refreshes leave a fifth
    forget()
    wait_for_room_in("minute", valkey)
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        prewarm("--force")
        age_of(valkey, 600)
        clock.shift(timedelta(minutes=11))
        summary, _ = prewarm()
        assert (summary["rederived"], summary["refreshed"], summary["skipped"]) == (10, 0, 5)
        assert five.get(BERLIN).json()["stale"]
    assert valkey.ttl("weather:lat:52.5:lon:13.4") <= 60


def test_2000_cells_are_worked_out_anew_in_one_run(five, simulator, valkey):
    prewarm()
    one = service()
    cell = City.objects.active()[0].as_cell
    series = one.store.held_of([cell])[cell]
    cells = [Cell(lat, lon) for lat in range(-400, 400, 16) for lon in range(-1700, 1500, 80)][:2000]
    for start in range(0, 2000, 100):
        some = cells[start : start + 100]
        one.store.hold({cell: replace(series, latitude=cell.latitude, longitude=cell.longitude) for cell in some})
        for cell in some:
            one.popularity.record(cell, 2)
    one.popularity.flush()
    summary, _ = prewarm()
    print(f"4,000 answers of 2,000 cells re-derived in {summary['took_seconds']:.1f} s")
    assert (summary["rederived"], summary["calls"]) == (4000, 0)


# ── what fails ────────────────────────────────────────────────────────────────────────────────────


def test_a_city_that_is_rejected_leaves_the_others_refreshed_and_its_old_record_held(five, simulator, valkey):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        prewarm()
        held = service().store.held_of([BERLIN_CELL])
        clock.shift(timedelta(minutes=11))
        simulator.fault("refused_place", place="52.5,13.4")
        summary, code = prewarm()
    assert (summary["refreshed"], summary["failed"], summary["failed_cities"], code) == (4, 1, ["Berlin"], 1)
    assert held and service().store.held_of([BERLIN_CELL]) == held
    assert "No data is available" in summary["message"]


def test_a_city_that_spoiled_a_call_is_asked_alone_the_next_time(five, simulator, valkey):
    simulator.fault("refused_place", place="52.5,13.4")
    prewarm()
    summary, code = prewarm()
    assert (summary["calls"], summary["failed"], code) == (0, 1, 1)  # rejected places are remembered for ten minutes
    valkey.delete("rejected:cells")
    summary, code = prewarm("--force")
    assert (summary["refreshed"], summary["calls"], summary["failed_cities"], code) == (4, 2, ["Berlin"], 1)


def test_a_cell_with_two_cities_that_spoiled_a_call_is_asked_alone_too(five, simulator, valkey):
    berlin = City.objects.get(name="Berlin")
    City.objects.create(
        name="Mitte",
        country="DE",
        latitude=berlin.latitude,
        longitude=berlin.longitude,
        timezone="Europe/Berlin",
        population=1,
    )
    simulator.fault("refused_place", place="52.5,13.4")
    assert sorted(prewarm()[0]["failed_cities"]) == ["Berlin", "Mitte"]
    valkey.delete("rejected:cells")
    summary, code = prewarm("--force")
    assert (summary["refreshed"], summary["failed"], summary["calls"], code) == (4, 1, 2, 1)


def test_a_cell_that_is_no_city_fails_no_run(five, simulator, valkey):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        ask_for(ASKED_FOR, ASKED_FOR_CELL, five)
        prewarm()
        clock.shift(timedelta(minutes=11))
        show_redis_clock(valkey)
        simulator.fault("one_bad_place", place="60.1,24.9")
        summary, code = prewarm()
    assert (summary["refreshed"], summary["failed"], summary["failed_cities"], code) == (5, 0, [], 0)
    assert "Open-Meteo: " in summary["message"] and "no city: 1 failed" in summary["message"]


def test_an_invalid_answer_about_one_city_fails_that_city_alone(five, simulator):
    simulator.fault("one_bad_place", place="52.5,13.4")
    summary, code = prewarm()
    assert (summary["refreshed"], summary["failed_cities"], summary["calls"], code) == (4, ["Berlin"], 1, 1)


def test_with_open_meteo_down_none_could_be_done(five, simulator):
    simulator.fault("status", status=503)
    summary, code = prewarm()
    assert (summary["refreshed"], summary["failed"], code) == (0, 5, 2)
    assert "503" in summary["message"]
    assert redis.fetch_one(last_good_run()) is None


def test_with_open_meteo_down_few_calls_are_made(api, db, simulator):
    simulator.fault("status", status=503)
    summary, code = prewarm("--batch-size=2")
    assert (summary["failed"], code) == (100, 2)
    assert simulator.state()["calls"] <= 16


def test_a_refusal_for_too_many_at_once_is_waited_out(five, simulator):
    simulator.fault("status", status=429, reason="Too many concurrent requests", retry_after=1, times=1)
    summary, code = prewarm()
    assert (summary["refreshed"], summary["failed"], code) == (5, 0, 0)


# ── what it says and leaves ───────────────────────────────────────────────────────────────────────


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(five, simulator, valkey):
    wait_for_room_in("minute", valkey)  # the budget's counts begin again with each minute
    prewarm("--limit=3")
    age_of(valkey, 300)
    before = {key: (valkey.dump(key), valkey.ttl(key)) for key in sorted(valkey.keys())}
    summary, code = prewarm("--dry-run")
    assert (summary["dry_run"], summary["would_work_out_anew"], len(summary["would_refresh"]), code) == (True, 6, 2, 0)
    assert set(summary["would_refresh"]) < set(NAMES)
    after = {key: (valkey.dump(key), valkey.ttl(key)) for key in sorted(valkey.keys())}
    assert {key: record for key, (record, _) in after.items()} == {key: record for key, (record, _) in before.items()}
    assert PrewarmRun.objects.count() == 1 and simulator.state()["calls"] == 1


def test_a_dry_run_writes_nothing_of_runs_or_their_price(five, valkey):
    RunTable(["dwd_icon_d2"]).write("dwd_icon_d2", run_times_of_now())
    valkey.hset("runs:models", "used:dwd_icon_d2", 1_700_000_000)
    assert prewarm("--dry-run")[1] == 0 and service().price.is_known
    assert valkey.hget("runs:models", "used:dwd_icon_d2") == "1700000000"
    assert not valkey.keys("popularity:*")


def test_a_dry_run_knows_what_other_processes_spent(five, settings, forget, valkey):
    settings.UPSTREAM_DAY_BUDGET = 3
    forget()
    wait_for_room_in("day", valkey)
    prewarm("--force")
    forget()
    summary, code = prewarm("--dry-run")
    assert (summary["would_refresh"], summary["would_skip"], code) == ([], 2, 0)


def test_a_run_leaves_a_row(five):
    prewarm()
    row = PrewarmRun.objects.get()
    assert (row.refreshed, row.calls, row.weight, row.exit_code, row.failed_cities) == (5, 1, 5.0, 0, [])
    assert row.finished and (row.finished - row.started).total_seconds() == pytest.approx(row.took_seconds, abs=0.01)


def test_the_last_good_run_is_known_to_other_processes(five, simulator, valkey, forget):
    assert redis.fetch_one(last_good_run()) is None
    prewarm()
    forget()
    assert redis.fetch_one(last_good_run()) == pytest.approx(time.time(), abs=5)
    assert valkey.ttl("prewarm:last-good") > 86_400
    valkey.set("prewarm:last-good", "garbage")
    assert redis.fetch_one(last_good_run()) is None


def test_every_key_of_prewarm_has_a_life(five, valkey):
    prewarm()
    assert all(valkey.ttl(key) > 0 for key in valkey.keys())


def test_a_terminal_gets_a_bar_and_words(five, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    said = Terminal()
    call_command("prewarm", "--pause-ms=0", stdout=said)
    assert "refreshed: 5" in said.getvalue() and "{" not in said.getvalue()
    assert "5/5" in capsys.readouterr().err
    plain = Terminal()
    call_command("prewarm", "--pause-ms=0", "--no-progress", stdout=plain)
    assert json.loads(plain.getvalue())["refreshed"] == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("option", ["--limit=0", "--limit=-1", "--batch-size=x", "--pause-ms=-5", "--limit=٣"])
def test_what_makes_no_sense_is_refused(option):
    with pytest.raises(CommandError, match="not a whole number"):
        call_command("prewarm", option)


def test_a_record_that_cannot_be_read_counts_as_not_held(five, simulator, valkey):
    prewarm()
    for rubbish in ("garbage", "x\x9c"):
        valkey.hset("upstream:lat:52.5:lon:13.4", version_of(WEATHER), rubbish)
        assert prewarm()[0]["refreshed"] == 1
    assert simulator.state()["places"]["52.5,13.4"] == 3


def test_a_key_of_another_type_holds_no_record_and_stops_no_run(five, valkey, forget):
    prewarm()
    forget()  # what this process remembers of the record
    valkey.delete("upstream:lat:52.5:lon:13.4")
    valkey.zadd("upstream:lat:52.5:lon:13.4", {"rubbish": 1})
    summary, code = prewarm()
    assert (summary["refreshed"], code) == (1, 0)
    assert valkey.type("upstream:lat:52.5:lon:13.4") == "hash"


def test_a_moment_without_redis_is_waited_out(five, valkey, settings, monkeypatch, forget):
    monkeypatch.setitem(settings.CACHES["default"]["OPTIONS"], "SOCKET_TIMEOUT", settings.REDIS_TIMEOUT_SECONDS)
    forget()
    prewarm()
    age_of(valkey, 300)
    valkey.client_pause(1000)
    summary, code = prewarm()
    assert (summary["rederived"], code) == (10, 0)


def test_a_slot_that_another_holds_is_waited_for(five, simulator, valkey, monkeypatch):
    valkey.set("slot:{open-meteo}:0", "another", ex=100)
    asked_at_naps = []

    def nap(_: float) -> None:
        asked_at_naps.append(simulator.state()["calls"])
        if len(asked_at_naps) == 3:
            valkey.delete("slot:{open-meteo}:0")

    monkeypatch.setattr("prewarm.runs.work.time.sleep", nap)
    assert prewarm()[0]["refreshed"] == 5
    assert asked_at_naps[:3] == [0, 0, 0]


def test_cold_cells_that_requests_wait_for_go_along_in_the_call(five, simulator, valkey):
    service().queue.enqueue([ASKED_FOR_CELL], 30)
    assert prewarm()[0]["refreshed"] == 5
    assert simulator.state()["cells_per_call"] == [6]
    assert valkey.exists("upstream:lat:60.1:lon:24.9") and not valkey.exists("wanted:{open-meteo}:0")


# ── "prewarm now" ─────────────────────────────────────────────────────────────────────────────────


def test_staff_refresh_cities_at_once(five, simulator):
    prewarm()
    outcome = refresh_now(City.objects.filter(name__in=["Berlin", "Lima"]))
    assert outcome.text == "2 of 2 cells refreshed in 1 call."
    assert simulator.state()["cells_per_call"] == [5, 2]


def test_a_prewarm_of_staff_leaves_known_what_spoiled_a_call_of_cron(five, simulator, valkey):
    simulator.fault("refused_place", place="52.5,13.4")
    prewarm()
    refresh_now(City.objects.filter(name="Lima"))
    valkey.delete("rejected:cells")
    before = simulator.state()["calls"]
    assert prewarm("--force")[0]["failed_cities"] == ["Berlin"]
    assert simulator.state()["calls"] - before == 2  # the four together, and Berlin alone


def test_staff_never_pass_the_wall(five, simulator, settings, forget, valkey):
    settings.UPSTREAM_DAY_BUDGET = 1
    forget()
    wait_for_room_in("day", valkey)
    outcome = refresh_now(City.objects.active())
    assert outcome.text.startswith("1 of 5 cells refreshed in 1 call; budget: ")
    assert simulator.state()["weight"] == 1


def test_staff_are_told_what_failed(five, simulator):
    simulator.fault("one_bad_place", place="52.5,13.4")
    assert refresh_now(City.objects.active()).failed == ("Berlin",)


def test_staff_do_not_wait_for_ever(five, valkey, monkeypatch):
    monkeypatch.setattr("prewarm.runs.run.MOST_SECONDS_NOW", 0.5)
    valkey.set("slot:{open-meteo}:0", "another", ex=1000)
    assert "0 of 5 cells refreshed" in refresh_now(City.objects.active()).text


def test_a_run_ends_when_it_is_told_to(five, simulator):
    calls = iter([False, False, False])
    outcome = run(Options(pause_seconds=0, batch_size=1), should_stop=lambda: next(calls, True))
    assert 0 < outcome.summary["refreshed"] < 5 and outcome.summary["message"] == "stopped by a signal"
    assert outcome.exit_code == 0


def test_a_signal_while_the_database_hangs_is_heard_before_anything_is_done(five, simulator, valkey):
    with pytest.raises(CannotRun, match="stopped by a signal"):
        run(Options(), should_stop=lambda: True)
    assert not valkey.keys("prewarm:*") and not PrewarmRun.objects.exists() and simulator.state()["calls"] == 0


def test_a_signal_while_the_row_is_written_is_heard_before_anything_is_planned(five, simulator, valkey):
    calls = iter([False])
    outcome = run(Options(), should_stop=lambda: next(calls, True))
    assert (outcome.exit_code, outcome.summary["message"]) == (2, "stopped by a signal")
    assert not valkey.keys("prewarm:*") and simulator.state()["calls"] == 0
