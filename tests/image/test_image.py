"""The image as it is built, and compose.yaml's own commands, health checks, limits and networks,
with all that they start asked and told to stop. One file, so that one process builds and starts it all."""

import json
import mmap
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, takewhile
from pathlib import Path
from threading import Event

import pytest

from tests.image.podman import Podman
from tests.image.project import Composed, Project, image_names
from tests.support.servers import eventually
from weathernote import __version__

WEATHER = "/api/v1/weather?lat={}&lon=13.4"
LONG_RUNNING = ["edge", "instance-1", "instance-2", "live-1", "live-2", "redis", "postgres", "prewarm"]
ONCE = ["migrate", "edge-configuration"]
RELEASE = "1.0.1"


def test_it_runs_as_somebody_without_rights_and_is_watched(podman: Podman, image: str):
    told = podman.inspect(image)
    assert (told["Config"]["User"], told["Config"]["StopSignal"]) == ("10001:10001", "SIGTERM")
    assert told["Healthcheck"]["Test"][:2] == ["CMD", "python"]


def test_no_secret_that_lay_beside_the_dockerfile_is_in_a_layer_or_in_its_history(podman, image, project, tmp_path):
    assert len(project.secrets) == 6
    packed = tmp_path / "image.tar"
    podman.run("image", "save", "--quiet", "--output", packed, image)
    with packed.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as everything:
        assert everything.find(b"weathernote/settings.py") > 0
        found = [name for name, secret in project.secrets.items() if everything.find(secret.encode()) >= 0]
    packed.unlink()
    assert not found


def test_the_service_is_all_that_is_copied_into_it(podman: Podman, image: str, project: Project):
    command = ["run", "--rm", "--network=none", image, "find", "/srv", "-mindepth", "2", "-maxdepth", "2"]
    inside = {Path(line).name for line in podman.run(*command).split()}
    copied = re.findall(r"^COPY (?!--from)(\S+) (\S+)", project.dockerfile.read_text(), re.MULTILINE)
    names = {(source if to in (".", "./") else to).partition("/")[0] for source, to in copied}
    assert inside == names | {"__pycache__", ".run"}


def test_no_module_has_to_be_compiled_at_each_start(podman: Podman, image: str):
    """Python could not keep what it compiles: at run time the file system is read-only."""
    listed = podman.run("run", "--rm", "--network=none", image, "find", "/srv/weathernote", "-name", "*.py*")
    names = set(listed.split())
    compiled = {re.sub(r"__pycache__/(.+)\.cpython-\d+\.pyc", r"\1.py", name) for name in names if name.endswith("c")}
    assert compiled == {name for name in names if name.endswith(".py")}


# Starts the demo, asks it for weather, prints what it says and stops it.
DEMO = """
import json, subprocess, sys, time, urllib.request
demo = subprocess.Popen([sys.executable, "manage.py", "serve", "--demo"], stdout=sys.stderr)
url = "http://127.0.0.1:8000/api/v1/weather?lat=52.5&lon=13.4"
for attempt in range(90):
    try:
        print(json.load(urllib.request.urlopen(url, timeout=10))["source"])
        break
    except OSError:
        time.sleep(1)
demo.terminate()
sys.exit(demo.wait(60))
"""


def test_a_demo_runs_in_it_with_no_network_and_nothing_beside_it(podman: Podman, image: str):
    options = ["--rm", "--read-only", "--network=none", "--env=DATABASE_URL=sqlite:////tmp/db.sqlite3"]
    assert podman.run("run", *options, image, "python", "-c", DEMO).split()[-1] == "simulator"


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_service_is_well_by_its_own_health_check(composed: Composed, service):
    state = composed.inspect(service)["State"]
    assert (state["Status"], state["Health"]["Status"]) == ("running", "healthy")


@pytest.mark.parametrize("service", ONCE)
def test_what_runs_once_ended_well(composed: Composed, service):
    state = composed.inspect(service)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_a_place_that_nobody_asked_for_is_fetched_and_then_known(composed: Composed):
    status, headers, text = composed.ask(WEATHER.format("61.2"))
    assert (status, json.loads(text)["latitude"]) == (200, 61.2)
    assert headers["cache-status"].startswith("weathernote; fwd=miss; stored")
    status, headers, again = composed.ask(WEATHER.format("61.2"))
    assert (status, json.loads(again)["fetched_at"]) == (200, json.loads(text)["fetched_at"])
    assert "hit" in headers["cache-status"]


def test_the_edge_says_how_the_service_is(composed: Composed):
    status, _, text = composed.ask("/health")
    assert (status, json.loads(text)["redis"]) == (200, "ok")


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/static/admin/css/base.css", "/api/v1/docs", "/api/v1/places?search=par"]
)
def test_pages_files_and_the_database_are_there(composed: Composed, path):
    assert composed.ask(path)[0] == 200


def test_django_has_nothing_to_say_against_the_settings(composed: Composed):
    composed.execute("instance-1", "python", "manage.py", "check", "--deploy", "--fail-level=WARNING")


def test_staff_are_made_by_the_command_at_the_head_of_the_file(composed: Composed):
    command = ["python", "manage.py", "createsuperuser", "--no-input", "--username=ada", "--email=ada@example.org"]
    composed.execute("instance-1", "env", "DJANGO_SUPERUSER_PASSWORD=long enough 7", *command)


@pytest.mark.parametrize("service", ["instance-1", "live-1", "prewarm", "edge"])
def test_no_process_of_a_service_has_any_right(composed: Composed, service):
    read = 'for each in /proc/[0-9]*; do cat "$each/status"; done'
    lines = [line.split() for line in composed.execute(service, "sh", "-c", read).splitlines()]
    assert {line[1] for line in lines if line[0] == "Uid:"} == {"10001"}
    assert {line[1] for line in lines if line[0] == "CapEff:"} == {"0" * 16}
    assert {line[1] for line in lines if line[0] == "NoNewPrivs:"} == {"1"}


