"""`/api/v1/schema` and `/api/v1/docs`: the API described by its own code, with no asset from elsewhere."""

import functools
import json

from django.http import HttpRequest, HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.views import SpectacularSwaggerView


class DocsView(SpectacularSwaggerView):
    """Swagger UI over the schema; its files come from the sidecar package."""

    throttle_classes = ()


def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_schema_text(), content_type="application/vnd.oai.openapi+json")


@functools.cache
def _schema_text() -> str:
    # The schema changes with the code alone, and working it out costs more than a hundred answers.
    described = SchemaGenerator().get_schema(request=None, public=True)
    described["info"] = {
        "title": spectacular_settings.TITLE,
        "version": spectacular_settings.VERSION,
        "description": spectacular_settings.DESCRIPTION,
    }
    described["paths"] = {path.rstrip("/"): item for path, item in described["paths"].items()}
    return json.dumps(described, ensure_ascii=False)
