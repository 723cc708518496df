"""deploy/regions/: a primary and a replica started from their files, over TLS where a server knows it, and Compose."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
import trustme
import yaml

from tests.deploy.test_docker import DOCKER, REQUIRED, make_env, needs_compose
from tests.support.processes.manage import command, environment
from tests.support.reading.settings_names import SETTINGS_READ
from tests.support.redis.deploy import OF_REGIONS, Secured
from tests.support.servers import TOP, eventually

#: A line of the configuration that a server without TLS does not know.
_OF_TLS = re.compile(r"^(?:tls-\S+|port) .*\n", re.MULTILINE)


class Records(Secured):
    """A server of the records; `follows` is the port of its primary, 0 for a primary."""

    def __init__(self, folder: Path, *, follows: int = 0, users: Path | None = None) -> None:
        self.follows = follows
        super().__init__(folder, "replica.conf" if follows else "records.conf", users=users)

    def _fitted(self, text: str) -> str:
        text = re.sub(r"^replicaof .*$", f"replicaof localhost {self.follows}", text, flags=re.MULTILINE)
        return super()._fitted(_OF_TLS.sub("", text))


class RecordsOverTls(Records):
    """The same with every line of TLS."""

    authority = trustme.CA()

    def start(self) -> None:
        tls, made = self.folder / "tls", self.authority.issue_cert("localhost")
        tls.mkdir(exist_ok=True)
        self.authority.cert_pem.write_to_path(str(tls / "ca.crt"))
        made.private_key_pem.write_to_path(str(tls / "redis.key"))
        made.cert_chain_pems[0].write_to_path(str(tls / "redis.crt"))
        super().start()

    def binary(self) -> str:
        return with_tls()

    def ports(self) -> tuple[str, ...]:
        return "--tls-port", str(self.port)

    def _fitted(self, text: str) -> str:
        text = re.sub(r"^replicaof .*$", f"replicaof localhost {self.follows}", text, flags=re.MULTILINE)
        return Secured._fitted(self, text)

    def client(self, user: str = "", password: str = "") -> redis_py.Redis:
        client = super().client(user, password)
        client.close()
        return redis_py.Redis(
            host="localhost",
            port=self.port,
            username=user or None,
            password=password or None,
            decode_responses=True,
            protocol=2,
            driver_info=None,
            ssl=True,
            ssl_ca_certs=str(self.folder / "tls" / "ca.crt"),
        )

    @property
    def url(self) -> str:
        place = f"rediss://weathernote:{self.password}@localhost:{self.port}"
        return f"{place}?ssl_ca_certs={self.folder / 'tls' / 'ca.crt'}"


def with_tls() -> str:
    """A server of this machine that knows TLS; empty without one. The wheel's does not."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and b"libssl" in Path(found).resolve().read_bytes():
            return found
    return ""


def takes_writes(primary: Records) -> bool:
    """Whether a replica takes part, without which records.conf has a primary refuse writes."""
    return primary.admin.info("replication")["min_slaves_good_slaves"] >= 1


needs_tls = pytest.mark.skipif(not with_tls(), reason="not installed: a valkey-server or redis-server with TLS")


@pytest.fixture(params=[Records, pytest.param(RecordsOverTls, marks=needs_tls)], ids=["plain", "tls"])
def two(request, tmp_path) -> Iterator[tuple[Records, Records]]:
    """A primary and a replica that follows it."""
    primary = request.param(tmp_path / "primary")
    try:
        replica = request.param(tmp_path / "replica", follows=primary.port, users=primary.users)
        try:
            eventually(lambda: replica.admin.info("replication")["master_link_status"] == "up")
            eventually(lambda: takes_writes(primary))
            yield primary, replica
        finally:
            replica.stop()
    finally:
        primary.stop()


