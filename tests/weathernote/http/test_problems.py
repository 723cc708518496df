"""Problem responses, in the one shape of RFC 9457."""

import json
import logging

import pytest
from django.http import Http404
from django.test import RequestFactory
from rest_framework.exceptions import Throttled

from weathernote.http import problems
from weathernote.http.problems import CODES, Problem


@pytest.fixture
def request_(rf: RequestFactory):
    return rf.get("/api/v1/weather")


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_status_and_title_and_is_never_cached(request_, code):
    response = problems.respond(request_, Problem(code, "What happened."))
    body = json.loads(response.content)
    assert (response.status_code, body["status"], body["title"]) == (CODES[code][0], *CODES[code])
    assert (body["code"], body["detail"], body["type"]) == (code, "What happened.", "about:blank")
    assert (response["Content-Type"], response["Cache-Control"]) == ("application/problem+json", "no-store")


def test_a_wrong_parameter_is_named_and_described(request_):
    body = problems.problem_details(request_, problems.invalid_parameters([("lat", "is missing")]))
    assert (body["detail"], body["errors"]) == ("lat is missing", [{"parameter": "lat", "detail": "is missing"}])


def test_when_to_retry_and_which_limit_was_exceeded_are_headers(request_):
    problem = Problem("overloaded", "Later.", retry_after_seconds=5, policy='"cold";q=30;w=3600')
    response = problems.respond(request_, problem)
    assert (response["Retry-After"], response["RateLimit-Policy"]) == ("5", '"cold";q=30;w=3600')


@pytest.mark.parametrize(
    ("exception", "status"), [(Throttled(wait=1.2), 429), (Http404(), 404), (Problem("overloaded", "Later."), 503)]
)
def test_exceptions_of_a_view_become_problems(request_, exception, status):
    assert problems.from_exception(exception, {"request": request_}).status_code == status


def test_an_unexpected_exception_is_logged_and_not_shown(request_, caplog):
    with caplog.at_level(logging.ERROR):
        response = problems.from_exception(ValueError("secret"), {"request": request_})
    assert response.status_code == 500 and b"secret" not in response.content
    assert "Internal error at weather" in caplog.text


def test_a_method_that_is_no_word_is_not_repeated():
    assert problems.method_not_allowed("<script>").text.startswith("This method is not allowed")
    assert problems.method_not_allowed("POST").text.startswith("POST is not allowed")
