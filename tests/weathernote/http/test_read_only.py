"""A read-only view: GET and HEAD reach it, other methods do not."""

import json
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from weathernote.http.read_only import METHODS, read_only


def read(request: HttpRequest) -> HttpResponse:
    return HttpResponse("read")


view: Any = read_only(read)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_reaches_the_view(method):
    assert view(RequestFactory().generic(method, "/")).content == b"read"


def test_options_names_the_methods_without_a_body():
    response = view(RequestFactory().options("/"))
    assert (response.status_code, response["Allow"], response.content) == (204, METHODS, b"")
    assert "Content-Type" not in response


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_any_other_method_is_a_problem_that_names_those_allowed(method):
    response = view(RequestFactory().generic(method, "/"))
    assert (response.status_code, response["Allow"]) == (405, METHODS)
    assert json.loads(response.content)["code"] == "method_not_allowed"
