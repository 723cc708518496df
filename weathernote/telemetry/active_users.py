"""Counts the clients of all instances by HyperLogLogs of their hashes in Redis: how many they are, not who."""

import threading
from collections.abc import Iterable
from time import time
from typing import NamedTuple

from weathernote import redis
from weathernote.redis import Command, Lookup, without_redis

MINUTE_SECONDS, MINUTES = 60, 5
HOUR_SECONDS, HOURS = 3600, 24
#: A key expires a little after the last window that includes it.
_LIFE_SECONDS = {"minute": (MINUTES + 2) * MINUTE_SECONDS, "hour": (HOURS + 1) * HOUR_SECONDS}
#: The most hashes in one command.
_CLIENTS_AT_ONCE = 1000

_clients: set[str] = set()
_requests = 0
_gathering = threading.Lock()


class Users(NamedTuple):
    """The number of distinct clients in the last five minutes and the last day, and of that day's requests."""

    five_minutes: int
    day: int
    requests_of_the_day: int


def record(clients: Iterable[str], *, requests: int) -> None:
    """Adds hashes of clients, and the number of their requests, to what `flush` writes next."""
    global _requests
    with _gathering:
        _clients.update(clients)
        _requests += requests


@without_redis(returns=None)
def flush() -> None:
    """Writes the clients and requests recorded since the last call to Redis; during an outage they are lost."""
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
    """The users of all instances together; the value is None without Redis."""
    minutes, hours, counts = _keys(time())
    return Lookup(("PFCOUNT", *minutes), ("PFCOUNT", *hours), ("MGET", *counts), read=_read, without=lambda: None)


def _read(five_minutes: int, day: int, requests: list[bytes | None]) -> Users:
    return Users(five_minutes, day, sum(int(count) for count in requests if count))


def _keys(now: float) -> tuple[list[str], list[str], list[str]]:
    """The keys of minutes, of hours and of hourly requests, newest first, with one hash tag for them all."""
    minute, hour = int(now // MINUTE_SECONDS), int(now // HOUR_SECONDS)
    return (
        [f"active:{{users}}:minute:{minute - back}" for back in range(MINUTES)],
        [f"active:{{users}}:hour:{hour - back}" for back in range(HOURS)],
        [f"active:{{users}}:requests:{hour - back}" for back in range(HOURS)],
    )
