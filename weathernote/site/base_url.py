"""The address of this service as the client has requested it, for the examples on its pages."""

from django.conf import settings
from django.http import HttpRequest


def base(request: HttpRequest) -> str:
    """Scheme and host, such as `https://weather.example`; https for a real host, even without X-Forwarded-Proto."""
    scheme = "https" if settings.HOSTS_ARE_REAL or request.is_secure() else "http"
    return f"{scheme}://{request.get_host()}"
