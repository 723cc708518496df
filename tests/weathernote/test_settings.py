"""Settings as an operator meets them: `manage.py check` and the WSGI callable, with environments good and bad."""

from pathlib import Path

import pytest

from tests.support.processes.tree import copy_of_the_code, run

NONSENSE = {
    "DEBUG": "perhaps",
    "REDIS_URL": "redsi://:hunter2@cache:6379",
    "RECORDS_REDIS_URL": "redis://:hunter2@cache:6379/records",
    "RECORDS_REPLICA_URL": "http://:hunter2@cache:6379",
    "RECORDS_REDIS_TIMEOUT_SECONDS": "0",
    "REGION": "Europe (west)",
    "DATABASE_URL": "mysql://root:hunter2@database/x",
    "OPEN_METEO_URL": "api.open-meteo.com?apikey=hunter2",
    "OPEN_METEO_RUNS_URL": "ftp://api.open-meteo.com/data",
    "WEATHER_TTL_SECONDS": "0",
    "FORECAST_TTL_SECONDS": "ten",
    "HOLD_SECONDS": "-1",
    "UPSTREAM_TIMEOUT_SECONDS": "nan",
    "PORT": "65536",
    "WORKERS": "0",
    "THREADS": "1e2",
    "DRAIN_SECONDS": "1.5",
    "LOG_LEVEL": "loud",
    "METRICS_ALLOWED_NETWORKS": "10.0.0.0/8,everybody",
    "COST_INSTANCE_HOUR": "cheap",
}
SECRET = "a-test-s-secret-key-of-more-than-fifty-characters-0123456789"
DEPLOYED = {
    "SECRET_KEY": SECRET,
    "REDIS_URL": "rediss://:hunter2@cache.example:6380/0",
    "RATE_LIMIT_HASH_KEY": "a key",
    "ALLOWED_HOSTS": "weather.example",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_code(tmp_path_factory.mktemp("tree"))


def test_check_names_every_setting_that_makes_no_sense_in_a_line_of_its_own(tree: Path) -> None:
    told = run(tree, "manage.py", "check", **NONSENSE)
    lines = [line for line in told.stderr.splitlines() if "weathernote.E001" in line]
    assert told.returncode == 1
    assert sorted(line.split()[2] for line in lines) == sorted(NONSENSE)
    assert "Traceback" not in told.stderr
    assert "hunter2" not in told.stderr + told.stdout


def test_a_replica_needs_the_primary_that_it_is_the_replica_of(tree: Path) -> None:
    told = run(tree, "manage.py", "check", RECORDS_REPLICA_URL="redis://near:6379")
    assert told.returncode == 1 and "RECORDS_REPLICA_URL needs RECORDS_REDIS_URL" in told.stderr
    both = {"RECORDS_REDIS_URL": "redis://far:6379", "RECORDS_REPLICA_URL": "redis://near:6379", "REGION": "eu-west-1"}
    assert run(tree, "manage.py", "check", **both).returncode == 0


def test_a_region_needs_a_name(tree: Path) -> None:
    told = run(tree, "manage.py", "check", RECORDS_REDIS_URL="redis://far:6379")
    assert told.returncode == 1 and "RECORDS_REDIS_URL needs REGION" in told.stderr


def test_serve_does_not_start_on_nonsense(tree: Path) -> None:
    told = run(tree, "manage.py", "serve", PORT="many")
    assert told.returncode == 1
    assert "PORT must be a whole number from 1 to 65535, not 'many'." in told.stderr
    assert "Traceback" not in told.stderr


def test_runserver_does_not_start_on_nonsense(tree: Path) -> None:
    told = run(tree, "manage.py", "runserver", "1", THREADS="many")
    assert told.returncode == 1
    assert told.stderr == "CommandError: THREADS must be a whole number from 4 to 1024, not 'many'.\n"


def test_the_wsgi_callable_does_not_start_on_nonsense(tree: Path) -> None:
    told = run(tree, "-c", "import weathernote.wsgi", REDIS_URL="redsi://:hunter2@cache", WORKERS="0")
    assert told.returncode == 1
    assert told.stderr.splitlines() == [
        "WORKERS must be a whole number from 1 to 256, not '0'.",
        "REDIS_URL must begin with redis:// or rediss:// or unix:// or redis+cluster:// (it has redsi).",
    ]


def test_without_any_environment_check_finds_nothing(tree: Path) -> None:
    assert run(tree, "manage.py", "check").returncode == 0


def test_a_deploy_that_names_all_it_needs_passes(tree: Path) -> None:
    told = run(tree, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **DEPLOYED)
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("missing", DEPLOYED)
def test_a_deploy_without_one_of_them_fails_and_says_which(tree: Path, missing: str) -> None:
    environment = {name: value for name, value in DEPLOYED.items() if name != missing}
    told = run(tree, "manage.py", "check", "--deploy", **environment)
    assert told.returncode == 1
    assert [line.split()[2] for line in told.stderr.splitlines() if "(weathernote.E" in line] == [missing]
    assert "hunter2" not in told.stderr and SECRET not in told.stderr


@pytest.mark.parametrize("hosts", ["127.0.0.1,localhost", "*"])
def test_hosts_that_are_no_clients_address_are_not_real(tree: Path, hosts: str) -> None:
    told = run(tree, "manage.py", "check", "--deploy", **{**DEPLOYED, "ALLOWED_HOSTS": hosts})
    assert told.returncode == 1
    assert "ALLOWED_HOSTS must name the hosts that clients use." in told.stderr


def test_what_the_database_s_url_asks_for_reaches_the_driver(tree: Path) -> None:
    told = run(
        tree,
        "-c",
        "from weathernote import settings; print(settings.DATABASES['default']['OPTIONS'])",
        DATABASE_URL="postgres://me:pw@db.example/x?sslmode=verify-full&sslrootcert=/srv/weathernote/ca/rds.pem",
    )
    assert "'sslmode': 'verify-full'" in told.stdout and "'sslrootcert': '/srv/weathernote/ca/rds.pem'" in told.stdout


RUNS_URL = ("-c", "from weathernote import settings; print(settings.OPEN_METEO_RUNS_URL)")


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://api.open-meteo.com/data"),
        ({"OPEN_METEO_API_KEY": "k"}, "https://customer-api.open-meteo.com/data"),
        ({"OPEN_METEO_URL": "http://weather.example:8080/v1/forecast?x=1"}, "http://weather.example:8080/data"),
        ({"OPEN_METEO_RUNS_URL": "http://runs.example/data"}, "http://runs.example/data"),
    ],
)
def test_run_times_are_asked_for_at_open_meteos_host_unless_another_is_named(tree, environment, url) -> None:
    assert run(tree, *RUNS_URL, **environment).stdout.strip() == url


