"""The middleware of pages and of staff."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from weathernote.http.middleware import MiddlewareByArea

passed: list[str] = []


def page_middleware(get_response: Callable[..., Any]) -> Callable[..., Any]:
    passed.append("made")
    return _passing("page", get_response)


def staff_middleware(get_response: Callable[..., Any]) -> Callable[..., Any]:
    return _passing("staff", get_response)


def _passing(name: str, get_response: Callable[..., Any]) -> Callable[..., Any]:
    def step(request: HttpRequest) -> Any:
        passed.append(name)
        return get_response(request)

    return step


@pytest.mark.parametrize(("path", "steps"), [("/", ["page"]), ("/admin/", ["page", "staff"])])
def test_pages_and_staff_share_one_chain(settings: Any, path: str, steps: list[str]) -> None:
    """WhiteNoise would look at all files twice, and remember them twice."""
    passed.clear()
    settings.PAGE_MIDDLEWARE = [f"{__name__}.page_middleware"]
    settings.STAFF_MIDDLEWARE = [f"{__name__}.staff_middleware"]
    MiddlewareByArea(lambda _: HttpResponse())(RequestFactory().get(path))
    assert passed == ["made", *steps]
