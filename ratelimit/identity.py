"""Who a request comes from, as a hash. The raw identifier stops here: it is never stored, logged or passed on."""

import ipaddress
import logging
from functools import cache, lru_cache
from typing import NamedTuple

from blake3 import blake3
from django.http import HttpRequest

from weathernote.http.plain_settings import settings

log = logging.getLogger(__name__)

LONGEST_CLIENT_ID = 128
HASH_DIGITS = 8
IPV6_CLIENT_BITS = 64
#: Prefix of an address when it is hashed; ids that begin with it are ignored, so that no id can pass for an address.
ADDRESS_PREFIX = "address:"


class Client(NamedTuple):
    """A client and the address that it comes from, each by the first eight hex digits of its BLAKE3 hash."""

    hash: str
    address_hash: str


def identify(request: HttpRequest) -> Client:
    """The client of the request: by a usable `x-client-id`, else by the address that trusted proxies vouch for."""
    address_hash = _hashed_address(_address(request), settings.RATE_LIMIT_HASH_KEY)
    client_id = request.META.get("HTTP_X_CLIENT_ID", "")
    return Client(hashed(client_id) if _is_usable(client_id) else address_hash, address_hash)


def login_address(request: HttpRequest) -> str | None:
    """The address under which django-axes counts wrong logins; an IPv6 network's first one, None if unknown."""
    address = _address(request).partition("/")[0]
    return None if address == "unknown" else address


def hashed(identifier: str) -> str:
    """The first 8 hex digits of the identifier's BLAKE3 hash, keyed if RATE_LIMIT_HASH_KEY is set."""
    data, key = identifier.encode(), settings.RATE_LIMIT_HASH_KEY
    hasher = blake3(data, key=_key(key)) if key else blake3(data)
    return hasher.hexdigest(length=HASH_DIGITS // 2)


@lru_cache(maxsize=4096)
def _hashed_address(address: str, secret: str) -> str:
    # `secret` keys the hash; it is a parameter so that a changed one does not find the old hashes in the cache.
    return hashed(ADDRESS_PREFIX + address)


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    # BLAKE3 takes a key of exactly 32 bytes; the secret may be of any length.
    return blake3(secret.encode()).digest()


def _is_usable(client_id: str) -> bool:
    return (
        0 < len(client_id) <= LONGEST_CLIENT_ID
        and client_id.isascii()
        and client_id.isprintable()
        and not client_id.startswith(ADDRESS_PREFIX)
    )


def _address(request: HttpRequest) -> str:
    """The address that the outermost trusted proxy names; an IPv6 address as its /64, the usual size of a customer."""
    address = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and settings.TRUSTED_PROXY_COUNT == 0:
        _warn_of_forwarded_header()
    elif forwarded:
        # Each trusted proxy has added one address on the right; the client may have invented those to the left.
        hops = forwarded.split(",")
        if len(hops) >= settings.TRUSTED_PROXY_COUNT:
            address = hops[-settings.TRUSTED_PROXY_COUNT]
    return _canonical(address.strip()) or _canonical(request.META.get("REMOTE_ADDR", "")) or "unknown"


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    """The canonical form of an address without its port; empty for text that is no address."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_CLIENT_BITS), strict=False))
    return str(address)


@cache
def _warn_of_forwarded_header() -> None:
    log.warning(
        "X-Forwarded-For arrives and is not believed, for TRUSTED_PROXY_COUNT is 0: "
        "behind a proxy all clients without x-client-id share one limit."
    )
