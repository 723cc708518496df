"""How many clients there are: their hashes go into HyperLogLogs in Redis, which tell how many and never who."""

import threading
from collections.abc import Iterable
from time import time
from typing import NamedTuple

from weathernote import redis
from weathernote.redis import Command, Reply, without_redis

MINUTE_SECONDS, MINUTES = 60, 5
HOUR_SECONDS, HOURS = 3600, 24
#: A step's life ends a while after the window that it belongs to.
_LIVES = {"minute": (MINUTES + 2) * MINUTE_SECONDS, "hour": (HOURS + 1) * HOUR_SECONDS}
_AT_ONCE = 1000

_seen: set[str] = set()
_requests = 0
_telling = threading.Lock()


class Users(NamedTuple):
    five_minutes: int
    day: int
    requests_of_the_day: int


def saw(clients: Iterable[str], *, requests: int | None = None) -> None:
    """Notes a request of each, or as many as they made together where that is known apart."""
    global _requests
    clients = list(clients)
    with _telling:
        _seen.update(clients)
        _requests += len(clients) if requests is None else requests


@without_redis(returns=None)
def tell() -> None:
    """Tells Redis who was seen since the last time; what Redis does not take is lost."""
    global _requests
    with _telling:
        clients, requests = list(_seen), _requests
        _seen.clear()
        _requests = 0
    if not (clients or requests):
        return
    minute, hour, counts = _keys(time())
    commands: list[Command] = [("INCRBY", counts[0], requests), ("EXPIRE", counts[0], _LIVES["hour"])]
    for key, life in ((minute[0], _LIVES["minute"]), (hour[0], _LIVES["hour"])):
        parts = [clients[at : at + _AT_ONCE] for at in range(0, len(clients), _AT_ONCE)]
        commands += [("PFADD", key, *part) for part in parts] + [("EXPIRE", key, life)]
    for reply in redis.ask(*commands):
        redis.value(reply)


def active() -> Users | None:
    """Of all instances together; None without Redis."""
    return read(*redis.ask(*finding()))


def finding() -> list[Command]:
    """The commands whose replies `read` reads, for whoever shares a round trip with them."""
    minutes, hours, counts = _keys(time())
    return [("PFCOUNT", *minutes), ("PFCOUNT", *hours), ("MGET", *counts)]


@without_redis(returns=None)
def read(*replies: Reply) -> Users | None:
    five_minutes, day, requests = map(redis.value, replies)
    return Users(five_minutes, day, sum(int(count) for count in requests if count))


def _keys(now: float) -> tuple[list[str], list[str], list[str]]:
    """The keys of the windows' minutes and hours, the present one first; in one slot, for one command asks all."""
    minute, hour = int(now // MINUTE_SECONDS), int(now // HOUR_SECONDS)
    return (
        [f"active:{{users}}:minute:{minute - back}" for back in range(MINUTES)],
        [f"active:{{users}}:hour:{hour - back}" for back in range(HOURS)],
        [f"active:{{users}}:requests:{hour - back}" for back in range(HOURS)],
    )
