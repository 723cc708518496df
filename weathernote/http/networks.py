"""Who may see what is not for everybody: by the address at the other end of the socket, with no proxy between."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

#: What proxies add. One on the same machine would else lend everybody its own address.
_PASSED_ON = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA")


def comes_directly_from(request: HttpRequest, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether the request comes from one of the networks, and not through a proxy there."""
    return not any(name in request.META for name in _PASSED_ON) and contain(
        networks, request.META.get("REMOTE_ADDR", "")
    )


def contain(networks: Iterable[IPv4Network | IPv6Network], text: str) -> bool:
    """Whether the address lies in one of the networks; what is no address lies in none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
