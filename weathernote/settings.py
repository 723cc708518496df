"""WeatherNote's settings: the only reader of the environment.

Without any environment the service is safe on one machine. Every variable, its meaning and its
default stand in docs/settings.md; what makes no sense is named by `manage.py check` and stops the start.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from weathernote import __version__, assets, instance
from weathernote.environment import REDIS_SCHEMES, Environment, database_config

BASE_DIR = Path(__file__).resolve().parent.parent
RUN_DIR = BASE_DIR / ".run"
ENVIRONMENT = Environment(os.environ)
instance.make_folder(RUN_DIR)

# ── the service ──────────────────────────────────────────────────────────────────────────────────
HOST = ENVIRONMENT.text("HOST", "127.0.0.1")
PORT = ENVIRONMENT.integer("PORT", 8000, 1, 65535)
WORKERS = ENVIRONMENT.integer("WORKERS", os.cpu_count() or 1, 1, 256)
# Threads wait for Open-Meteo, so there are many; a hit holds one for less than a millisecond.
THREADS = ENVIRONMENT.integer("THREADS", 128, 4, 1024)
DRAIN_SECONDS = ENVIRONMENT.integer("DRAIN_SECONDS", 0, 0, 3600)
# Where `manage.py live` listens, which holds the open streams. 0: none is started beside this instance, and phones
# reach those of others through the edge.
LIVE_PORT = ENVIRONMENT.integer("LIVE_PORT", 8001, 0, 65535)
# Streams of a process: of one client, of one address, in all.
LIVE_STREAMS_PER_CLIENT = ENVIRONMENT.integer("LIVE_STREAMS_PER_CLIENT", 5, 1)
LIVE_STREAMS_PER_ADDRESS = ENVIRONMENT.integer("LIVE_STREAMS_PER_ADDRESS", 500, 1)
LIVE_STREAMS = ENVIRONMENT.integer("LIVE_STREAMS", 15_000, 1, 1_000_000)
# Off where several instances share a database, and a rollout migrates it in a step of its own.
MIGRATE = ENVIRONMENT.switch("MIGRATE", default=True)
# Whether pages of any origin may read the API's answers.
API_CORS = ENVIRONMENT.switch("API_CORS")

WEATHER_TTL_SECONDS = ENVIRONMENT.integer("WEATHER_TTL_SECONDS", 600, 1, 86_400)
FORECAST_TTL_SECONDS = ENVIRONMENT.integer("FORECAST_TTL_SECONDS", 600, 1, 86_400)
AIR_QUALITY_TTL_SECONDS = ENVIRONMENT.integer("AIR_QUALITY_TTL_SECONDS", 1800, 1, 86_400)
HOLD_SECONDS = ENVIRONMENT.integer("HOLD_SECONDS", 172_800, 600, 345_600)

# ── Open-Meteo ───────────────────────────────────────────────────────────────────────────────────
INSTANCE = instance.Instance.current(
    RUN_DIR, ENVIRONMENT.text(instance.INSTANCE_VARIABLE), ENVIRONMENT.text("REDIS_URL")
)
OPEN_METEO_API_KEY = ENVIRONMENT.text("OPEN_METEO_API_KEY")
_CUSTOMER = "customer-" if OPEN_METEO_API_KEY else ""
LIVE_OPEN_METEO_URL = ENVIRONMENT.url(
    "OPEN_METEO_URL", f"https://{_CUSTOMER}api.open-meteo.com/v1/forecast", ("https", "http")
)
LIVE_AIR_QUALITY_URL = ENVIRONMENT.url(
    "AIR_QUALITY_URL", f"https://{_CUSTOMER}air-quality-api.open-meteo.com/v1/air-quality", ("https", "http")
)
OPEN_METEO_URL = INSTANCE.simulator_url or LIVE_OPEN_METEO_URL
AIR_QUALITY_URL = INSTANCE.simulator_url or LIVE_AIR_QUALITY_URL
# Where weather models' run times are told; `/<model>/static/meta.json` follows.
_DATA = urlsplit(LIVE_OPEN_METEO_URL)._replace(path="/data", query="", fragment="").geturl()
LIVE_OPEN_METEO_RUNS_URL = ENVIRONMENT.url("OPEN_METEO_RUNS_URL", _DATA, ("https", "http"))
OPEN_METEO_RUNS_URL = f"{INSTANCE.simulator_url}/data" if INSTANCE.simulator_url else LIVE_OPEN_METEO_RUNS_URL
SOURCE = "simulator" if INSTANCE.simulator_url else "open-meteo"
# What answers are asked for in; `verify_upstream` compares both.
OPEN_METEO_FORMAT: Literal["json", "flatbuffers"] = ENVIRONMENT.choice("OPEN_METEO_FORMAT", "json", "flatbuffers")
# Variables besides the ten, of those that setting_problems.py names; each adds a tenth to the weight of every refresh.
EXTRA_VARIABLES = tuple(ENVIRONMENT.items("EXTRA_VARIABLES"))
UPSTREAM_TIMEOUT_SECONDS = ENVIRONMENT.real("UPSTREAM_TIMEOUT_SECONDS", 5, 0.1, 60)
# The free service's own limits; each binds by itself, in any order of size.
UPSTREAM_MINUTE_BUDGET = ENVIRONMENT.integer("UPSTREAM_MINUTE_BUDGET", 600, 1)
UPSTREAM_HOUR_BUDGET = ENVIRONMENT.integer("UPSTREAM_HOUR_BUDGET", 5000, 1)
UPSTREAM_DAY_BUDGET = ENVIRONMENT.integer("UPSTREAM_DAY_BUDGET", 10_000, 1)
UPSTREAM_CONCURRENCY = ENVIRONMENT.integer("UPSTREAM_CONCURRENCY", 1, 1, 100)
FLEET_PROCESSES = ENVIRONMENT.integer("FLEET_PROCESSES", 40, 1, 100_000)
COLD_CELLS_PER_CLIENT_PER_HOUR = ENVIRONMENT.integer("COLD_CELLS_PER_CLIENT_PER_HOUR", 30, 1)
COLD_SHARE_PER_ADDRESS = ENVIRONMENT.real("COLD_SHARE_PER_ADDRESS", 0.1, 0.001, 1)

# ── Redis ────────────────────────────────────────────────────────────────────────────────────────
REDIS_URL_IS_GIVEN = bool(ENVIRONMENT.text("REDIS_URL"))
REDIS_URL = ENVIRONMENT.url("REDIS_URL", "", REDIS_SCHEMES) or INSTANCE.redis_url
# For connecting and for each reply, so that /health reports a Redis that hangs within 100 ms.
REDIS_TIMEOUT_SECONDS = 0.08
# Of several regions: the one that all of them write records to, and its replica in this one. Empty: REDIS_URL, and the
# first of the two.
RECORDS_REDIS_URL = ENVIRONMENT.url("RECORDS_REDIS_URL", "", REDIS_SCHEMES)
RECORDS_REPLICA_URL = ENVIRONMENT.url("RECORDS_REPLICA_URL", "", REDIS_SCHEMES)
# A primary in another region is up to 200 ms away.
RECORDS_REDIS_TIMEOUT_SECONDS = ENVIRONMENT.real("RECORDS_REDIS_TIMEOUT_SECONDS", 0.5, 0.05, 5)
# This region's name in metrics, in the request log and in Cache-Status.
REGION = ENVIRONMENT.token("REGION")

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [REDIS_URL],
        # Redis holds exactly the names that the contract promises, without Django's `:1:` before them.
        "KEY_FUNCTION": "weathernote.redis.cache_backend.exact_key",
        "REVERSE_KEY_FUNCTION": "weathernote.redis.cache_backend.exact_key_reversed",
        "OPTIONS": {
            # One server or, by `redis+cluster://`, a cluster.
            "CLIENT_CLASS": "weathernote.redis.cache_backend.CacheClient",
            "CONNECTION_FACTORY": "weathernote.redis.cache_backend.Connections",
            # Text in, text out: whoever can write to Redis must not be able to run code here.
            "SERIALIZER": "weathernote.redis.cache_backend.TextSerializer",
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "CONNECTION_POOL_KWARGS": {
                # RESP3 turns off the check for unread data, and a stray reply reaches the next caller.
                "protocol": 2,
                # A counting command that is sent twice counts twice.
                "retry": None,
                # Sending the library's name would cost each new connection two round trips.
                "driver_info": None,
                # For the handshake alone: later replies are read by weathernote.redis.connections.connection.
                "socket_read_size": 4096,
                "max_connections": 256,
            },
        },
    }
}

# ── fair use ─────────────────────────────────────────────────────────────────────────────────────
RATE_LIMIT_REQUESTS = ENVIRONMENT.integer("RATE_LIMIT_REQUESTS", 60, 1, 1_000_000)
RATE_LIMIT_WINDOW_SECONDS = ENVIRONMENT.integer("RATE_LIMIT_WINDOW_SECONDS", 60, 1, 86_400)
TRUSTED_PROXY_COUNT = ENVIRONMENT.integer("TRUSTED_PROXY_COUNT", 0, 0, 10)
RATE_LIMIT_HASH_KEY = ENVIRONMENT.text("RATE_LIMIT_HASH_KEY")

# ── the edge before the instances ────────────────────────────────────────────────────────────────
EDGE_PORT = ENVIRONMENT.integer("EDGE_PORT", 8443, 1, 65535)
# As 80 is to 443.
EDGE_HTTP_PORT = ENVIRONMENT.integer("EDGE_HTTP_PORT", EDGE_PORT - 363 if EDGE_PORT > 363 else EDGE_PORT + 1, 1, 65535)
EDGE_ADDRESS_REQUESTS = ENVIRONMENT.integer("EDGE_ADDRESS_REQUESTS", 1000, 1)
EDGE_STAFF_NETWORKS = ENVIRONMENT.networks("EDGE_STAFF_NETWORKS", ("127.0.0.0/8", "::1/128"))
# The networks of edges, which report the answers from their caches.
EDGE_ALLOWED_NETWORKS = ENVIRONMENT.networks("EDGE_ALLOWED_NETWORKS", ("127.0.0.0/8", "::1/128"))

# ── metrics ──────────────────────────────────────────────────────────────────────────────────────
METRICS_ALLOWED_NETWORKS = ENVIRONMENT.networks("METRICS_ALLOWED_NETWORKS", ("127.0.0.0/8", "::1/128"))
# For the cost of a million requests, in whatever currency; an instance's share of Redis where several share it.
COST_INSTANCE_HOUR = ENVIRONMENT.real("COST_INSTANCE_HOUR", 0, 0)
COST_REDIS_HOUR = ENVIRONMENT.real("COST_REDIS_HOUR", 0, 0)
COST_UPSTREAM_CALL = ENVIRONMENT.real("COST_UPSTREAM_CALL", 0, 0)
# Cron's prewarm adds to the metrics of the instance on the same machine.
instance.count_with_the_instance(INSTANCE, is_prewarm=sys.argv[1:2] == ["prewarm"])
# The folder for the metrics of all workers; empty for a single process, or if it could not be made.
METRICS_FOLDER = ENVIRONMENT.text(instance.METRICS_VARIABLE)

# ── Django ───────────────────────────────────────────────────────────────────────────────────────
DEBUG = ENVIRONMENT.switch("DEBUG")
SECRET_KEY_IS_GIVEN = bool(ENVIRONMENT.text("SECRET_KEY"))
SECRET_KEY = ENVIRONMENT.text("SECRET_KEY") or instance.stored_secret(RUN_DIR)
# 10.0.2.2 is the Android emulator's name for the machine that it runs on.
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]", "10.0.2.2")
ALLOWED_HOSTS = ENVIRONMENT.items("ALLOWED_HOSTS", LOOPBACK_HOSTS)
HOSTS_ARE_REAL = bool(set(ALLOWED_HOSTS) - set(LOOPBACK_HOSTS))

INSTALLED_APPS = [
    "weathernote",
    "weather",
    "ratelimit",
    "prewarm",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_prometheus",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "axes",
]
MIDDLEWARE = ["weathernote.http.middleware.record_request", "weathernote.http.middleware.MiddlewareByArea"]
# Not for the API's answers, which need none of them; the admin's pass both lists.
PAGE_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "weathernote.http.middleware.CommonWithHostFreePaths",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
STAFF_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
if API_CORS:
    # Added only if it is on, so that it costs other deployments nothing.
    MIDDLEWARE.insert(1, "weathernote.http.cors.any_origin")
ROOT_URLCONF = "weathernote.urls"
WSGI_APPLICATION = "weathernote.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "weathernote" / "site" / "templates", BASE_DIR / "weathernote" / "dashboard" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
_DATABASE_URL = ENVIRONMENT.url(
    "DATABASE_URL",
    f"sqlite:///{RUN_DIR / 'db.sqlite3'}",
    ("sqlite", "postgres", "postgresql"),
)
DATABASES = {"default": database_config(_DATABASE_URL)}
# Django's own engines with counters of queries and errors; weather and forecast never use the database.
_ENGINE = DATABASES["default"]["ENGINE"].rpartition(".")[2]
DATABASES["default"]["ENGINE"] = f"django_prometheus.db.backends.{_ENGINE}"
if _DATABASE_URL.startswith("sqlite"):
    # A deferred transaction that reads and then writes would fail at once while another one writes.
    DATABASES["default"]["OPTIONS"].update(transaction_mode="IMMEDIATE", timeout=20)
else:
    # Without these a server that accepts connections but never answers, or whose machine is down, would block a thread
    # for long. On Linux a connection is closed 8 s after its last packet; libpq ignores options that a system lacks.
    DATABASES["default"]["OPTIONS"].update(
        connect_timeout=3,
        keepalives=1,
        keepalives_idle=3,
        keepalives_interval=2,
        keepalives_count=2,
        tcp_user_timeout=8000,
        options="-c statement_timeout=30s",
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
# Ten wrong passwords for a name from an address lock the two for an hour, in the database, for all instances.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = timedelta(hours=1)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "ratelimit.identity.login_address"
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_VERBOSE = False
# Of a form, in which staff may select some thousand cities. It does not limit queries.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
# Files are served from their packages, so that a fresh clone needs no collectstatic.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
_PAGE_FILES = BASE_DIR / "weathernote" / "site" / "browser"
PAGE_FOLDER = f"page/{'now' if DEBUG else assets.version(_PAGE_FILES)}"
STATICFILES_DIRS = [(PAGE_FOLDER, _PAGE_FILES), ("dashboard", BASE_DIR / "weathernote" / "dashboard" / "static")]
WHITENOISE_IMMUTABLE_FILE_TEST = assets.UNCHANGING

# TLS ends at the edge; staff's cookies require it wherever a real host is served.
SESSION_COOKIE_SECURE = HOSTS_ARE_REAL
CSRF_COOKIE_SECURE = HOSTS_ARE_REAL
# The edge overwrites the header; without an edge anybody could set it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
# Pages that come through the edge have https origins.
CSRF_TRUSTED_ORIGINS = [f"https://{'*' if host.startswith('.') else ''}{host}" for host in ALLOWED_HOSTS if host != "*"]
SILENCED_SYSTEM_CHECKS = [
    "axes.W002",  # its middleware stands around the login alone, in site/login.py
    # weathernote.http.middleware.MiddlewareByArea adds these middlewares by area
    *("security.W001", "security.W002", "security.W003", "admin.E408", "admin.E409", "admin.E410"),
    "security.W004",  # HSTS is the edge's to send
    "security.W008",  # TLS ends at the edge, Django never redirects to https
]

REST_FRAMEWORK = {
    # No authentication: it reads the database as soon as a cookie is sent, and the API must not.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    # Or ClientTokenBucketThrottle: docs/api.md says what each lets through.
    "DEFAULT_THROTTLE_CLASSES": ["ratelimit.throttling.ClientWindowThrottle"],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "weathernote.http.problems.from_exception",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "WeatherNote",
    "VERSION": __version__,
    "DESCRIPTION": (
        "Weather and forecast for mobile clients, by 0.1° cell.\n\n"
        "`/api/v1/weather/events?lat=…&lon=…` pushes the answers of `/api/v1/weather` as server-sent events, and "
        "`/api/v1/live` those of up to 20 places over a WebSocket; a schema of requests and answers cannot say how.\n\n"
        "Weather data by [Open-Meteo.com](https://open-meteo.com/), CC BY 4.0."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "SORT_OPERATIONS": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "DISABLE_ERRORS_AND_WARNINGS": False,
    "ENUM_NAME_OVERRIDES": {},
}

LOG_LEVEL = ENVIRONMENT.log_level("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "weathernote.telemetry.logs.JsonLines"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
        # Client errors are described in the response; the log is for errors of the service.
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "django.security.DisallowedHost": {"handlers": ["console"], "level": "CRITICAL", "propagate": False},
        # runserver's own line includes the query, and so a position; the request log has the request already.
        "django.server": {"handlers": ["console"], "level": "CRITICAL", "propagate": False},
        # Its lines at INFO hold paths with their queries, and so positions; clients cause its warnings.
        "uvicorn": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "_granian": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "django.db.backends": {"level": "INFO"},  # at DEBUG it writes what queries ask for
        "urllib3": {"level": "WARNING"},  # at DEBUG it writes the URL, and the key in it
    },
}
