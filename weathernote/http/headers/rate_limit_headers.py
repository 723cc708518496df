"""The fields of `RateLimit-Policy` and `RateLimit`, as in the IETF's draft-ietf-httpapi-ratelimit-headers."""

from functools import lru_cache


@lru_cache(maxsize=64)
def policy(name: str, quota: int, window_seconds: int) -> str:
    """A limit by its name: `"client";q=60;w=60` is 60 requests in 60 seconds."""
    return f'"{name}";q={quota};w={window_seconds}'


def remaining(name: str, requests: int, reset_seconds: int) -> str:
    """What is left of a limit: `"client";r=12;t=30` is 12 requests for the next 30 seconds."""
    return f'"{name}";r={requests};t={reset_seconds}'
