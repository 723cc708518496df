"""`/health`, for the load balancer: 200 while this instance serves users, 503 once it is about to stop."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from weather.api import service
from weathernote import redis
from weathernote.instance import STOPPING_FILE
from weathernote.redis import Role
from weathernote.redis.replication import heartbeat
from weathernote.redis.replication.heartbeat import MOST_LAG_SECONDS

#: How long the state is cached: requests for /health are not rate-limited, and each check sends commands to Redis.
CACHE_SECONDS = 1.0

T = TypeVar("T")


class Cached(Generic[T]):
    """The value of `check`, at most CACHE_SECONDS old; one thread computes a new one for all that wait."""

    def __init__(self, check: Callable[[], T], now: Callable[[], float] = monotonic) -> None:
        self.check = check
        self.now = now
        self._checked: tuple[float, T] | None = None
        self._checking = threading.Lock()

    def value(self) -> T:
        """The cached value, or a new one."""
        called_at = self.now()
        if checked := self._fresh(called_at):
            return checked[1]
        with self._checking:
            # Another thread may have computed it while this one waited.
            if checked := self._fresh(called_at):
                return checked[1]
            found = self.check()
            self._checked = self.now(), found
            return found

    def _fresh(self, at: float) -> tuple[float, T] | None:
        return self._checked if self._checked and at < self._checked[0] + CACHE_SECONDS else None

    def forget(self) -> None:
        """Drops the cached value; for tests."""
        self._checked = None


def _check() -> dict[str, str]:
    """Part → its state: `redis`, in a region with records elsewhere `primary` and `replica`, and `upstream`."""
    is_replicated, is_one_server = redis.is_replicated(), redis.is_one_server()
    down = redis.are_down(Role.OWN, *[Role.REPLICA] * is_replicated)
    # A primary may reply later than a balancer waits. The loops of each process talk with it every few seconds, and so
    # find out too whether it takes writes.
    known = redis.breakers_by_role()
    servers = {"redis": down[Role.OWN] or known[Role.OWN]}
    if not is_one_server:
        servers["primary"] = known[Role.PRIMARY]
    if is_replicated:
        servers["replica"] = down[Role.REPLICA]
    is_behind = is_replicated and not (known[Role.PRIMARY] or down[Role.REPLICA]) and _is_behind()
    # Nor is it asked whether calls fail, which those loops do too; and a replica may be behind.
    states = {name: "down" if is_down else "ok" for name, is_down in servers.items()}
    if is_behind:
        states["replica"] = "behind"
    return states | {"upstream": service.upstream_state(ask_redis=is_one_server and not servers["redis"])}


def _is_behind() -> bool:
    """Whether the replica lacks what was written over a minute ago, as far as this process knows."""
    return (heartbeat.known_lag_seconds() or 0) > MOST_LAG_SECONDS


state = Cached(_check)


def health(request: HttpRequest) -> JsonResponse:
    """The state of this instance as JSON, with `no-store`; 503 while it is stopping."""
    states = state.value()
    status = "ok" if set(states.values()) == {"ok"} else "degraded"
    stopping = (settings.INSTANCE.folder / STOPPING_FILE).exists()
    response = JsonResponse(
        {"status": "stopping" if stopping else status, **states},
        status=503 if stopping else 200,
        headers={"Cache-Control": "no-store"},
    )
    response._has_been_logged = True  # type: ignore[attr-defined] # Django would log a 503 as an error
    return response
