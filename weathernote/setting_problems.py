"""What makes no sense in the settings, in one clear sentence each.

Every start asks, also of a process that loads nothing else: so what takes long is imported where it is needed.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from weathernote.bare_settings import settings


def problems() -> list[str]:
    """A sentence for each setting that makes no sense; none holds a password."""
    return [
        *settings.ENVIRONMENT.problems,
        *_of_redis_urls(),
        *_of_regions(),
        *_of_hosts(),
        *_of_the_runs_url(),
        *of_extra_variables(),
    ]


def _of_redis_urls() -> Iterator[str]:
    """A URL of a Redis that redis-py cannot use. It may carry a password, and so may the error: neither is shown."""
    for name in ("REDIS_URL", "RECORDS_REDIS_URL", "RECORDS_REPLICA_URL"):
        if (url := getattr(settings, name)) and not _is_usable(url):
            yield f"{name} has a database or an option that means nothing."


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("redis", "rediss") and not re.fullmatch(r"/?\d*", parts.path):
            return False
    except ValueError:
        return False
    return not parts.query or parts.scheme == "redis+cluster" or _has_usable_options(url)


def _has_usable_options(url: str) -> bool:
    from redis.connection import ConnectionPool

    try:
        ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError):
        return False
    return True


def _of_regions() -> Iterator[str]:
    """A replica whose primary is not named, and a region that has no name.

    What is written would never come to that replica. Regions without names count as one, and leave each other nothing.
    """
    is_named = settings.REGION or any(problem.startswith("REGION ") for problem in settings.ENVIRONMENT.problems)
    if settings.RECORDS_REDIS_URL and not is_named:
        yield "RECORDS_REDIS_URL needs REGION, the name by which the budget leaves this region its part."
    if settings.RECORDS_REPLICA_URL and not settings.RECORDS_REDIS_URL:
        yield "RECORDS_REPLICA_URL needs RECORDS_REDIS_URL, the primary that it is the replica of."


def _of_hosts() -> Iterator[str]:
    """An item of ALLOWED_HOSTS with a scheme, a port or a path."""
    odd = [host for host in settings.ALLOWED_HOSTS if not re.fullmatch(r"\*|\.?[\w.-]+|\[[0-9A-Fa-f:.]+\]", host)]
    if odd:
        yield f"ALLOWED_HOSTS must hold host names alone, not {odd[0]!r}."


def _of_the_runs_url() -> Iterator[str]:
    """An OPEN_METEO_RUNS_URL to which no path can be added."""
    parts = urlsplit(settings.OPEN_METEO_RUNS_URL)
    if parts.query or parts.fragment:
        yield "OPEN_METEO_RUNS_URL must end with a path: /<model>/static/meta.json follows it."


def of_extra_variables() -> list[str]:
    """A sentence for a name in EXTRA_VARIABLES that is no variable, else none."""
    if not settings.EXTRA_VARIABLES:
        return []
    from weather.core.datasets import WEATHER

    known = [variable.name for variable in WEATHER.optional]
    unknown = [name for name in settings.EXTRA_VARIABLES if name not in known]
    if not unknown:
        return []
    return [f"EXTRA_VARIABLES must be some of {', '.join(known)}, separated by commas, not {unknown[0]!r}."]
