"""`/health`, for the balancer: 200 while users can be answered, 503 once this instance is about to stop."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from weather import service
from weathernote import redis
from weathernote.local import STOPPING_FILE


def health(request: HttpRequest) -> JsonResponse:
    redis_is_down = redis.is_down()
    upstream = service.upstream_state(ask_redis=not redis_is_down)
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
