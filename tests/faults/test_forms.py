"""Fault 70: forms of countless fields are refused before they cost anything."""

import pytest
import requests

from tests.support.problems import problem_of

LOGIN = "/admin/login/"
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def stranger(instance) -> requests.Session:
    """A browser that has a token and no session."""
    browser = requests.Session()
    browser.get(instance.base + LOGIN, timeout=20)
    return browser


def test_a_form_of_400_000_fields_is_refused_in_words(instance, stranger):
    told = stranger.post(instance.base + LOGIN, "a=1&" * 400_000, headers=URLENCODED, timeout=20)
    assert problem_of(told, 400, "invalid_parameter")["detail"] == "body has more than 10,000 fields"


def test_a_form_in_parts_is_bounded_alike(instance, stranger):
    parts = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 20_000 + "--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    told = stranger.post(instance.base + LOGIN, parts, headers=headers, timeout=20)
    assert problem_of(told, 400, "invalid_parameter")["detail"] == "body has more than 10,000 fields"


def test_one_field_of_several_megabytes_is_refused_in_words(instance, stranger):
    told = stranger.post(instance.base + LOGIN, "a=" + "b" * 3_000_000, headers=URLENCODED, timeout=20)
    detail = problem_of(told, 400, "invalid_parameter")["detail"]
    assert detail == "body has more than 2,621,440 bytes, not counting files"


@pytest.mark.parametrize("path", ["/api/v1/weather?lat=1&lon=1&", "/api/v1/cities?", "/api/v1/schema?", "/health?"])
def test_a_query_of_15_000_unknown_parameters_is_answered(instance, path):
    assert instance.get(path + "a=1&" * 15_000).status_code == 200
