"""Validators for conditional requests, by which a client that has an answer gets a 304 (RFC 9110)."""

from blake3 import blake3
from django.utils.http import parse_etags


def weak_etag(text: bytes) -> str:
    """A weak entity tag for an answer: 16 hex digits of the BLAKE3 hash of its bytes."""
    return f'W/"{blake3(text).hexdigest(length=8)}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether `If-None-Match` lists `etag` or is `*`, by weak comparison (RFC 9110, 8.8.3.2)."""
    if not if_none_match:
        return False
    opaque = etag.removeprefix("W/")
    return any(given == "*" or given.removeprefix("W/") == opaque for given in parse_etags(if_none_match))
