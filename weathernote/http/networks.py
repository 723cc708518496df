"""Who may see what is not for everybody: by the address at the other end of the socket, with no proxy between."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

#: What proxies add. A proxy on the same machine would otherwise lend its address to everybody.
_PROXY_HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA")


def comes_directly_from(request: HttpRequest, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether the client itself is in one of the networks, and no proxy passed its request on."""
    if any(name in request.META for name in _PROXY_HEADERS):
        return False
    return contain(networks, request.META.get("REMOTE_ADDR", ""))


def contain(networks: Iterable[IPv4Network | IPv6Network], text: str) -> bool:
    """Whether the address `text` lies in one of the networks; text that is no address lies in none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
