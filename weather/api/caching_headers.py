"""The HTTP caching headers of an answer: how long it lives, and where it came from."""

from functools import lru_cache

from weathernote.telemetry.origin import Origin

_CACHE_STATUS: dict[Origin, str] = {
    "found": "weathernote; hit; ttl={ttl}",
    "memory": "weathernote; hit; ttl={ttl}",
    "derived": "weathernote; hit; ttl={ttl}",
    "fetched": "weathernote; fwd=miss{stored}",
    "stale": "weathernote; fwd=stale{stored}",
}
NO_STORE = "no-store"
_JSON = "application/json"


def caching_headers(
    life_seconds: int, left_of_day: int, origin: Origin, *, is_stored: bool, content_type: str = _JSON
) -> dict[str, str]:
    """The headers of a body that lives so long, and may be shown stale for `left_of_day` seconds more."""
    return {
        "Content-Type": content_type,
        "Cache-Control": _cache_control(life_seconds, left_of_day),
        "Cache-Status": _cache_status(origin, life_seconds, is_stored),
    }


def left_of_day(midnight: int | None, expires_at: int) -> int:
    """For how many seconds an answer that has expired may be shown; `midnight` as in Answer.

    Nobody is shown yesterday as today: a cache may not keep an expired forecast past the cell's day.
    """
    return 3600 if midnight is None else min(3600, max(0, midnight - expires_at))


@lru_cache(maxsize=4096)
def _cache_control(life_seconds: int, left_of_day: int) -> str:
    return (
        f"public, max-age={life_seconds}, stale-while-revalidate={min(60, left_of_day)}, stale-if-error={left_of_day}"
    )


@lru_cache(maxsize=4096)
def _cache_status(origin: Origin, life_seconds: int, is_stored: bool) -> str:
    return _CACHE_STATUS[origin].format(ttl=life_seconds, stored="; stored" if is_stored else "")
