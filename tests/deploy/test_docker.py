"""The image and compose.yaml: by hadolint and Docker's own compose where they are, and by reading them.

tests/image builds the image and starts compose.yaml, where that can be done. Here the Dockerfile's steps are followed
without Docker: the files that it copies, and no others, are served read-only by the command and asked by the health
check that it names.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
import yaml
from django.conf import settings

from prewarm.runs.plan import PERIOD_SECONDS
from tests.support.processes.tree import alive
from tests.support.reading.promql import needs_promtool, promtool
from tests.support.reading.settings_names import SETTINGS_READ
from tests.support.servers import TOP, Process, eventually, free_port
from weathernote.runtime.live.live_process import DEFAULT_PORT
from weathernote.runtime.local_servers import redis_binary

DOCKER = TOP / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
COMPOSE_TEXT = (DOCKER / "compose.yaml").read_text()
#: What must be given: `${NAME:?what to do}`.
REQUIRED = sorted(set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT)))
LIVE = ["python", "manage.py", "live"]
HADOLINT = Path(sys.executable).with_name("hadolint")


def has_compose() -> bool:
    if not shutil.which("docker"):
        return False
    return not subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode


needs_compose = pytest.mark.skipif(not has_compose(), reason="not installed: `docker compose` (no engine is needed)")


def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE_TEXT)


SERVICES: dict[str, dict[str, Any]] = compose()["services"]
#: Those that run our image.
OURS = [name for name, one in SERVICES.items() if "build" in one]


def make_env(folder: Path, hosts: str = "weather.example") -> subprocess.CompletedProcess[str]:
    """The script as an operator calls it, in a folder of its own."""
    code = f"import sys, pathlib; sys.path.insert(0, {str(DOCKER)!r}); import make_env; "
    code += f"make_env.main(pathlib.Path({str(folder)!r}), {hosts!r})"
    return subprocess.run([sys.executable, "-B", "-c", code], check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("docker")
    ran = make_env(folder)
    assert ran.returncode == 0, ran.stderr
    return folder


def variables(made: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (made / ".env").read_text().splitlines())


def configured(env_file: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {*SETTINGS_READ, *REQUIRED}}
    command = ["docker", "compose", "--env-file", str(env_file), "-f", str(DOCKER / "compose.yaml"), "config"]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=clean)


# ── the tools' word ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not HADOLINT.exists(), reason="not installed: hadolint (requirements-dev.txt)")
def test_hadolint_finds_nothing_wrong():
    linted = subprocess.run([HADOLINT, DOCKER / "Dockerfile"], check=False, capture_output=True, text=True)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")
    assert "hadolint ignore" not in DOCKERFILE


@needs_compose
def test_compose_takes_the_file_with_what_make_env_made(made):
    told = configured(made / ".env")
    assert (told.returncode, told.stderr) == (0, "")
    assert set(yaml.safe_load(told.stdout)["services"]) == set(SERVICES)


@needs_compose
@pytest.mark.parametrize("name", REQUIRED)
def test_a_start_without_a_secret_fails_and_says_which(made, tmp_path, name):
    lines = [line for line in (made / ".env").read_text().splitlines() if not line.startswith(f"{name}=")]
    (tmp_path / "env").write_text("\n".join(lines))
    told = configured(tmp_path / "env")
    assert told.returncode != 0 and f"{name} is missing" in told.stderr.replace(
        f"{name} in .env must", f"{name} is missing"
    )


@needs_compose
def test_a_key_for_open_meteo_in_the_file_reaches_whoever_asks_there(made, tmp_path):
    (tmp_path / "env").write_text((made / ".env").read_text() + "OPEN_METEO_API_KEY=paid\n")
    told = yaml.safe_load(configured(tmp_path / "env").stdout)["services"]
    for name in ("instance-1", "instance-2", "live-1", "live-2", "prewarm"):
        assert told[name]["environment"]["OPEN_METEO_API_KEY"] == "paid"


@needs_promtool
def test_promtool_takes_the_scrape_configuration_beside_its_rules(tmp_path):
    for file in (DOCKER / "prometheus.yml", *(TOP / "deploy" / "prometheus").glob("*.rules.yml")):
        shutil.copy(file, tmp_path)
    checked = promtool("check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


# ── compose.yaml ─────────────────────────────────────────────────────────────────────────────────


def test_all_that_the_plan_names_is_there():
    named = {
        "edge",
        "instance-1",
        "instance-2",
        "live-1",
        "live-2",
        "redis",
        "postgres",
        "migrate",
        "prewarm",
        "prometheus",
        "grafana",
    }
    assert named <= set(SERVICES)


def test_only_the_edge_can_be_reached_from_outside():
    assert [name for name, one in SERVICES.items() if "ports" in one or one.get("network_mode") == "host"] == ["edge"]
    assert {port["published"] for port in SERVICES["edge"]["ports"]} == {"80", "443"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_or_runs_once(name):
    one = SERVICES[name]
    runs_once = one["restart"] == "no" and one["healthcheck"] == {"disable": True}
    is_watched = "test" in one.get("healthcheck", {}) or ("build" in one and "command" not in one)
    assert runs_once != is_watched
    assert "HEALTHCHECK" in DOCKERFILE


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name):
    one = SERVICES[name]
    assert one["read_only"] is True and one["cap_drop"] == ["ALL"] and "cap_add" not in one
    assert one["security_opt"] == ["no-new-privileges:true"] and not one.get("privileged")
    assert set(one["deploy"]["resources"]["limits"]) >= {"cpus", "memory"}
    assert one["logging"]["options"]["max-size"]


def test_an_image_is_a_stated_release():
    images = {one["image"] for one in SERVICES.values()} | set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert all(re.search(r":(\$\{VERSION:-)?v?\d+\.\d+(\.\d+)?", image) and "latest" not in image for image in images)


def test_both_stages_have_the_same_python():
    assert len(set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))) == 1


def test_no_secret_has_a_default():
    with_default = re.findall(r"\$\{(\w+):?-[^}]*\}", COMPOSE_TEXT)
    assert with_default == ["VERSION"]
    assert {"SECRET_KEY", "RATE_LIMIT_HASH_KEY", "REDIS_PASSWORD", "POSTGRES_PASSWORD"} <= set(REQUIRED)
    written = {
        (service, name): value
        for service, one in SERVICES.items()
        for name, value in one.get("environment", {}).items()
        if re.search("KEY|PASSWORD|SECRET|TOKEN", name)
    }
    assert written and all(value is None or value.startswith("${") for value in written.values())


def mounts(one: dict[str, Any]) -> Iterator[str]:
    """What a service has of this machine, as a path beside compose.yaml."""
    for volume in one.get("volumes", []):
        source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
        if source.startswith("."):
            yield source


def test_every_file_that_is_mounted_is_there(made):
    sources = {source for one in SERVICES.values() for source in mounts(one)}
    assert len(sources) > 8
    for source in sources:
        beside = made if source.startswith("./secrets/") else DOCKER
        assert (beside / source).exists(), source


def test_a_missing_secret_file_stops_the_start():
    secret = [v for one in SERVICES.values() for v in one.get("volumes", []) if "./secrets/" in str(v)]
    assert secret and all(volume["bind"] == {"create_host_path": False} for volume in secret)


@pytest.mark.parametrize("name", OURS)
def test_the_service_reads_every_variable_that_it_is_given(name):
    assert set(SERVICES[name]["environment"]) <= SETTINGS_READ


def test_the_instances_and_their_limits_are_as_planned():
    for name in ("instance-1", "instance-2"):
        limits = SERVICES[name]["deploy"]["resources"]["limits"]
        assert (limits["cpus"], limits["memory"]) == ("2", "2G")
        assert SERVICES[name]["environment"]["WORKERS"] == limits["cpus"]
        assert SERVICES[name]["environment"]["TRUSTED_PROXY_COUNT"] == "1"


def test_an_instance_has_longer_to_stop_than_it_takes():
    environment = SERVICES["instance-1"]["environment"]
    upstream_timeout, worker_grace, server_grace = 5, 5, 5
    takes = int(environment["DRAIN_SECONDS"]) + upstream_timeout + worker_grace + server_grace
    assert int(SERVICES["instance-1"]["stop_grace_period"].removesuffix("s")) > takes


def test_migrating_is_done_once_and_before_any_instance():
    assert SERVICES["migrate"]["command"] == ["python", "manage.py", "migrate", "--no-input"]
    for name in ("instance-1", "instance-2", "live-1", "live-2", "prewarm"):
        assert SERVICES[name]["environment"]["MIGRATE"] == "0"
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_prewarm_runs_as_often_as_it_plans_for():
    assert SERVICES["prewarm"]["command"][2:] == [str(PERIOD_SECONDS), "python", "manage.py", "prewarm"]
    assert f"-mmin -{PERIOD_SECONDS * 5 // 2 // 60}" in SERVICES["prewarm"]["healthcheck"]["test"][1]


def test_the_share_of_each_process_counts_them_all():
    environment = SERVICES["instance-1"]["environment"]
    live = [name for name, one in SERVICES.items() if one.get("command") == LIVE]
    assert int(environment["FLEET_PROCESSES"]) == 2 * int(environment["WORKERS"]) + len(live) + 1


def test_two_live_processes_hold_the_streams_and_no_instance_does():
    for name in ("live-1", "live-2"):
        one = SERVICES[name]
        assert one["command"] == LIVE and one["healthcheck"]["test"][-2:] == [
            "deploy/docker/healthy.py",
            str(DEFAULT_PORT),
        ]
        assert one["ulimits"]["nofile"]["soft"] > 2 * settings.LIVE_STREAMS
        assert int(one["stop_grace_period"].removesuffix("s")) > int(one["environment"]["DRAIN_SECONDS"]) + 20
    # What both kinds have but for the time to send phones away.
    instance = SERVICES["instance-1"]["environment"]
    assert SERVICES["live-1"]["environment"] | {"DRAIN_SECONDS": "5"} == instance
    assert instance["LIVE_PORT"] == "0"


def address(service: str, network: str) -> str:
    return SERVICES[service]["networks"][network]["ipv4_address"]


def test_only_the_edge_hands_counts_and_only_prometheus_and_the_edge_read_metrics():
    environment = SERVICES["instance-1"]["environment"]
    assert environment["EDGE_ALLOWED_NETWORKS"] == f"{address('edge', 'service')}/32"
    # Staff read /metrics through the edge.
    metrics_readers = (address("prometheus", "metrics"), address("edge", "service"))
    assert environment["METRICS_ALLOWED_NETWORKS"] == ",".join(f"{reader}/32" for reader in metrics_readers)


def test_addresses_that_stay_lie_where_none_is_given_out():
    for name, network in compose()["networks"].items():
        for one in SERVICES.values():
            networks = one.get("networks", {})
            given = networks.get(name, {}).get("ipv4_address") if isinstance(networks, dict) else None
            if given:
                (plan,) = network["ipam"]["config"]
                assert ip_address(given) in ip_network(plan["subnet"])
                assert ip_address(given) not in ip_network(plan["ip_range"])


def test_redis_and_postgresql_have_no_way_out_and_the_edge_none_to_them():
    assert compose()["networks"]["data"]["internal"] is True
    assert SERVICES["redis"]["networks"] == SERVICES["postgres"]["networks"] == ["data"]
    assert list(SERVICES["edge"]["networks"]) == ["service"]


def test_prometheus_keeps_to_the_intervals_and_rules_of_the_other_one():
    ours = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    other = yaml.safe_load((TOP / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert (ours["global"], ours["rule_files"]) == (other["global"], other["rule_files"])
    assert ours["scrape_configs"][0]["static_configs"][0]["targets"] == ["instance-1:8000", "instance-2:8000"]
    assert ours["scrape_configs"][1]["static_configs"][0]["targets"] == ["live-1:8001", "live-2:8001"]
    assert {one["job_name"] for one in ours["scrape_configs"]} <= {one["job_name"] for one in other["scrape_configs"]}


def test_grafana_differs_from_the_other_one_by_the_address_alone():
    (ours,) = yaml.safe_load((DOCKER / "grafana-datasource.yml").read_text())["datasources"]
    file = TOP / "deploy" / "grafana" / "provisioning" / "datasources" / "prometheus.yml"
    (other,) = yaml.safe_load(file.read_text())["datasources"]
    assert ours.pop("url") == "http://prometheus:9090" and other.pop("url") and ours == other


def test_the_edge_is_rendered_for_the_others_and_its_own_nginx(tmp_path, made):
    (shell, option, script) = SERVICES["edge-configuration"]["command"]
    script = script.replace("/srv/edge", str(tmp_path)).replace("python ", f"{sys.executable} ")
    given = {name: value for name, value in variables(made).items() if name in SETTINGS_READ}
    ran = subprocess.run(
        [shell, option, script], check=False, capture_output=True, text=True, cwd=TOP, env=bare_environment() | given
    )
    assert ran.returncode == 0, ran.stderr
    rendered = (tmp_path / "nginx.conf").read_text()
    for name in ("instance-1", "instance-2"):
        assert f"server {address(name, 'service')}:8000 " in rendered
    for name in ("live-1", "live-2"):
        assert f"server {address(name, 'service')}:{DEFAULT_PORT} " in rendered
    assert "load_module /usr/lib/nginx/modules/ngx_http_js_module.so;" in rendered
    assert f"js_path {TOP}/deploy/nginx/njs;" in rendered  # mounted at the image's own place for it
    assert "../nginx/njs:/srv/weathernote/deploy/nginx/njs:ro" in SERVICES["edge"]["volumes"]
    assert (tmp_path / "access.log").readlink() == Path("/dev/stdout")


@pytest.fixture
def redis_of_compose(tmp_path, made) -> Iterator[redis.Redis]:
    """Redis by compose.yaml's command, with its folders moved here and a port of its own."""
    moved = {"/etc/redis": tmp_path, "/var/lib/redis": tmp_path / "tmpfs", "/data": tmp_path / "data"}
    for folder in moved.values():
        folder.mkdir(exist_ok=True)
    shutil.copy(made / "secrets" / "users.acl", tmp_path)
    text, words = (TOP / "deploy" / "redis" / "redis.conf").read_text(), SERVICES["redis"]["command"]
    for there, here in moved.items():
        text, words = text.replace(there, str(here)), [word.replace(there, str(here)) for word in words]
    (tmp_path / "redis.conf").write_text(text)
    port = free_port()
    server = Process([redis_binary(), *words[1:], "--port", str(port)], tmp_path / "log")
    client = redis.Redis(
        port=port, username="weathernote", password=variables(made)["REDIS_PASSWORD"], protocol=2, driver_info=None
    )
    try:
        eventually(client.ping)
        yield client
    finally:
        server.stop()


