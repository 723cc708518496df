"""How a throttle takes part in the one round trip that an API request makes to Redis."""

from typing import Self

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from weathernote.redis import Lookup


class PipelinedThrottle(BaseThrottle):
    """A throttle that is made from what Redis said of the client, and so has decided when DRF asks it."""

    @classmethod
    def lookup(cls, request: Request, counts_as: int) -> Lookup[Self]:
        """The throttle of this request, which counts as `counts_as` requests: as many as it asks for places."""
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        """The headers that tell the client of its limit, on every answer."""
        raise NotImplementedError
