"""Views that give the same bytes to everyone, on what stays of the service's layers."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request

from tests.benchmarks.peers.bare_wsgi import BODY
from tests.benchmarks.peers.layered import stays
from weathernote.http.api_view import ApiViewSet


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(BODY, content_type="application/json")


class OfDrf(ApiViewSet):
    """The service's base of every view; without a throttle below that layer."""

    if not stays("throttle"):
        throttle_classes = []

    def retrieve(self, request: Request) -> HttpResponse:
        return HttpResponse(BODY, content_type="application/json")


plain.cls = ApiViewSet  # type: ignore[attr-defined] # whose short way the handler looks for
view: Any = OfDrf.as_view({"get": "retrieve"}) if stays("DRF") else plain
urlpatterns = [path("api/v1/weather", view), path("api/v1/forecast", view)]
