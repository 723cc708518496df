"""DRF throttles that count clients in Redis, in the round trip that also finds the answer."""

import re
from collections.abc import Sequence
from typing import ClassVar, Generic, Self, TypeVar

from django.http import HttpRequest
from redis.exceptions import ResponseError
from rest_framework.request import Request

from ratelimit.identity import identify
from weathernote import redis
from weathernote.http.headers import rate_limit_headers
from weathernote.http.pipelined_throttle import PipelinedThrottle
from weathernote.http.plain_settings import settings
from weathernote.http.request_context import context_of
from weathernote.redis import Lookup, Reply
from weathernote.telemetry import metrics

T = TypeVar("T", bound="ClientThrottle")

#: What INCR says of a value that is none.
_NO_COUNTER = re.compile("WRONGTYPE|not an integer")

# Every script takes the window in milliseconds, the limit, and the number of requests that the call counts as. It
# returns whether the call may pass, how many more requests are left, and the milliseconds until the full limit is
# available again and until a retry.

# A counter without expiry (written by hand, for example) gets one in the same step.
_LIFE = """
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
"""
# A value that is no counter is replaced; an out-of-memory error is passed on, and the client is not counted.
_WINDOW = redis.script(f"""
local count = redis.pcall('INCR', KEYS[1])
if type(count) == 'table' then
    if not (count.err:find('integer') or count.err:find('WRONGTYPE')) then return count end
    redis.call('DEL', KEYS[1])
    count = redis.call('INCR', KEYS[1])
end
{_LIFE}
local remaining = ARGV[2] - count
return {{remaining >= 0 and 1 or 0, math.max(0, remaining), left, left}}
""")
# A batch counts fully if it fits, else is refused and counts as 1.
_WINDOW_OF_SEVERAL = redis.script(f"""
local held = redis.pcall('GET', KEYS[1])
local count = type(held) == 'string' and #held < 16 and string.match(held, '^[1-9]%d*$') and tonumber(held)
if not count then
    redis.call('DEL', KEYS[1])
    count = 0
end
local fits = count + ARGV[3] <= tonumber(ARGV[2])
count = redis.call('INCRBY', KEYS[1], fits and ARGV[3] or 1)
{_LIFE}
return {{fits and 1 or 0, math.max(0, ARGV[2] - count), left, left}}
""")
# GCRA: the value is the time when the bucket will be full again, in milliseconds of Redis' clock.
_BUCKET = redis.script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, each = tonumber(ARGV[1]), ARGV[1] / ARGV[2]
local all = each * ARGV[3]
local held = redis.pcall('GET', KEYS[1])
local full_at = math.max(type(held) == 'string' and tonumber(held) or now, now)
if full_at > now + window then full_at = now end
if full_at + all > now + window then
    local left = math.floor((now + window - full_at) / each + 0.001)
    return {0, left, full_at - now, math.ceil(full_at + all - now - window)}
