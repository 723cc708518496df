"""`manage.py regions`: what it says of three servers that are well, and of each that is not."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.processes.manage import command, environment
from tests.support.redis.cluster import RedisCluster
from tests.support.redis.cluster import command as cluster_command
from tests.support.servers import TOP, Valkey, eventually
from weathernote.redis import Role
from weathernote.redis.replication.info import Replication
from weathernote.redis.replication.regions import Server, Severity, address, problems

pytest_plugins = ["tests.support.redis.fixtures"]


def told(variables: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """The exit code of the command in a region, what it shows, and what it complains of."""
    run = subprocess.run(
        command("regions", *arguments),
        cwd=TOP,
        env=environment("sqlite:////nowhere/db.sqlite3") | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in run.stderr
    return run.returncode, run.stdout, run.stderr


def test_it_shows_each_server_and_who_writes(regions):
    far = regions["far"]
    code, shown, complained = told(far.environment)
    assert (code, complained) == (0, "")
    lines = shown.splitlines()
    assert lines[0].split() == ["region", "far"]
    assert re.fullmatch(rf"own +127.0.0.1:{far.own.port} +master, 0 connected replicas", lines[1])
    assert re.fullmatch(rf"primary +127.0.0.1:{far.to_primary.port} +master, 2 connected replicas", lines[2])
    replica = rf"replica +127.0.0.1:{far.records.port} +replica of 127.0.0.1:{far.replication.port}, connected, "
    assert re.fullmatch(replica + r"\d+ bytes and \d+ s behind", lines[3])


def test_a_region_alone_has_one_server_for_everything(tmp_path):
    server = Valkey(tmp_path / "valkey")
    try:
        code, shown, complained = told({"REDIS_URL": f"redis://:secret@127.0.0.1:{server.port}/0"})
        assert "mend both in REDIS_URL" in complained and "secret" not in shown + complained and code == 2
        code, shown, complained = told({"REDIS_URL": server.url})
    finally:
        server.stop()
    assert (code, complained) == (0, "")
    assert shown.splitlines()[1].split()[:2] == ["own+primary+replica", f"127.0.0.1:{server.port}"]


def test_without_the_primary_it_says_that_refreshes_wait(regions):
    regions.primary.kill()
    code, _, complained = told(regions["far"].environment)
    assert code == Severity.NO_WRITER
    assert "primary: " in complained and "refreshes wait" in complained and "runbook" in complained


def test_a_primary_that_is_a_replica_is_named_with_its_master(regions):
    far = regions["far"]
    code, _, complained = told(far.environment | {"RECORDS_REDIS_URL": far.records.url, "RECORDS_REPLICA_URL": ""})
    assert code == Severity.NO_WRITER
    assert f"is a replica of 127.0.0.1:{far.replication.port}, so nothing is written" in complained


def test_a_replica_that_is_a_master_of_its_own_is_one_that_nothing_comes_to(regions):
    far = regions["far"]
    far.records.client.execute_command("REPLICAOF", "NO", "ONE")
    code, _, complained = told(far.environment)
    assert code == Severity.WORSE
    assert "is a master. What other regions fetch does not come here" in complained


def test_a_replica_of_another_server_is_none(regions):
    far = regions["far"]
    far.records.client.execute_command("REPLICAOF", "127.0.0.1", far.own.port)
    eventually(lambda: far.records.client.info("replication")["master_link_status"] == "up")
    code, _, complained = told(far.environment)
    assert code == Severity.WORSE
    assert f"is a replica of 127.0.0.1:{far.own.port}. That is not the primary" in complained


def test_a_replica_without_a_connection_is_told_with_how_long(regions):
    far = regions["far"]
    far.replication.move(9)  # where nobody listens
    eventually(lambda: far.records.client.info("replication")["master_link_status"] == "down")
    code, shown, complained = told(far.environment)
    assert code == Severity.WORSE
    assert re.search(r"replica: .* has had no connection to .* for \d+ s\. Mend", complained)
    assert "not connected for" in shown


def test_without_the_replica_it_says_where_records_are_read(regions):
    regions["far"].records.kill()
    code, _, complained = told(regions["far"].environment)
    assert code == Severity.WORSE and "Records are read from the primary" in complained


def test_without_the_region_s_own_it_says_what_that_costs(regions):
    regions["far"].own.kill()
    code, _, complained = told(regions["far"].environment)
    assert code == Severity.WORSE and complained.startswith("own: ")


def test_a_cluster_is_shown_by_its_nodes(tmp_path):
    with RedisCluster(tmp_path / "cluster") as cluster, _alone(tmp_path) as own:
        nearby = ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes[3:])
        urls = {"RECORDS_REDIS_URL": cluster.url, "RECORDS_REPLICA_URL": f"redis+cluster://{nearby}"}
        code, shown, complained = told({"REDIS_URL": own.url, "REGION": "eu", **urls})
        assert (code, complained) == (0, "")
        assert len(re.findall(r"^primary .* master, 1 connected replica$", shown, re.MULTILINE)) == 3
        assert len(re.findall(r"^replica .* replica of .*, connected, .* behind$", shown, re.MULTILINE)) == 3

        # The runbook's promotion: what wrote follows, and the service finds out without new settings.
        for node in cluster.nodes[3:]:
            cluster_command(node, "FAILOVER")
        eventually(lambda: all(node.client.info("replication")["role"] == "master" for node in cluster.nodes[3:]))
        cluster.wait_until_well()
        code, shown, complained = told({"REDIS_URL": own.url, "REGION": "eu", **urls})
        assert (code, complained) == (0, "")
        assert set(re.findall(r"^primary +(\S+)", shown, re.MULTILINE)) == set(nearby.split(","))


class _alone(Valkey):  # noqa: N801 - reads as a word of the test
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "own")

    def __enter__(self) -> "_alone":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


# ── what is worked out of it ──────────────────────────────────────────────────────────────────────


PRIMARY = Replication(run="p", history="h", offset=1000, replicas=1)


def server(role: Role, replication: Replication | None) -> Server:
    return Server((role,), f"{role.value}:6379", replication, "timeout")


@pytest.mark.parametrize(("silent_seconds", "number"), [(0, 0), (60, 0), (61, 1)])
def test_a_replica_is_late_when_it_lacks_writes_and_has_heard_nothing_for_a_minute(silent_seconds, number):
    replica = Replication("r", "h", 900, 0, "primary:6379", silent_seconds=silent_seconds)
    found = problems([server(Role.PRIMARY, PRIMARY), server(Role.REPLICA, replica)])
    assert len(found) == number


def test_a_replica_that_lacks_nothing_is_never_late():
    replica = Replication("r", "h", 1000, 0, "primary:6379", silent_seconds=600)
    assert problems([server(Role.PRIMARY, PRIMARY), server(Role.REPLICA, replica)]) == []
    assert (replica.lag_bytes(PRIMARY), replica.lag_seconds(PRIMARY)) == (0, 0)


def test_one_server_under_two_names_is_in_step_with_itself():
    assert problems([server(Role.PRIMARY, PRIMARY), server(Role.REPLICA, PRIMARY)]) == []


def test_what_a_server_does_not_tell_is_nothing():
    assert Replication.read({"role": "master", "connected_slaves": "many"}) == Replication("", "", 0, 0)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@host:6379/0", "host:6379"),
        ("unix:///run/redis.sock?db=0", "/run/redis.sock"),
        ("redis+cluster://u:p@a:1,b:2", "a:1,b:2"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert address(url) == shown
