"""What a server does not load, in processes of their own, as this one has loaded it for other tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes.tree import environment
from tests.support.servers import TOP

#: Heavy, and none is needed before it is asked for.
BEFORE_IT_IS_ASKED_FOR = {"flatbuffers", "graphql", "numpy", "openmeteo_sdk", "strawberry", "tzfpy"}
NEVER = {"anyio", "chardet", "click", "django.contrib.postgres", "jinja2", "markdown", "opentelemetry"}
NEVER |= {"django.test", "psycopg", "pygments", "unittest", "uvicorn", "uvloop", "watchfiles", "yaml"}

AS_GRANIAN_LOADS_IT = """
from weathernote.runtime import granian
options = "weathernote.wsgi:application --host 127.0.0.1 --port 9 --workers 2 --threads 4 --grace-seconds 1"
granian.load("weathernote.wsgi:application")
granian.server(granian.options().parse_args(options.split()))
from weather.api import service
assert service._services, "each worker would make them anew"
"""
ITS_MODULES = "import sys; print(*sys.modules)"


def modules(tmp_path: Path, code: str) -> set[str]:
    """The modules that a new process has after `code`."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "weathernote.settings",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
    }
    run = subprocess.run(
        [sys.executable, "-c", code + ITS_MODULES],
        cwd=TOP,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_what_is_loaded_for_workers_is_what_requests_need(tmp_path: Path) -> None:
    loaded = modules(tmp_path, AS_GRANIAN_LOADS_IT)
    assert {"weather.api.views", "weather.openmeteo_api.views", "django.contrib.admin.sites"} <= loaded
    assert sorted(loaded & (BEFORE_IT_IS_ASKED_FOR | NEVER | {"redis.asyncio.client"})) == []
    assert len(loaded) < 1500


def test_what_starts_an_instance_loads_the_settings_alone(tmp_path: Path) -> None:
    code = "from weathernote.runtime import serve, prepared; prepared.line_to_say(demo=False); "
    loaded = modules(tmp_path, code)
    assert "weathernote.settings" in loaded
    assert sorted(loaded & {"asyncio", "django.conf", "django.db", "redis", "requests", "ssl"}) == []


USED_AFTERWARDS = """
from weathernote.runtime.unused import without_unused
{}
import jinja2, markdown, redis.asyncio.client
assert redis.asyncio.Redis is redis.asyncio.client.Redis
"""


@pytest.mark.parametrize("first", ["with without_unused(): import redis", "import redis.asyncio"])
def test_who_imports_it_later_gets_it(tmp_path: Path, first: str) -> None:
    assert "redis.asyncio.client" in modules(tmp_path, USED_AFTERWARDS.format(first))


THE_SCHEMA = """
import weathernote.wsgi
from weathernote.site.docs import schema
assert b"/api/v1/weather" in schema(None).content
"""


#: Of drf-spectacular, and used by no route: it derives a class from one of what is loaded later.
AS_YAML = """
import weathernote.wsgi
from drf_spectacular.renderers import OpenApiYamlRenderer
assert OpenApiYamlRenderer().render({"openapi": "3.1.0"}) == b"openapi: 3.1.0\\n"
"""


def test_what_is_called_later_is_all_there_once_the_service_is_loaded(tmp_path: Path) -> None:
    assert "yaml" in modules(tmp_path, AS_YAML)


def test_the_schema_loads_what_it_needs(tmp_path: Path) -> None:
    assert "django.test" in modules(tmp_path, THE_SCHEMA)
