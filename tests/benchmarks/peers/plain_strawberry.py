"""The same schema with strawberry's own view for Django, as it comes: parsed, validated and resolved each time."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

os.environ["DJANGO_SETTINGS_MODULE"] = "weathernote.settings"
django.setup()

from django.conf import settings  # noqa: E402
from strawberry.django.views import GraphQLView  # noqa: E402

from tests.support.graphql_resolvers import Resolving  # noqa: E402
from weather.graphql.schema import strawberry_schema  # noqa: E402


class View(GraphQLView):
    def get_context(self, request: HttpRequest, response: HttpResponse) -> Any:
        return Resolving()


urlpatterns = [
    path("api/v1/graphql", View.as_view(schema=strawberry_schema())),
    path("api/v1/", include("weather.api.urls")),
]
settings.MIDDLEWARE = []
settings.ROOT_URLCONF = __name__
application = WSGIHandler()
