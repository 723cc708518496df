"""The runbook's "Move the writer to another region", with real servers and instances that are not restarted."""

import subprocess
from itertools import count

import pytest

from tests.support.limits import LIFTED
from tests.support.processes.manage import command, environment
from tests.support.servers import TOP, eventually

pytest_plugins = ["tests.support.redis.fixtures"]

COLD = (f"/api/v1/weather?lat={number // 10}.{number % 10}&lon=30.5" for number in count(200))


@pytest.fixture
def instances(regions, simulator, tmp_path):
    """An instance in the region that writes and one in another, by their regions' names."""
    servers = {"OPEN_METEO_URL": simulator.url, "OPEN_METEO_RUNS_URL": f"{simulator.url}/data"}
    started = {}
    try:
        for name in ("home", "far"):
            started[name] = regions[name].instance(tmp_path / name, **LIFTED | servers)
        yield started
    finally:
        for instance in started.values():
            instance.stop()


def exit_codes(regions) -> dict[str, int]:
    """Region → exit code of `manage.py regions` there."""
    return {
        region.name: subprocess.run(
            command("regions"),
            cwd=TOP,
            env=environment("sqlite:////nowhere/db.sqlite3") | region.environment,
            capture_output=True,
            check=False,
        ).returncode
        for region in regions
    }


def fetched(instance, regions) -> str:
    """Fetches a new place, whose record comes to the primary and to every replica; returns its path."""
    path = next(COLD)
    answer = eventually(lambda: (got := instance.get(path)).ok and got, within_seconds=60, every_seconds=0.2)
    key = f"upstream:lat:{answer.json()['latitude']}:lon:{answer.json()['longitude']}"
    eventually(lambda: all(region.records.client.exists(key) for region in regions), within_seconds=5)
    return path


def fetched_again(instance, regions) -> None:
    """New places come to all, once the instance has found the primary."""

    def is_fetched() -> bool:
        try:
            return bool(fetched(instance, regions))
        except AssertionError:
            return False

    eventually(is_fetched, within_seconds=60)


def spent(server) -> dict[str, str]:
    return server.client.hgetall("budget:open-meteo")


def test_a_planned_move_loses_nothing(regions, instances):
    for instance in instances.values():
        fetched(instance, regions)
    old = regions.primary
    old.client.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
    regions.wait_until_in_step()
    before = spent(old)
    regions.promote("far")
    old.client.execute_command("CLIENT", "UNPAUSE")
    regions.wait_until_in_step()
    assert before.items() <= spent(regions.primary).items()
    for instance in instances.values():
        fetched_again(instance, regions)
    # One server is written to, and every cell was asked for once.
    assert old.client.info("replication")["role"] == "slave"
    regions.wait_until_in_step()
    assert spent(old) == spent(regions.primary)
    assert set(exit_codes(regions).values()) == {0}


def test_when_the_writer_is_gone_another_region_writes_and_the_old_one_returns_as_a_replica(regions, instances):
    held = [fetched(instance, regions) for instance in instances.values()]
    regions.wait_until_in_step()
    old = regions.writer
    old.records.kill()
    assert exit_codes(regions)["far"] == 2
    assert {instances["far"].get(path).status_code for path in held} == {200}
    regions.promote("far", old_returns=False)
    fetched_again(instances["far"], [region for region in regions if region is not old])
    # Home reads from the primary while its own server of records is away, and follows it afterwards.
    old.records.start()
    regions.return_as_replica("home")
    regions.wait_until_in_step()
    for instance in instances.values():
        fetched_again(instance, regions)
    assert set(exit_codes(regions).values()) == {0}


def test_the_command_promotes_nothing(regions):
    regions.primary.kill()
    exit_codes(regions)
    assert {region.records.client.info("replication")["role"] for region in regions.far} == {"slave"}
