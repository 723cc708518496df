"""Requests and responses made by hand have what Django's own constructors give them."""

import io

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse

from weathernote.http.prerendered import BodilessRequest, PrerenderedResponse


def set_by(made):
    return {name: value for name, value in vars(made).items() if name != "_stream"}


def test_a_request_without_a_body_is_made_as_django_makes_it():
    def environ():
        return {"PATH_INFO": "/api/v1/weather", "REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(b"form")}

    ours, django_s = BodilessRequest(environ()), WSGIRequest(environ())
    for made in (ours, django_s):
        made.META.pop("wsgi.input")
        made.META.pop("SCRIPT_NAME", None)
    assert set_by(ours) == set_by(django_s)
    assert ours.read() == ours.read() == b""


def test_a_finished_response_is_made_as_django_makes_it():
    given = {"Content-Type": "application/json", "ETag": 'W/"1"'}
    ours, django_s = PrerenderedResponse(b"{}", given), HttpResponse(b"{}", headers=given)
    for made in (ours, django_s):
        made.headers["X-Request-ID"] = "1"
        made["age"] = "2"
        made["Age"] = "3"
    assert dict(ours.items()) == dict(django_s.items())
    assert ours.headers == django_s.headers and ours["etag"] == 'W/"1"'
    assert {**vars(ours), "headers": 0} == {**vars(django_s), "headers": 0}
    assert bytes(ours) == bytes(django_s)