def test_redis_starts_as_compose_has_it_and_keeps_its_data_in_the_volume(redis_of_compose, tmp_path):
    redis_of_compose.set("weather:lat:51.5:lon:-0.1", "{}", ex=60)
    eventually((tmp_path / "data" / "appendonlydir").exists)
    assert not list((tmp_path / "tmpfs").iterdir())
    assert SERVICES["redis"]["tmpfs"][0].startswith("/var/lib/redis:")


def test_redis_says_to_its_health_check_that_it_wants_a_password(redis_of_compose):
    port = redis_of_compose.connection_pool.connection_kwargs["port"]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")
    assert "-e NOAUTH" in SERVICES["redis"]["healthcheck"]["test"][1]


# ── the secrets ──────────────────────────────────────────────────────────────────────────────────


def test_make_env_makes_all_that_is_required_for_its_owner_alone(made):
    assert sorted(variables(made)) == REQUIRED
    assert (made / ".env").stat().st_mode & 0o777 == 0o600
    assert min(len(value) for name, value in variables(made).items() if name != "ALLOWED_HOSTS") >= 32


def test_the_password_of_the_url_is_the_one_that_redis_knows(made):
    hashed = hashlib.sha256(variables(made)["REDIS_PASSWORD"].encode()).hexdigest()
    assert f"user weathernote on #{hashed} " in (made / "secrets" / "users.acl").read_text()


