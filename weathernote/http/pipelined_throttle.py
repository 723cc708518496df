"""How a throttle takes part in the one round trip that a request makes to Redis (api.py makes it)."""

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from weathernote.redis import Command, Reply


class RoundTripThrottle(BaseThrottle):
    """A throttle that says before DRF asks it what it wants from Redis, and finds the reply when it is asked."""

    reply: Reply = None
    #: As how many requests the call counts: as many as it asks for places.
    counts_as = 1

    def command(self, request: Request) -> Command:
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        """What the client is told of its limit, on every answer."""
        raise NotImplementedError
