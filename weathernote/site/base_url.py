"""The address of this service as the reader's browser knows it, for the examples on its pages."""

from django.conf import settings
from django.http import HttpRequest


def base(request: HttpRequest) -> str:
    """Such as `https://weather.example`. A real host is https, even if the edge sends no X-Forwarded-Proto."""
    scheme = "https" if settings.HOSTS_ARE_REAL or request.is_secure() else "http"
    return f"{scheme}://{request.get_host()}"