def test_make_env_overwrites_nothing(made):
    before = (made / ".env").read_text()
    ran = make_env(made)
    assert ran.returncode == 1 and "is there already" in ran.stderr
    assert (made / ".env").read_text() == before


def test_what_make_env_makes_is_never_committed():
    ignored = (DOCKER / ".gitignore").read_text().split()
    assert {".env", "secrets/"} <= set(ignored)


@pytest.mark.skipif(os.geteuid() != 0, reason="the hook gives the key to another user, which root alone may")
def test_a_renewed_certificate_is_put_in_place_and_the_edge_told(tmp_path):
    for name, text in {
        "fullchain.pem": "chain",
        "privkey.pem": "key",
        "docker": '#!/bin/sh\necho "$@" > "$0.told"\n',
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "secrets" / "tls").mkdir(parents=True)
    hook = shutil.copy(DOCKER / "certificate.sh", tmp_path)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RENEWED_LINEAGE": str(tmp_path)}
    subprocess.run([hook], check=True, env=environment)
    key = tmp_path / "secrets" / "tls" / "privkey.pem"
    assert key.read_text() == "key" and (key.stat().st_uid, key.stat().st_mode & 0o777) == (10001, 0o400)
    assert SERVICES["edge"]["user"] == "10001:10001"
    assert (tmp_path / "docker.told").read_text().endswith("compose.yaml kill --signal HUP edge\n")