def test_a_replica_signs_in_and_has_what_is_written(two):
    primary, replica = two
    service = primary.client("weathernote", primary.password)
    service.set("upstream:lat:1.0:lon:2.0", "record", ex=60)
    eventually(lambda: replica.client("weathernote", primary.password).get("upstream:lat:1.0:lon:2.0") == "record")
    with pytest.raises(redis_py.ReadOnlyError):
        replica.client("weathernote", primary.password).set("upstream:lat:1.0:lon:2.0", "another", ex=60)
    assert primary.refusals() == replica.refusals() == []


def test_nobody_is_let_in_without_a_password_and_the_replica_s_user_reads_nothing(two):
    primary, _ = two
    with pytest.raises(redis_py.RedisError):
        primary.client().get("upstream:lat:1.0:lon:2.0")
    password = re.findall(r"masterauth (\S+)", (primary.users / "replication.conf").read_text())[0]
    with pytest.raises(redis_py.exceptions.NoPermissionError):
        primary.client("replica", password).get("upstream:lat:1.0:lon:2.0")


def test_people_can_move_the_writer_and_the_service_cannot(two):
    primary, replica = two
    for server in two:
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            server.client("weathernote", primary.password).execute_command("REPLICAOF", "NO", "ONE")
    replica.admin.execute_command("REPLICAOF", "NO", "ONE")
    primary.admin.execute_command("REPLICAOF", "localhost", replica.port)
    eventually(lambda: primary.admin.info("replication")["master_link_status"] == "up")
    eventually(lambda: takes_writes(replica))
    replica.client("weathernote", primary.password).set("upstream:lat:1.0:lon:2.0", "record", ex=60)
    eventually(lambda: primary.client("weathernote", primary.password).get("upstream:lat:1.0:lon:2.0") == "record")


def test_a_primary_takes_no_writes_without_a_replica_until_a_person_allows_it(two):
    """One that is cut off from all others may be the old one, while somebody has promoted another."""
    primary, replica = two
    service = primary.client("weathernote", primary.password)
    replica.kill()
    eventually(lambda: not takes_writes(primary))
    with pytest.raises(redis_py.ResponseError, match="NOREPLICAS"):
        service.set("upstream:lat:1.0:lon:2.0", "record", ex=60)
    primary.admin.config_set("min-replicas-to-write", 0)
    assert service.set("upstream:lat:1.0:lon:2.0", "record", ex=60)


def test_the_service_knows_both_and_is_refused_nothing(two):
    primary, replica = two
    replica.password = primary.password
    urls = {
        "REDIS_URL": primary.url,
        "RECORDS_REDIS_URL": primary.url,
        "RECORDS_REPLICA_URL": replica.url,
        "REGION": "eu",
    }
    told = subprocess.run(
        command("regions"),
        cwd=TOP,
        env=environment("sqlite:////nowhere/db.sqlite3") | urls,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert "1 connected replica" in told.stdout and primary.password not in told.stdout


def test_all_that_goes_between_regions_goes_over_tls():
    lines = (OF_REGIONS / "records.conf").read_text().splitlines()
    assert {"port 0", "tls-port 6379", "tls-replication yes", 'tls-protocols "TLSv1.3"'} <= set(lines)


# ── Compose ───────────────────────────────────────────────────────────────────────────────────────


OF_A_REGION = {
    "REGION": "eu",
    "RECORDS_REDIS_URL": "rediss://weathernote:x@records.weather.example:6379",
    "RECORDS_REPLICA_URL": "rediss://weathernote:x@records-eu.weather.example:6379",
    "RECORDS_HOST": "records-eu.weather.example",
    "RECORDS_ADDRESS": "10.0.0.21",
    "OTHER_EDGES": "198.51.100.7:443",
    "PEERS": "198.51.100.7/32",
    "FLEET_PROCESSES": "14",
}


def configured(env_file: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {*SETTINGS_READ, *REQUIRED, *OF_A_REGION}}
    files = [word for file in (DOCKER, OF_REGIONS) for word in ("-f", str(file / "compose.yaml"))]
    told = ["docker", "compose", "--env-file", str(env_file), *files, "config"]
    return subprocess.run(told, check=False, capture_output=True, text=True, env=clean)


@pytest.fixture(scope="module")
def env_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("docker")
    assert make_env(folder).returncode == 0
    with (folder / ".env").open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in OF_A_REGION.items())
    return folder / ".env"


