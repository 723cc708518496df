"""`/health`, for the balancer: 200 while users can be answered, 503 once this instance is about to stop."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from weather.api import service
from weathernote import redis
from weathernote.instance import STOPPING_FILE

#: No limit counts /health, so Redis is asked once in so long, however often /health is.
LOOK_SECONDS = 1.0

T = TypeVar("T")


class Remembered(Generic[T]):
    """What `look` gave less than LOOK_SECONDS ago; of threads that want a new look at once, one takes it for all."""

    def __init__(self, look: Callable[[], T], now: Callable[[], float] = monotonic) -> None:
        self.look = look
        self.now = now
        self._seen: tuple[float, T] | None = None
        self._looking = threading.Lock()

    def value(self) -> T:
        asked_at = self.now()
        if (seen := self._since(asked_at)) is None:
            with self._looking:
                # Who waited for another's look has it now.
                seen = self._since(asked_at)
                if seen is None:
                    found = self.look()
                    seen = self._seen = self.now(), found
        return seen[1]

    def _since(self, asked_at: float) -> tuple[float, T] | None:
        return self._seen if self._seen and asked_at < self._seen[0] + LOOK_SECONDS else None

    def forget(self) -> None:
        self._seen = None


def _look() -> tuple[bool, str]:
    """Whether Redis is down, and the state of Open-Meteo."""
    redis_is_down = redis.is_down()
    return redis_is_down, service.upstream_state(ask_redis=not redis_is_down)


state = Remembered(_look)


def health(request: HttpRequest) -> JsonResponse:
    redis_is_down, upstream = state.value()
    status = "degraded" if redis_is_down or upstream != "ok" else "ok"
    stopping = (settings.INSTANCE.folder / STOPPING_FILE).exists()
    response = JsonResponse(
        {
            "status": "stopping" if stopping else status,
            "redis": "down" if redis_is_down else "ok",
            "upstream": upstream,
        },
        status=503 if stopping else 200,
        headers={"Cache-Control": "no-store"},
    )
    response._has_been_logged = True  # type: ignore[attr-defined] # a 503 here is meant, not a fault
    return response