# ── the image ────────────────────────────────────────────────────────────────────────────────────


@cache
def ignore_rules() -> list[tuple[bool, re.Pattern[str]]]:
    lines = [line.strip() for line in (TOP / ".dockerignore").read_text().splitlines()]
    rules = []
    for line in (line for line in lines if line and not line.startswith("#")):
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        rules.append((line.startswith("!"), re.compile(pattern)))
    return rules


def is_sent(path: str) -> bool:
    """Whether `docker build` sees a file: the last rule that names it, or a folder that it lies in, decides."""
    parts = path.split("/")
    names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    sent = True
    for is_exception, pattern in ignore_rules():
        if any(pattern.fullmatch(name) for name in names):
            sent = is_exception
    return sent


def copied() -> list[tuple[str, str]]:
    """Source and place of what the Dockerfile copies out of the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [(source, line.split()[-1]) for line in lines for source in line.split()[:-1]]


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".venv/bin/python", ".run/secret_key", ".run/db.sqlite3", "tests/conftest.py", ".env"),
        *("deploy/docker/.env", "deploy/docker/secrets/users.acl", "deploy/docker/secrets/tls/privkey.pem"),
        *("weathernote/__pycache__/settings.cpython-311.pyc", "weathernote/.env", "requirements-dev.txt"),
    ],
)
def test_docker_build_does_not_see(path):
    assert not is_sent(path)


def test_what_is_copied_is_there_and_docker_build_sees_it():
    assert copied()
    for source, _ in copied():
        assert (TOP / source).exists() and is_sent(source)


def test_every_app_of_ours_is_in_the_image():
    apps = {path.parent.name for path in TOP.glob("*/apps.py")} | {"weathernote"}
    assert apps <= {source for source, _ in copied()}


def test_no_secret_is_in_a_layer():
    assert not re.search(r"^(ARG|ENV)\b.*(KEY|PASSWORD|SECRET|TOKEN)", DOCKERFILE, re.MULTILINE)
    named = dict(re.findall(r"([A-Z_]+)=(\S+)", "".join(re.findall(r"^ENV (?:.*\\\n)*.*$", DOCKERFILE, re.MULTILINE))))
    assert {name for name in named if not name.startswith(("PIP_", "PYTHON", "PATH"))} <= SETTINGS_READ


def test_what_is_installed_is_what_was_locked_by_its_hashes():
    (installed,) = re.findall(r"pip install (.+)$", DOCKERFILE, re.MULTILINE)
    assert installed == "--require-hashes --only-binary :all: -r requirements.txt"


def test_it_runs_as_somebody_without_rights():
    (user,) = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert user == "10001:10001"
    assert f"uid={user.partition(':')[0]}" in SERVICES["instance-1"]["tmpfs"][0]
    assert DOCKERFILE.index("USER ") > DOCKERFILE.index("RUN install")


def words(lead: str) -> list[str]:
    """The words of an instruction in exec form, which has no shell to swallow signals."""
    (found,) = re.findall(rf"^{lead}CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    return [word.replace("python", sys.executable) if word == "python" else word for word in json.loads(found)]


def bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")}


def is_wanted(folder: str, names: list[str]) -> list[str]:
    """For copytree: what docker build would not see."""
    inside = Path(folder).relative_to(TOP)
    return [name for name in names if not is_sent(str(inside / name))]


@pytest.fixture
def tree(tmp_path) -> Path:
    """What the image holds at /srv/weathernote."""
    top = tmp_path / "srv"
    for source, place in copied():
        to = top / place / (Path(source).name if place.endswith(("/", ".")) else "")
        to.parent.mkdir(parents=True, exist_ok=True)
        if (TOP / source).is_dir():
            shutil.copytree(TOP / source, to, ignore=is_wanted)
        else:
            shutil.copy(TOP / source, to)
    (top / ".run").mkdir()
    return top


def can_unshare() -> bool:
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode
    )


@pytest.mark.skipif(not can_unshare(), reason="a read-only file system of its own needs root and `unshare`")
def test_the_files_of_the_image_serve_from_a_read_only_file_system(tree, tmp_path, valkey, valkey_server, simulator):
    port = str(free_port())
    check = [word.replace(":8000/", f":{port}/") for word in words(r"HEALTHCHECK .*\\\n +")]
    server = read_only(
        tree, tmp_path / "log", PORT=port, REDIS_URL=valkey_server.url, OPEN_METEO_URL=simulator.url, MIGRATE="0"
    )
    try:
        eventually(lambda: subprocess.run(check, check=False, capture_output=True).returncode == 0, within_seconds=40)
        for path in ("/api/v1/weather?lat=51.5&lon=-0.1", "/static/prewarm/admin.css", "/api/v1/docs"):
            assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code == 200
        server.signal(signal.SIGTERM)
        assert server.popen.wait(30) == 0
    finally:
        server.stop()
    assert "Traceback" not in server.said() and "No metrics of all workers" not in server.said()


def read_only(tree: Path, log: Path, **given: str) -> Process:
    """The image's command where nothing can be written but .run, as `docker run --read-only` has it."""
    mounts = (
        f"mount --bind {tree} {tree} && mount -o remount,bind,ro {tree} && ! touch {tree}/x && "
        f'mount -t tmpfs -o mode=0700,size=64m none {tree}/.run && cd {tree} && exec "$@"'
    )
    of_image = {"HOST": "0.0.0.0", "PYTHONDONTWRITEBYTECODE": "1", "WORKERS": "2"}
    return Process(
        ["unshare", "--mount", "sh", "-c", mounts, "sh", *words("")], log, bare_environment() | of_image | given
    )