@needs_compose
def test_a_region_s_services_are_told_of_it(env_file):
    told = configured(env_file)
    assert told.returncode == 0, told.stderr
    services: dict[str, Any] = yaml.safe_load(told.stdout)["services"]
    for name in ("instance-1", "instance-2", "live-1", "live-2", "prewarm"):
        given = services[name]["environment"]
        assert {key: given[key] for key in ("REGION", "FLEET_PROCESSES")} == {"REGION": "eu", "FLEET_PROCESSES": "14"}
        assert given["RECORDS_REPLICA_URL"] == OF_A_REGION["RECORDS_REPLICA_URL"]
        assert given["REDIS_URL"].endswith("@redis:6379")
    records = services["records"]
    assert records["command"][1] == "/etc/redis/replica.conf"
    assert [port["host_ip"] for port in records["ports"]] == ["10.0.0.21"]
    assert records["networks"]["service"]["aliases"] == ["records-eu.weather.example"]
    edge = services["edge-configuration"]
    assert edge["environment"]["OTHER_EDGES"] == "198.51.100.7:443" and '--other-edges "$$OTHER_EDGES"' in str(
        edge["command"]
    )


@needs_compose
def test_what_a_region_lacks_is_named_in_a_line(env_file, tmp_path):
    kept = [line for line in env_file.read_text().splitlines() if not line.startswith("REGION=")]
    (tmp_path / ".env").write_text("\n".join(kept))
    told = configured(tmp_path / ".env")
    assert told.returncode != 0 and "REGION in .env must name this region" in told.stderr


def test_the_edge_is_rendered_as_in_one_region_and_told_of_the_others():
    def words(folder: Path) -> list[str]:
        services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
        return str(services["edge-configuration"]["command"][2]).split()

    more = ["--other-edges", '"$$OTHER_EDGES"', "--peers", '"$$PEERS"']
    assert [word for word in words(OF_REGIONS) if word not in more] == words(DOCKER)


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────


def lines_of_the_manual(word: str) -> str:
    """The indented block of the page about regions that has a word in it, as a shell reads it."""
    blocks = re.findall(r"(?:^    .*\n)+", (TOP / "docs" / "regions.md").read_text(), re.MULTILINE)
    (block,) = (one for one in blocks if word in one)
    return block


@pytest.mark.skipif(not shutil.which("openssl"), reason="not installed: openssl")
def test_a_certificate_that_is_made_as_the_manual_says_is_for_the_server_and_for_the_primary(tmp_path):
    subprocess.run(["sh", "-ec", lines_of_the_manual("openssl")], cwd=tmp_path, check=True, capture_output=True)
    for name in ("records-eu.weather.example", "records.weather.example"):
        check = ["openssl", "verify", "-CAfile", "ca.crt", "-verify_hostname", name, "redis.crt"]
        assert subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode == 0


def test_beside_a_region_s_own_redis_nothing_is_left_in_the_folders_of_that_one(tmp_path):
    steps = lines_of_the_manual("valkey-server@records").split("    python3")[0]
    steps = steps.replace("/etc/valkey", f"{tmp_path}/etc").replace("/var/lib/valkey", f"{tmp_path}/lib")
    subprocess.run(["sh", "-ec", steps], cwd=TOP, check=True, capture_output=True)
    for name in ("records.conf", "replica.conf"):
        made = (tmp_path / "etc" / "records" / name).read_text()
        assert not re.search(r"^[^#\n]*(/etc/redis|/var/lib/redis)", made, re.MULTILINE)
    assert "tls-port 6380" in (tmp_path / "etc" / "records" / "records.conf").read_text()
