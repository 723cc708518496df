"""Steps that the tests of this folder share: new places, and servers that a process has to find away or back."""

from typing import Any

from tests.support.processes.regions import Regions
from tests.support.servers import eventually
from weathernote import redis
from weathernote.redis import Role

REFUSED = 503


def new_places(api: Any, first: int, number: int) -> list[int]:
    """The statuses of answers about so many places from the number `first` on; nobody else asks for those."""
    places = [(place % 80, 10 + place // 80) for place in range(first, first + number)]
    return [api.get(f"/api/v1/weather?lat={lat}&lon={lon}").status_code for lat, lon in places]


def spent_of_the_hour(regions: Regions) -> int:
    """The weight that the primary has counted."""
    return int(regions.primary.client.hget("budget:open-meteo", "hour:spent") or 0)


def is_away(role: Role) -> bool:
    """Whether this process takes the server for gone."""
    return redis.breakers_by_role()[role]


def lose(role: Role) -> None:
    """Asks until this process knows that a server is away."""
    for _ in range(3):
        redis.ask(redis.at(role, "PING"))
    assert is_away(role)


def back(role: Role) -> None:
    """Waits until this process has found a server again."""
    eventually(lambda: not is_away(role))
