"""How a throttle takes part in the one round trip that an API request makes to Redis."""

from typing import Self

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from weathernote.redis import Lookup


class PipelinedThrottle(BaseThrottle):
    """A throttle that is made from Redis' reply about the client, so it has decided before DRF calls it."""

    #: Whether the request may pass.
    is_allowed: bool

    @classmethod
    def lookup(cls, request: HttpRequest | Request, counts_as: int) -> Lookup[Self]:
        """A lookup that counts the call as `counts_as` requests (one for each cell) and gives its throttle."""
        raise NotImplementedError

    @classmethod
    def lookup_again(cls, client_hash: str, counts_as: int) -> Lookup[Self]:
        """Counts a request that an identified client, given by its hash, makes on an open stream."""
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        """Name → value of the headers that describe the client's limit, for every answer."""
        raise NotImplementedError
