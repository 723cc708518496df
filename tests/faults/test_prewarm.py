"""Faults 48 to 50, and prewarm without a database, without Redis, and told to stop."""

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
import redis
import time_machine

from prewarm.runs import plan
from prewarm.runs.lock import KEY
from prewarm.runs.models import PrewarmRun
from prewarm.runs.run import Options, run
from tests.support.clocks import ClockOf
from tests.support.limits import LIFTED
from tests.support.processes.database import migrated
from tests.support.processes.prewarm_command import Host, ended, summary
from tests.support.servers import Valkey, eventually
from weather.api.service import service


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return migrated(tmp_path_factory.mktemp("database") / "db.sqlite3")


@pytest.fixture
def own_valkey(tmp_path):
    server = Valkey(tmp_path / "valkey")
    yield server
    server.stop()


@pytest.fixture
def host(tmp_path, database, own_valkey, simulator):
    servers = {"REDIS_URL": own_valkey.url, "OPEN_METEO_URL": simulator.url}
    return Host.made(tmp_path / "host", database, **servers, **LIFTED)


def in_mid_run(host, simulator, *arguments, pause_ms=3000):
    """A run whose first call is over and kept, and that waits for a minute before the next."""
    process = host.begin(f"--pause-ms={pause_ms}", *arguments)
    held = redis.Redis.from_url(str(host.variables["REDIS_URL"]), protocol=2)
    eventually(lambda: len(held.keys("upstream:*")) == simulator.state()["cells"] > 0, within_seconds=60)
    assert process.popen.poll() is None
    return process


def test_of_two_at_once_one_runs(host, simulator):
    """Fault 48."""
    first = in_mid_run(host, simulator)
    second = host.prewarm()
    assert (second.returncode, second.stderr) == (0, "")
    assert "another prewarm is running" in summary(second.stdout)["message"]
    assert simulator.state()["calls"] == 1 and len(host.rows()) == 1
    first.stop()


@pytest.mark.timeout(300)
def test_of_eight_that_start_at_once_one_runs(host, simulator):
    """Fault 48."""
    eight = [host.begin("--pause-ms=20") for _ in range(8)]
    assert [ended(one, 200) for one in eight] == [0] * 8
    assert sorted(summary(one.said()).get("refreshed", 0) for one in eight)[-2:] == [0, 100]
    assert simulator.state()["cells"] == 100


def test_after_a_kill_the_next_run_succeeds_within_a_minute(host, simulator, own_valkey):
    """Fault 49, with the lock's own 30 seconds."""
    in_mid_run(host, simulator).kill()
    assert 0 < own_valkey.client.pttl(KEY) <= 30_000
    eventually(lambda: not own_valkey.client.exists(KEY), within_seconds=60, every_seconds=0.2)
    assert summary(host.prewarm("--pause-ms=1").stdout)["refreshed"] == 80
    done, cut_off = host.rows()
    assert (done["refreshed"], done["exit_code"], cut_off["finished"], cut_off["exit_code"]) == (80, 0, None, None)


def test_a_kill_in_mid_call_blocks_nobody(host, simulator, own_valkey):
    """Fault 49: the lease ends by itself as well."""
    simulator.fault("hang", times=1)
    process = host.begin()
    eventually(lambda: simulator.state()["calls"] == 1, within_seconds=60)
    assert own_valkey.client.exists("slot:{open-meteo}:0")
    process.kill()
    own_valkey.client.pexpire(KEY, 1)
    assert summary(host.prewarm("--pause-ms=1").stdout)["refreshed"] == 100


def test_sigterm_ends_a_run_cleanly(host, simulator, own_valkey):
    process = in_mid_run(host, simulator)
    process.signal(signal.SIGTERM)
    assert ended(process, 40) == 0  # it would have waited for a minute
    told = summary(process.said())
    assert (told["refreshed"], told["skipped"], told["message"]) == (20, 80, "stopped by a signal")
    (row,) = host.rows()
    assert (row["refreshed"], row["exit_code"]) == (20, 0) and row["finished"]
    assert not own_valkey.client.exists(KEY)
    assert host.prewarm("--pause-ms=1").returncode == 0 and simulator.state()["cells"] == 100


