"""The HTTP caching headers of an answer about places: how long it lives, and where it came from."""

from weathernote.http.headers.cache_headers import STALE_IF_ERROR_SECONDS, CacheResult, cache_control, cache_status
from weathernote.telemetry.origin import Origin

_RESULTS: dict[Origin, CacheResult] = {
    "found": "hit",
    "memory": "hit",
    "derived": "hit",
    "fetched": "miss",
    "stale": "stale",
}
NO_STORE = "no-store"
_JSON = "application/json"


def answer_headers(
    life_seconds: int, left_of_day: int, origin: Origin, *, is_stored: bool, content_type: str = _JSON
) -> dict[str, str]:
    """The headers of a body that lives so long, and may be shown stale for `left_of_day` seconds more."""
    return {
        "Content-Type": content_type,
        "Cache-Control": cache_control(life_seconds, left_of_day),
        "Cache-Status": cache_status(_RESULTS[origin], life_seconds, is_stored=is_stored),
    }


def left_of_day(midnight: int | None, expires_at: int) -> int:
    """For how many seconds an answer that has expired may be shown; `midnight` as in Answer.

    Nobody is shown yesterday as today: a cache may not keep an expired forecast past the cell's day.
    """
    if midnight is None:
        return STALE_IF_ERROR_SECONDS
    return min(STALE_IF_ERROR_SECONDS, max(0, midnight - expires_at))
