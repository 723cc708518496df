"""The response headers that tell caches how long an answer lives (RFC 9111) and where it came from (RFC 9211)."""

from functools import lru_cache
from typing import Literal

from django.conf import settings

#: `hit`: the answer was kept ready. `miss`: this request had to wait for its making. `stale`: it is due for a refresh.
CacheResult = Literal["hit", "miss", "stale"]

STALE_WHILE_REVALIDATE_SECONDS = 60
STALE_IF_ERROR_SECONDS = 3600


@lru_cache(maxsize=4096)
def cache_control(life_seconds: int, stale_seconds: int = STALE_IF_ERROR_SECONDS) -> str:
    """`Cache-Control` of an answer that lives so long, and may be shown stale for at most `stale_seconds` more."""
    refresh_seconds = min(STALE_WHILE_REVALIDATE_SECONDS, stale_seconds)
    return f"public, max-age={life_seconds}, stale-while-revalidate={refresh_seconds}, stale-if-error={stale_seconds}"


@lru_cache(maxsize=4096)
def cache_status(result: CacheResult, life_seconds: int, *, is_stored: bool) -> str:
    """`Cache-Status`: a hit names its life, the others whether the answer is stored by now; and REGION if it is set."""
    region = f"; detail={settings.REGION}" if settings.REGION else ""
    if result == "hit":
        return f"weathernote; hit; ttl={life_seconds}{region}"
    return f"weathernote; fwd={result}{'; stored' if is_stored else ''}{region}"