# ── every ten minutes ────────────────────────────────────────────────────────────────────────────


def every(tmp_path: Path, seconds: float, *command: str) -> Process:
    variables = bare_environment() | {"GOOD_RUN": str(tmp_path / "good")}
    return Process([sys.executable, str(DOCKER / "every.py"), str(seconds), *command], tmp_path / "log", variables)


def test_it_runs_at_once_and_then_by_the_clock(tmp_path):
    running = every(tmp_path, 2, "date", "+%s")
    try:
        eventually(lambda: len(running.said().split()) >= 3)
    finally:
        running.stop()
    first, second, third = (int(word) // 2 for word in running.said().split()[:3])
    assert (second - first, third - second) == (1, 1)  # each run in a period of its own
    assert (tmp_path / "good").exists()


def test_a_run_that_fails_is_no_good_run_and_ends_nothing(tmp_path):
    running = every(tmp_path, 0.2, "sh", "-c", "echo ran; exit 1")
    try:
        eventually(lambda: running.said().count("ran") >= 2)
    finally:
        assert running.stop() == 0
    assert not (tmp_path / "good").exists()


def test_told_to_stop_it_lets_the_run_come_to_its_end(tmp_path):
    running = every(
        tmp_path, 60, "sh", "-c", "trap 'sleep 0.3; echo ended; exit 0' TERM; echo began; while :; do sleep 0.1; done"
    )
    eventually(lambda: "began" in running.said())
    assert running.stop() == 0 and "ended" in running.said()  # it would have begun the next in a minute


def test_told_to_stop_while_a_run_begins_it_tells_the_run(tmp_path):
    spec = importlib.util.spec_from_file_location("every", DOCKER / "every.py")
    assert spec and spec.loader
    every_py: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(every_py)
    pid = tmp_path / "pid"
    every_py._stop(signal.SIGTERM, None)  # before anyone waits: nothing is interrupted
    with pytest.raises(every_py.Stopped):
        every_py._run(["sh", "-c", f"trap 'exit 0' TERM; echo $$ > {pid}; while :; do sleep 0.1; done"])
    assert not pid.exists() or not alive({int(pid.read_text()): ""})