def test_an_address_of_run_times_to_which_no_path_can_be_added_stops_the_start(tree: Path) -> None:
    told = run(tree, "manage.py", "check", OPEN_METEO_RUNS_URL="https://api.example/data?key=hunter2")
    assert told.returncode == 1
    assert "OPEN_METEO_RUNS_URL must end with a path" in told.stderr
    assert "hunter2" not in told.stderr


def test_the_settings_import_no_room_above_them(tree: Path) -> None:
    program = """
import sys, weathernote.settings
ground = {"weathernote", *(f"weathernote.{name}" for name in ("settings", "environment", "instance", "assets"))}
ours = {name for name in sys.modules if name.partition(".")[0] in ("weathernote", "weather", "prewarm", "ratelimit")}
print(*sorted(ours - ground))
"""
    told = run(tree, "-c", program)
    assert (told.returncode, told.stdout) == (0, "\n")


def test_an_extra_variable_that_is_unknown_stops_every_way_to_start(tree: Path) -> None:
    for arguments in (["manage.py", "serve"], ["manage.py", "runserver", "1"], ["-c", "import weathernote.wsgi"]):
        told = run(tree, *arguments, EXTRA_VARIABLES="uv_index,moon_phase")
        lines = [line for line in told.stderr.splitlines() if "EXTRA_VARIABLES" in line]
        assert told.returncode == 1 and "Traceback" not in told.stderr
        assert len(lines) == 1 and lines[0].endswith("separated by commas, not 'moon_phase'.")
