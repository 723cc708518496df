"""Restricts paths to networks, by the address of the socket's peer and only for requests that passed no proxy."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

#: Headers that proxies add. A proxy on the same machine would otherwise open the paths to all its clients.
_PROXY_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA")


def comes_directly_from(request: HttpRequest, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether the socket's peer is in one of the networks and no header says that a proxy forwarded the request."""
    if any(name in request.META for name in _PROXY_HEADERS):
        return False
    return contain(networks, request.META.get("REMOTE_ADDR", ""))


def contain(networks: Iterable[IPv4Network | IPv6Network], text: str) -> bool:
    """Whether the address `text` is in one of the networks; False for text that is no address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