def test_a_terminal_that_reports_no_width_gets_a_bar(host):
    assert "100/100" in host.on_a_terminal("--pause-ms=1")


def test_a_run_that_was_frozen_stops_when_another_has_the_lock(api, db, simulator, valkey):
    def should_stop():
        if simulator.state()["calls"] == 1:
            valkey.set(KEY, "another", px=30_000)
        return False

    outcome = run(Options(pause_seconds=1), should_stop=should_stop, lock_seconds=2)
    assert (outcome.exit_code, outcome.summary["refreshed"]) == (1, 20)
    assert "lock is lost" in outcome.summary["message"]
    assert valkey.get(KEY) == "another" and simulator.state()["calls"] == 1


def test_without_a_database_it_says_so_in_one_line(host, simulator, tmp_path):
    for url in (f"sqlite:///{tmp_path / 'nowhere' / 'db.sqlite3'}", "postgres://nobody@127.0.0.1:1/nothing"):
        failed = host.prewarm(DATABASE_URL=url)
        assert (failed.returncode, failed.stdout) == (2, "")
        assert len(failed.stderr.splitlines()) == 1
        assert "The database does not answer, so there is no list of cities: " in failed.stderr
    assert simulator.state()["calls"] == 0


def test_without_redis_it_says_so_in_one_line_and_asks_nobody(host, simulator, own_valkey):
    own_valkey.kill()
    failed = host.prewarm()
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "CommandError: Redis does not answer, so nothing can be kept warm.\n"
    assert simulator.state()["calls"] == 0
    (row,) = host.rows()
    assert row["exit_code"] == 2 and "Redis" in row["message"]
    assert host.prewarm("--dry-run").returncode == 2 and len(host.rows()) == 1


def test_a_run_that_loses_redis_stops_and_says_so(host, simulator, own_valkey, settings, forget, api, db):
    settings.CACHES["default"]["LOCATION"] = [own_valkey.url]
    forget()

    def should_stop():
        if simulator.state()["calls"] == 1 and own_valkey.popen.poll() is None:
            own_valkey.kill()
        return False

    outcome = run(Options(pause_seconds=0), should_stop=should_stop, lock_seconds=0.6)
    assert (outcome.exit_code, outcome.summary["refreshed"]) in ((1, 20), (2, 0))
    assert "Redis does not answer" in outcome.summary["message"]
    assert simulator.state()["calls"] == 1 and PrewarmRun.objects.count() == 1


def test_a_database_that_is_lost_in_mid_run_costs_the_row_alone(host, simulator):
    process = in_mid_run(host, simulator, "--batch-size=2", "--limit=3", pause_ms=1000)
    (host.folder / "db.sqlite3").unlink()
    (host.folder / "db.sqlite3").mkdir()
    assert ended(process, 40) == 0
    assert summary(process.said())["refreshed"] == 3
    assert "The database does not answer" in process.said()


def test_prewarm_of_a_day_never_passes_the_days_budget(api, db, simulator, settings, forget):
    """Fault 50: 144 runs for 100 cities that together want 14,400 calls, at 600."""
    settings.UPSTREAM_MINUTE_BUDGET, settings.UPSTREAM_HOUR_BUDGET, settings.UPSTREAM_DAY_BUDGET = 600, 5000, 600
    settings.FLEET_PROCESSES = 1
    forget()
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    spent = []
    with time_machine.travel(midnight, tick=False) as clock:
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        service().budget.clock = ClockOf(time.time)  # Redis' own clock was not moved
        for number in range(144):
            clock.move_to(midnight + timedelta(seconds=number * plan.PERIOD_SECONDS + 5))
            outcome = run(Options(pause_seconds=0, force=number == 140))
            assert outcome.exit_code == 0
            spent.append(simulator.state()["weight"])
    print(f"a day of prewarm at 600 calls: {spent[71]:.0f} by noon, {spent[-1]:.0f} in all")
    assert 0.8 * 600 <= spent[139] <= spent[-1] <= 600
    assert spent[71] < 0.6 * 600
    assert set(simulator.state()["places"].values()) <= set(range(3, 9))  # every city had its share
