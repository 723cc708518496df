"""The settings of a machine without any environment, whatever the shell and `.run/` of the developer hold."""

import os
import tempfile
from pathlib import Path
from typing import Any

from tests.support.suite import bundled_servers

OURS = [
    "SECRET_KEY",
    "DEBUG",
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "REDIS_URL",
    "RECORDS_REDIS_URL",
    "RECORDS_REPLICA_URL",
    "RECORDS_REDIS_TIMEOUT_SECONDS",
    "REGION",
    "OPEN_METEO_URL",
    "OPEN_METEO_RUNS_URL",
    "AIR_QUALITY_URL",
    "OPEN_METEO_API_KEY",
    "WEATHER_TTL_SECONDS",
    "FORECAST_TTL_SECONDS",
    "AIR_QUALITY_TTL_SECONDS",
    "HOLD_SECONDS",
    "EXTRA_VARIABLES",
    "OPEN_METEO_FORMAT",
    "UPSTREAM_TIMEOUT_SECONDS",
    "UPSTREAM_MINUTE_BUDGET",
    "UPSTREAM_HOUR_BUDGET",
    "UPSTREAM_DAY_BUDGET",
    "UPSTREAM_CONCURRENCY",
    "COLD_CELLS_PER_CLIENT_PER_HOUR",
    "COLD_SHARE_PER_ADDRESS",
    "FLEET_PROCESSES",
    "RATE_LIMIT_REQUESTS",
    "RATE_LIMIT_WINDOW_SECONDS",
    "RATE_LIMIT_HASH_KEY",
    "TRUSTED_PROXY_COUNT",
    "METRICS_ALLOWED_NETWORKS",
    "COST_INSTANCE_HOUR",
    "COST_REDIS_HOUR",
    "COST_UPSTREAM_CALL",
    "PROMETHEUS_MULTIPROC_DIR",
    "API_CORS",
    "HOST",
    "PORT",
    "LIVE_PORT",
    "LIVE_STREAMS_PER_CLIENT",
    "LIVE_STREAMS_PER_ADDRESS",
    "LIVE_STREAMS",
    "WORKERS",
    "THREADS",
    "DRAIN_SECONDS",
    "LOG_LEVEL",
    "MIGRATE",
    "EDGE_PORT",
    "EDGE_HTTP_PORT",
    "EDGE_ADDRESS_REQUESTS",
    "EDGE_STAFF_NETWORKS",
    "EDGE_ALLOWED_NETWORKS",
]
for name in OURS:
    os.environ.pop(name, None)
# Every server is on this machine, and a proxy of the shell's would not know it.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

_folder = Path(tempfile.mkdtemp(prefix="weathernote-tests-"))
_servers = f'{{"redis_url": "unix://{_folder}/nothing-here.sock", "simulator_url": ""}}'
(_folder / "instance.json").write_text(_servers)
os.environ["WEATHERNOTE_INSTANCE"] = str(_folder)
bundled_servers.put_on_path(_folder / "bin")

from weathernote.settings import *  # noqa: E402, F403 - the project's own, read after the environment is cleared

# In a busy machine's tests a reply may well take longer than a phone may wait for it.
REDIS_TIMEOUT_SECONDS = 0.5
_caches: Any = CACHES  # noqa: F405
_caches["default"]["OPTIONS"] |= dict.fromkeys(("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT"), REDIS_TIMEOUT_SECONDS)
# The servers that tests start read the environment of their own.
del os.environ["WEATHERNOTE_INSTANCE"]
if os.environ.get("PYTEST_XDIST_WORKER"):
    # One of several processes has a file of its own: pytest-django does not know the engine, and would name none.
    DATABASES["default"]["TEST"] = {"NAME": str(_folder / "database")}  # noqa: F405
