"""`/api/v1/schema`, the OpenAPI schema, and `/api/v1/docs`, a guide and Swagger UI without outside assets."""

import functools
import json
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerView

from weathernote.site import base_url

GUIDE = Path(__file__).parent / "guide"
#: Language → file of a complete client, in the order of display.
EXAMPLES = {"Dart": "weather.dart", "Kotlin": "weather.kt", "Swift": "weather.swift", "curl": "weather.sh"}
#: The same for a client that listens to a stream.
LIVE_EXAMPLES = {"Dart": "live.dart", "Kotlin": "live.kt", "Swift": "live.swift", "JavaScript": "live.mjs"}
#: The address in the files, replaced by that of this service.
PLACEHOLDER = "https://weather.example"

_generating = threading.Lock()


class DocsView(SpectacularSwaggerView):
    """The guide, and Swagger UI over the schema with its assets from the sidecar package."""

    throttle_classes = ()
    template_name = "docs/docs.html"

    @extend_schema(exclude=True)
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """The page, with the rate limit and the address of this service."""
        response = super().get(request, *args, **kwargs)
        base = base_url.base(request)
        streams = base_url.streams(request) or base
        response.data |= {
            "title": "WeatherNote API",
            "base": base,
            "streams": streams,
            "examples": _examples(EXAMPLES, base),
            "live_examples": _examples(LIVE_EXAMPLES, streams),
            "limit": settings.RATE_LIMIT_REQUESTS,
            "window_seconds": settings.RATE_LIMIT_WINDOW_SECONDS,
        }
        return response


def _examples(files: dict[str, str], base: str) -> list[dict[str, str]]:
    return [{"language": language, "text": _text(file).replace(PLACEHOLDER, base)} for language, file in files.items()]


@functools.cache
def _text(file: str) -> str:
    return (GUIDE / file).read_text(encoding="utf-8").rstrip()


def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI schema as JSON."""
    return HttpResponse(_schema_text(), content_type="application/vnd.oai.openapi+json")


def _schema_text() -> str:
    # By one thread at a time: drf-spectacular loads its extensions at the first call, and a second finds half of them.
    with _generating:
        return _generated_text()


@functools.cache
def _generated_text() -> str:
    # It changes only with code and settings, and generating it takes as long as a hundred answers.
    document = SchemaGenerator().get_schema(request=None, public=True)
    document["info"] = {
        "title": spectacular_settings.TITLE,
        "version": spectacular_settings.VERSION,
        "description": spectacular_settings.DESCRIPTION,
    }
    document["paths"] = {path.rstrip("/"): item for path, item in document["paths"].items()}
    return json.dumps(document, ensure_ascii=False)
