"""The address of this service as the client has requested it, and that of its streams, for its pages."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest


def base(request: HttpRequest) -> str:
    """Scheme and host, such as `https://weather.example`; https for a real host, even without X-Forwarded-Proto."""
    scheme = "https" if settings.HOSTS_ARE_REAL or request.is_secure() else "http"
    return f"{scheme}://{request.get_host()}"


def streams(request: HttpRequest) -> str | None:
    """Scheme and host of the streams: those of `base` behind a proxy, which passes them on, else with LIVE_PORT.

    None where there are none, as neither a proxy nor a process beside this one has them.
    """
    if settings.TRUSTED_PROXY_COUNT or settings.HOSTS_ARE_REAL:
        return base(request)
    if not settings.LIVE_PORT:
        return None
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    return f"{request.scheme}://{f'[{host}]' if ':' in host else host}:{settings.LIVE_PORT}"
