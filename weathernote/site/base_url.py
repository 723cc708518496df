"""The address by which a reader came here, for the examples on our pages."""

from django.conf import settings
from django.http import HttpRequest


def base(request: HttpRequest) -> str:
    """Such as `https://weather.example`. TLS ends at the edge, which may be one that does not say so."""
    scheme = "https" if settings.HOSTS_ARE_REAL or request.is_secure() else "http"
    return f"{scheme}://{request.get_host()}"
