"""Validators: a phone that has an answer already is told so in a few bytes (RFC 9110)."""

from blake3 import blake3
from django.utils.http import parse_etags


def weak_etag(text: bytes) -> str:
    """A weak entity tag for an answer: 16 hex digits of the BLAKE3 hash of its bytes."""
    return f'W/"{blake3(text).hexdigest(length=8)}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110's weak comparison of `If-None-Match` with `etag`."""
    if not if_none_match:
        return False
    opaque = etag.removeprefix("W/")
    return any(given == "*" or given.removeprefix("W/") == opaque for given in parse_etags(if_none_match))