def test_an_instance_writes_to_its_own_two_folders_alone(composed: Composed):
    composed.execute("instance-1", "touch", "/srv/weathernote/.run/x", "/tmp/x")  # noqa: S108 - the container's own
    with pytest.raises(AssertionError, match="Read-only file system"):
        composed.execute("instance-1", "touch", "/srv/weathernote/x")


def test_prewarm_made_the_cities_warm_and_left_a_row(composed: Composed):
    eventually(lambda: '"refreshed"' in composed.log("prewarm"), within_seconds=60, every_seconds=1)
    summary = json.loads(next(line for line in composed.log("prewarm").splitlines() if '"refreshed"' in line))
    assert summary["exit_code"] == 0
    rows_left = "SELECT count(*) FROM prewarm_prewarmrun WHERE exit_code = 0"
    rows = composed.execute("postgres", "psql", "--username=weathernote", "--tuples-only", "--command", rows_left)
    assert int(rows) >= 1


def asked_by(composed: Composed, address: str, url: str) -> str:
    """The status for who has an address in the network of Prometheus."""
    edge = image_names(composed.project.services, __version__)["edge"]
    curl = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--max-time", "10", url]
    return composed.podman.run("run", "--rm", "--network=weathernote_metrics", f"--ip={address}", edge, *curl)


def test_metrics_are_for_the_address_of_prometheus_alone(composed: Composed):
    prometheus = composed.project.services["prometheus"]["networks"]["metrics"]["ipv4_address"]
    assert asked_by(composed, prometheus, "http://instance-1:8000/metrics") == "200"
    assert asked_by(composed, "172.30.8.9", "http://instance-1:8000/metrics") == "404"


@pytest.mark.parametrize("service", ["redis", "postgres"])
def test_the_edge_has_no_way_to_the_data(composed: Composed, service):
    (network,) = composed.inspect(service)["NetworkSettings"]["Networks"].values()
    port = {"redis": 6379, "postgres": 5432}[service]
    with pytest.raises(AssertionError, match=r"Could not connect|Failed to connect|timed out"):
        composed.execute("edge", "curl", "-sS", "--max-time", "2", f"telnet://{network['IPAddress']}:{port}")


@pytest.fixture
def stopped(composed: Composed, request: pytest.FixtureRequest) -> Iterator[str]:
    """A service that was told to stop, with the grace that compose.yaml gives it; it is started again."""
    composed.compose("stop", request.param, timeout_seconds=100)
    yield request.param
    composed.up(request.param, options=("--no-deps",))
    # It is well by its last check before it stopped; what is told to the edge while it starts ends it.
    eventually(composed.is_trusted, within_seconds=60, every_seconds=0.5)


@pytest.mark.parametrize("stopped", ["instance-1", "prewarm", "edge", "redis", "postgres"], indirect=True)
def test_told_to_stop_it_ends_by_itself_within_its_grace(composed: Composed, stopped):
    assert composed.inspect(stopped)["State"]["ExitCode"] == 0


@pytest.mark.parametrize("stopped", ["instance-1"], indirect=True)
def test_with_one_instance_the_edge_answers(composed: Composed, stopped):
    assert {composed.ask(WEATHER.format(north))[0] for north in range(40, 50)} == {200}


def test_a_renewed_certificate_is_shown_after_the_hook_of_certbot(composed: Composed, tmp_path):
    tls = composed.project.docker / "secrets" / "tls"
    shutil.copytree(tls, tmp_path / "old")
    composed.project.make_certificate()
    shutil.copytree(tls, tmp_path / "new")
    shutil.copytree(tmp_path / "old", tls, dirs_exist_ok=True)
    environment = composed.environment | {"RENEWED_LINEAGE": str(tmp_path / "new")}
    composed.machine.run(composed.project.docker / "certificate.sh", env=environment)
    assert (tls / "fullchain.pem").read_bytes() == (tmp_path / "new" / "fullchain.pem").read_bytes()
    eventually(composed.is_trusted, within_seconds=60, every_seconds=0.5)


def release_commands(composed: Composed) -> list[list[str]]:
    """Those at the head of compose.yaml, for what runs here; the image of the release is there already."""
    head = (composed.project.docker / "compose.yaml").read_text()
    (lines,) = re.findall(r"^# +(dc build &&(?:.+&&\n#)+.+)$", head, re.MULTILINE)
    commands = [words.split()[1:] for words in lines.replace("\n#", "").split("&&")]
    assert commands.pop(0) == ["build"]
    return [[word for word in words if word not in ("prometheus", "grafana")] for words in commands]


def test_a_release_by_the_commands_at_the_head_of_the_file_loses_no_request(composed: Composed):
    names = (image_names(composed.project.services, version)["instance-1"] for version in (__version__, RELEASE))
    composed.podman.run("tag", *names)
    with (composed.project.docker / ".env").open("a") as settings:
        settings.write(f"VERSION={RELEASE}\n")
    released = Event()

    def statuses() -> set[int]:
        """Of clients that each ask what the edge does not hold."""
        numbers = takewhile(lambda _: not released.is_set(), count())
        return {composed.ask(f"/api/v1/cities?search=x{number}", f"-Hx-client-id: {number}")[0] for number in numbers}

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(statuses)
        try:
            for words in release_commands(composed):
                composed.compose(*words, timeout_seconds=300)
        finally:
            released.set()
        assert asking.result() == {200}
    for service in ("instance-1", "instance-2", "live-1", "live-2", "prewarm"):
        assert composed.inspect(service)["ImageName"].endswith(f":{RELEASE}")
