"""DRF throttles that count clients in Redis, in one atomic step of the round trip that also finds the answer."""

import math
from typing import NamedTuple

from django.conf import settings
from rest_framework.request import Request

from ratelimit.identity import identify
from weathernote import redis
from weathernote.http.pipelined_throttle import RoundTripThrottle
from weathernote.http.request_context import context_of
from weathernote.redis import Command, Reply, without_redis
from weathernote.telemetry import metrics


class Decision(NamedTuple):
    """Whether a request may pass, how many more may, when the limit is whole again and when to retry."""

    allowed: bool
    remaining: int
    reset_seconds: int
    retry_seconds: int


# The life is set in the step that counts; a count that has none (written by hand, say) gets one. What is no
# count begins anew, but a refusal for want of memory is a refusal: the client is then not counted at all.
_WINDOW = redis.script("""
local count = redis.pcall('INCR', KEYS[1])
if type(count) == 'table' then
    if not (count.err:find('integer') or count.err:find('WRONGTYPE')) then return count end
    redis.call('DEL', KEYS[1])
    count = redis.call('INCR', KEYS[1])
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
return {count, left}
""")

# The same for a call that counts as several, all or none: one that does not fit counts as one request, a refused one.
_WINDOW_OF_SEVERAL = redis.script("""
local held = redis.pcall('GET', KEYS[1])
local count = type(held) == 'string' and #held < 16 and string.match(held, '^[1-9]%d*$') and tonumber(held)
if not count then
    redis.call('DEL', KEYS[1])
    count = 0
end
local fits = count + ARGV[3] <= tonumber(ARGV[2])
count = redis.call('INCRBY', KEYS[1], fits and ARGV[3] or 1)
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
return {count, left, fits and 1 or 0}
""")

# GCRA: the key holds when the bucket will be full again (milliseconds of Redis' own clock).
_BUCKET = redis.script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, each = tonumber(ARGV[1]), ARGV[1] / ARGV[2]
local all = each * (ARGV[3] or 1)
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


class ClientThrottle(RoundTripThrottle):
    """What both throttles share: who is counted, under which name, and what the client is told."""

    script: redis.Script
    script_of_several: redis.Script

    def command(self, request: Request) -> Command:
        client = identify(request._request)
        context = context_of(request._request)
        context.client_hash, context.address_hash = client
        self.limit, self.window_seconds = settings.RATE_LIMIT_REQUESTS, settings.RATE_LIMIT_WINDOW_SECONDS
        key, window_milliseconds = f"rate_limit:hash:{client.hash}", self.window_seconds * 1000
        if self.counts_as > 1:
            return self.script_of_several(key, window_milliseconds, self.limit, self.counts_as)
        return self.script(key, window_milliseconds, self.limit)

    def allow_request(self, request: Request, view: object) -> bool:
        self.decision = self.decided()
        if not self.decision.allowed:
            metrics.RATE_LIMIT_EXCEEDED.inc()
        return self.decision.allowed

    def passed(self) -> Decision:
        """Fair use needs Redis; without it requests pass, and it is counted that they did."""
        metrics.RATE_LIMIT_BYPASSED.inc()
        return Decision(True, self.limit, self.window_seconds, 0)

    @without_redis(instead=passed)
    def decided(self) -> Decision:
        return self.decide(redis.value(self.reply))

    def decide(self, reply: Reply) -> Decision:
        raise NotImplementedError

    def wait(self) -> float:
        return self.decision.retry_seconds

    def headers(self) -> dict[str, str]:
        decision = self.decision
        return {
            "RateLimit-Policy": f'"client";q={self.limit};w={self.window_seconds}',
            "RateLimit": f'"client";r={decision.remaining};t={decision.reset_seconds}',
        }


class ClientWindowThrottle(ClientThrottle):
    """RATE_LIMIT_REQUESTS in a window that begins with a client's first request and ends all at once."""

    script = _WINDOW
    script_of_several = _WINDOW_OF_SEVERAL

    def decide(self, reply: Reply) -> Decision:
        if self.counts_as > 1:
            return self._decide_on_several(*reply)
        count, left_milliseconds = reply
        left_seconds = math.ceil(left_milliseconds / 1000)
        return Decision(count <= self.limit, max(0, self.limit - count), left_seconds, left_seconds)

    def _decide_on_several(self, count: int, left_milliseconds: int, fits: int) -> Decision:
        left_seconds = math.ceil(left_milliseconds / 1000)
        return Decision(bool(fits), max(0, self.limit - count), left_seconds, left_seconds)


class ClientTokenBucketThrottle(ClientThrottle):
    """RATE_LIMIT_REQUESTS at once, then one for each that is refilled, evenly over RATE_LIMIT_WINDOW_SECONDS."""

    script = script_of_several = _BUCKET

    def decide(self, reply: Reply) -> Decision:
        allowed, remaining, full_milliseconds, retry_milliseconds = reply
        return Decision(
            bool(allowed), remaining, math.ceil(full_milliseconds / 1000), math.ceil(retry_milliseconds / 1000)
        )
