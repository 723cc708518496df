"""System checks: one clear sentence for each setting that makes no sense, and for a deploy without its secrets."""

import re
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register
from redis.connection import ConnectionPool

from weather.core.datasets import WEATHER


@register()
def check_environment(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E001 for each variable whose value makes no sense."""
    return [Error(problem, id="weathernote.E001") for problem in settings.ENVIRONMENT.problems]


@register()
def check_redis_url(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E001 for each URL of a Redis that redis-py cannot use."""
    # A URL may carry a password, and so may the error: neither is shown.
    return [
        Error(f"{name} has a database or an option that means nothing.", id="weathernote.E001")
        for name in ("REDIS_URL", "RECORDS_REDIS_URL", "RECORDS_REPLICA_URL")
        if (url := getattr(settings, name)) and not _is_usable(url)
    ]


def _is_usable(url: str) -> bool:
    try:
        if url.startswith(("redis://", "rediss://")) and not re.fullmatch(r"/?\d*", urlsplit(url).path):
            return False
        if not url.startswith("redis+cluster://"):
            ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError):
        return False
    return True


@register()
def check_regions(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E001 for a replica whose primary is not named, and for a region that has no name.

    What is written would never come to that replica. Regions without names count as one, and leave each other nothing.
    """
    is_named = settings.REGION or any(problem.startswith("REGION ") for problem in settings.ENVIRONMENT.problems)
    if settings.RECORDS_REDIS_URL and not is_named:
        sentence = "RECORDS_REDIS_URL needs REGION, the name by which the budget leaves this region its part."
        return [Error(sentence, id="weathernote.E001")]
    if not settings.RECORDS_REPLICA_URL or settings.RECORDS_REDIS_URL:
        return []
    sentence = "RECORDS_REPLICA_URL needs RECORDS_REDIS_URL, the primary that it is the replica of."
    return [Error(sentence, id="weathernote.E001")]


@register()
def check_hosts(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E001 for an item of ALLOWED_HOSTS with a scheme, a port or a path."""
    odd = [host for host in settings.ALLOWED_HOSTS if not re.fullmatch(r"\*|\.?[\w.-]+|\[[0-9A-Fa-f:.]+\]", host)]
    return [Error(f"ALLOWED_HOSTS must hold host names alone, not {odd[0]!r}.", id="weathernote.E001")] if odd else []


@register()
def check_runs_url(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E001 for an OPEN_METEO_RUNS_URL to which no path can be added."""
    parts = urlsplit(settings.OPEN_METEO_RUNS_URL)
    if not (parts.query or parts.fragment):
        return []
    return [
        Error("OPEN_METEO_RUNS_URL must end with a path: /<model>/static/meta.json follows it.", id="weathernote.E001")
    ]


@register()
def check_extra_variables(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E001 for a name in EXTRA_VARIABLES that is no variable."""
    known = [variable.name for variable in WEATHER.optional]
    unknown = [name for name in settings.EXTRA_VARIABLES if name not in known]
    if not unknown:
        return []
    sentence = f"EXTRA_VARIABLES must be some of {', '.join(known)}, separated by commas, not {unknown[0]!r}."
    return [Error(sentence, id="weathernote.E001")]


@register()
def report_cost_of_extra_variables(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.I001, in `manage.py check` alone: how many refreshes EXTRA_VARIABLES leave in the budget."""
    # Every command runs the checks, and cron would mail the message every ten minutes.
    if sys.argv[1:2] != ["check"] or not settings.EXTRA_VARIABLES or check_extra_variables(None):
        return []
    return [Info(cost_of(settings.EXTRA_VARIABLES, settings.UPSTREAM_DAY_BUDGET), id="weathernote.I001")]


def cost_of(names: Sequence[str], day_budget: int) -> str:
    """A sentence: the weight of a cell with these extra variables, and the refreshes that a day's budget buys."""
    dataset = WEATHER.with_extras(names)
    weight = dataset.weight_of_a_cell
    return (
        f"EXTRA_VARIABLES ({', '.join(variable.name for variable in dataset.extras)}): a place weighs {weight:g} of "
        f"Open-Meteo's quota instead of 1, so a day's budget of {day_budget:,} "
        f"buys {int(day_budget / weight):,} refreshes."
    )


def settings_errors() -> list[CheckMessage]:
    """The errors of every check of settings, for a server that starts without Django's commands."""
    return [
        *check_environment(None),
        *check_redis_url(None),
        *check_regions(None),
        *check_hosts(None),
        *check_runs_url(None),
        *check_extra_variables(None),
    ]


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """weathernote.E002 and E003 in `check --deploy`: settings that real clients need and the environment lacks."""
    needed = {
        "SECRET_KEY": settings.SECRET_KEY_IS_GIVEN,
        "REDIS_URL": settings.REDIS_URL_IS_GIVEN,
        "RATE_LIMIT_HASH_KEY": bool(settings.RATE_LIMIT_HASH_KEY),
    }
    problems: list[CheckMessage] = [
        Error(f"{name} must be set where real clients are served.", id="weathernote.E002")
        for name, given in needed.items()
        if not given
    ]
    if not settings.HOSTS_ARE_REAL or "*" in settings.ALLOWED_HOSTS:
        problems.append(Error("ALLOWED_HOSTS must name the hosts that clients use.", id="weathernote.E003"))
    return problems