end
full_at = full_at + all
redis.call('SET', KEYS[1], string.format('%.3f', full_at), 'PX', math.ceil(full_at - now))
return {1, math.floor((now + window - full_at) / each + 0.001), math.ceil(full_at - now), 0}
""")


class ClientThrottle(PipelinedThrottle):
    """The base of both throttles: identifies the client, counts it under its key, and writes the limit's headers."""

    script: ClassVar[redis.Script]
    script_of_several: ClassVar[redis.Script]

    def __init__(self, is_allowed: bool, remaining: int, reset_seconds: int, retry_seconds: int) -> None:
        self.is_allowed = is_allowed
        #: How many more requests are left.
        self.remaining = remaining
        #: When the limit is full again.
        self.reset_seconds = reset_seconds
        self.retry_seconds = retry_seconds

    @classmethod
    def lookup(cls, request: HttpRequest | Request, counts_as: int) -> Lookup[Self]:
        """Counts the client of the request in Redis and gives its throttle; without Redis, one that lets it pass."""
        inner = request._request if isinstance(request, Request) else request
        client, context = identify(inner), context_of(inner)
        context.client_hash, context.address_hash = client
        return cls.lookup_again(client.hash, counts_as)

    @classmethod
    def lookup_again(cls, client_hash: str, counts_as: int) -> Lookup[Self]:
        """Counts a client by its hash and gives its throttle; without Redis, one that lets it pass."""
        return cls.by_script(f"rate_limit:hash:{client_hash}", counts_as)

    @classmethod
    def by_script(cls, key: str, counts_as: int) -> Lookup[Self]:
        """Counts the client with this key by the throttle's script, which replaces what is no count of its kind."""
        script = cls.script if counts_as == 1 else cls.script_of_several
        window_milliseconds = settings.RATE_LIMIT_WINDOW_SECONDS * 1000
        return Lookup(
            script(key, window_milliseconds, settings.RATE_LIMIT_REQUESTS, counts_as),
            read=cls._counted,
            without=cls.uncounted,
        )

    @classmethod
    def _counted(cls, reply: list[int]) -> Self:
        is_allowed, remaining, reset_milliseconds, retry_milliseconds = reply
        # Rounded up.
        return cls(is_allowed == 1, remaining, -(-reset_milliseconds // 1000), -(-retry_milliseconds // 1000))

    @classmethod
    def uncounted(cls) -> Self:
        """Fair use needs Redis; without it requests pass, and a metric counts them."""
        metrics.RATE_LIMIT_BYPASSED.inc()
        return cls(True, settings.RATE_LIMIT_REQUESTS, settings.RATE_LIMIT_WINDOW_SECONDS, 0)

    def allow_request(self, request: Request, view: object) -> bool:
        """Whether the request may pass; a refusal is counted in the metrics."""
        if not self.is_allowed:
            metrics.RATE_LIMIT_EXCEEDED.inc()
        return self.is_allowed

    def wait(self) -> float:
        """Seconds until a retry can succeed, for Retry-After."""
        return self.retry_seconds

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit`, with the limit named "client"."""
        limit, window_seconds = settings.RATE_LIMIT_REQUESTS, settings.RATE_LIMIT_WINDOW_SECONDS
        return {
            "RateLimit-Policy": rate_limit_headers.policy("client", limit, window_seconds),
            "RateLimit": rate_limit_headers.remaining("client", self.remaining, self.reset_seconds),
        }


class ClientWindowThrottle(ClientThrottle):
    """RATE_LIMIT_REQUESTS in a fixed window of RATE_LIMIT_WINDOW_SECONDS from a client's first request."""

    script = _WINDOW
    script_of_several = _WINDOW_OF_SEVERAL

    @classmethod
    def lookup_again(cls, client_hash: str, counts_as: int) -> Lookup[Self]:
        """Counts a client by its hash and gives its throttle; one request without a script, as that is quicker."""
        if counts_as == 1:
            return _WindowLookup(cls, client_hash)
        return super().lookup_again(client_hash, counts_as)


class _WindowLookup(Lookup[T], Generic[T]):
    """Counts one request: INCR alone decides, so that of requests at once each gets a number of its own.

    SET begins the window, and does nothing within one: a count has its life before it has its number.
    """

    __slots__ = ("key", "throttle")

    throttle: type[T]
    key: str

    def __init__(self, throttle: type[T], client_hash: str) -> None:
        key = f"rate_limit:hash:{client_hash}"
        window_milliseconds = settings.RATE_LIMIT_WINDOW_SECONDS * 1000
        begin = ("SET", key, 0, "PX", window_milliseconds, "NX")
        set_field = object.__setattr__  # the class is frozen
        set_field(self, "commands", (begin, ("INCR", key), ("PTTL", key)))
        set_field(self, "throttle", throttle)
        set_field(self, "key", key)

    def value(self, replies: Sequence[Reply]) -> T:
        _, count, left = replies
        if not (type(count) is type(left) is int and left >= 0):
            return self._healed(count, left)
        return self._counted(count, left)

    def _counted(self, count: int, left_milliseconds: int) -> T:
        remaining = settings.RATE_LIMIT_REQUESTS - count
        left_seconds = -(-left_milliseconds // 1000)  # rounded up
        return self.throttle(remaining >= 0, max(0, remaining), left_seconds, left_seconds)

    def _healed(self, count: Reply, left: Reply) -> T:
        """The throttle if Redis did not answer, or a hand left something else under the key."""
        if isinstance(count, ResponseError) and _NO_COUNTER.search(str(count)):  # the script replaces it
            return redis.fetch_one(self.throttle.by_script(self.key, 1))
        if isinstance(count, Exception) or isinstance(left, Exception):
            return self.throttle.uncounted()
        if left == -1:  # a count without a life
            left = settings.RATE_LIMIT_WINDOW_SECONDS * 1000
            redis.ask(("PEXPIRE", self.key, left))
        return self._counted(count, max(0, left))


class ClientTokenBucketThrottle(ClientThrottle):
    """A bucket of RATE_LIMIT_REQUESTS tokens that is refilled evenly over RATE_LIMIT_WINDOW_SECONDS."""

    script = script_of_several = _BUCKET
