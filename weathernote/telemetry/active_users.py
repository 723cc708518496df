"""Counts the clients of all instances: their hashes go into HyperLogLogs in Redis, which tell how many, never who."""

import threading
from collections.abc import Iterable
from time import time
from typing import NamedTuple

from weathernote import redis
from weathernote.redis import Command, Lookup, without_redis

MINUTE_SECONDS, MINUTES = 60, 5
HOUR_SECONDS, HOURS = 3600, 24
#: A key outlives the last window that it counts in by a while.
_LIFE_SECONDS = {"minute": (MINUTES + 2) * MINUTE_SECONDS, "hour": (HOURS + 1) * HOUR_SECONDS}
#: Hashes in one command.
_CLIENTS_AT_ONCE = 1000

_clients: set[str] = set()
_requests = 0
_gathering = threading.Lock()


class Users(NamedTuple):
    """Different clients of the last five minutes and of the last day, and the requests of that day."""

    five_minutes: int
    day: int
    requests_of_the_day: int


def record(clients: Iterable[str], *, requests: int) -> None:
    """Gathers clients, by their hashes, and the number of their requests, which may be more than they are."""
    global _requests
    with _gathering:
        _clients.update(clients)
        _requests += requests


@without_redis(returns=None)
def flush() -> None:
    """Adds to Redis what was gathered since the last call; what Redis does not take is lost."""
    global _requests
    with _gathering:
        clients, requests = list(_clients), _requests
        _clients.clear()
        _requests = 0
    if not (clients or requests):
        return
    minute, hour, counts = _keys(time())
    commands: list[Command] = [("INCRBY", counts[0], requests), ("EXPIRE", counts[0], _LIFE_SECONDS["hour"])]
    for key, life in ((minute[0], _LIFE_SECONDS["minute"]), (hour[0], _LIFE_SECONDS["hour"])):
        parts = [clients[at : at + _CLIENTS_AT_ONCE] for at in range(0, len(clients), _CLIENTS_AT_ONCE)]
        commands += [("PFADD", key, *part) for part in parts] + [("EXPIRE", key, life)]
    redis.execute(*commands)


def users() -> Lookup[Users | None]:
    """The users of all instances together; None without Redis."""
    minutes, hours, counts = _keys(time())
    return Lookup(("PFCOUNT", *minutes), ("PFCOUNT", *hours), ("MGET", *counts), read=_read, without=_unknown)


def _read(five_minutes: int, day: int, requests: list[bytes | None]) -> Users:
    return Users(five_minutes, day, sum(int(count) for count in requests if count))


def _unknown() -> None:
    return None


def _keys(now: float) -> tuple[list[str], list[str], list[str]]:
    """The keys of minutes, hours and hourly requests, the present first; of one hash tag, as one command reads many."""
    minute, hour = int(now // MINUTE_SECONDS), int(now // HOUR_SECONDS)
    return (
        [f"active:{{users}}:minute:{minute - back}" for back in range(MINUTES)],
        [f"active:{{users}}:hour:{hour - back}" for back in range(HOURS)],
        [f"active:{{users}}:requests:{hour - back}" for back in range(HOURS)],
    )
