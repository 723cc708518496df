"""Fault 69: paths with an empty, `.` or `..` segment are not there, before anything looks at them."""

import pytest

from tests.edge.wire import parsed
from tests.support.odd_paths import ODD, PLAIN
from tests.support.problems import code_of
from tests.support.servers import eventually

A_BODY = ("Content-Length: 500", "Expect: 100-continue")


def asked(instance, line: str, *headers: str, host: str = "127.0.0.1") -> tuple[int, dict[str, str], str]:
    head = "\r\n".join([line, f"Host: {host}", *headers, "Connection: close", "", ""])
    return parsed(instance.exchange(head.encode()))


@pytest.mark.parametrize("path", ODD)
def test_an_odd_path_is_not_there_and_its_body_is_never_read(instance, path):
    """A server that read the body would say 100 first, and wait."""
    told = asked(instance, f"POST {path} HTTP/1.1", *A_BODY)
    assert (told[0], code_of(*told)) == (404, "not_found")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "FOO"])
def test_no_method_and_no_host_make_it_another(instance, method):
    status, headers, body = asked(instance, f"{method} /admin/../x HTTP/1.1", host="evil.example")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert (body == "") == (method == "HEAD")


def test_nothing_of_staff_s_looks_at_it(instance):
    headers = asked(instance, "GET /admin/../x HTTP/1.1", "Cookie: sessionid=abc; csrftoken=x")[1]
    assert not {"set-cookie", "vary"} & set(headers)


@pytest.mark.parametrize("path", PLAIN)
def test_one_slash_at_the_end_and_whatever_a_query_holds_are_nothing_odd(instance, path):
    assert asked(instance, f"GET {path} HTTP/1.1")[0] == 200


def test_an_odd_path_is_counted_and_told_of_like_any_other(instance):
    told = asked(instance, "PUT //weather HTTP/1.1", "X-Request-ID: an-odd-one")[1]
    assert told["x-request-id"] == "an-odd-one"
    eventually(lambda: '{method="PUT",route="other",status="404"}' in instance.get("/metrics").text)
