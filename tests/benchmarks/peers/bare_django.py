"""Django's limit: a view without middleware that gives the same bytes to everyone."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.benchmarks.peers.bare_wsgi import BODY

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], SECRET_KEY="none")

#: As Django's CommonMiddleware would add it: without it the server sends the answer in chunks.
LENGTH = {"Content-Length": str(len(BODY))}


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(BODY, content_type="application/json", headers=LENGTH)


urlpatterns = [path("api/v1/weather", answer), path("api/v1/forecast", answer)]
application = get_wsgi_application()
