"""Fault 69 at the edge: by the path as it was sent, whoever asks; no instance hears of it."""

import json

import pytest

from tests.edge.edge_server import INSIDE, OUTSIDE
from tests.edge.http2 import over_http_2
from tests.edge.wire import parsed, said_to
from tests.support.odd_paths import ODD, PLAIN
from tests.support.problems import code_of

STAFF = ("/admin/login/", "/%61dmin/login/")


def asked(fleet, path: str, *, address: str = OUTSIDE, method: str = "GET") -> tuple[int, dict[str, str], str]:
    body = "Content-Length: 500\r\n" if method == "POST" else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{body}Connection: close\r\n\r\n"
    return parsed(said_to(fleet.edge, head.encode(), address=address))


@pytest.mark.parametrize("path", ODD)
def test_an_odd_path_is_not_there_for_staff_either(fleet, path):
    for told in (asked(fleet, path), asked(fleet, path, address=INSIDE), asked(fleet, path, method="POST")):
        assert (told[0], code_of(*told)) == (404, "not_found")


@pytest.mark.parametrize("path", ODD)
def test_over_http_2_it_is_not_there_either(fleet, path):
    told = over_http_2(fleet.edge, path)
    assert (told[0], code_of(*told)) == (404, "not_found")


def test_a_path_that_cannot_be_decoded_is_refused_in_the_one_shape(fleet):
    told, over_2 = asked(fleet, "/x%zz"), over_http_2(fleet.edge, "/x%zz")
    assert (told[0], code_of(*told)) == (400, "invalid_parameter")
    assert (over_2[0], code_of(*over_2)) == (404, "not_found")  # nothing tells it from a path above the root


@pytest.mark.parametrize("header", ["Host: a b", "Content-Length: x", "Host;"])
def test_what_else_is_wrong_with_a_request_of_http_2_is_400(fleet, header):
    told = over_http_2(fleet.edge, "/api/v1/weather?lat=51.5&lon=-0.1", "--header", header)
    assert (told[0], code_of(*told)) == (400, "invalid_parameter")


@pytest.mark.parametrize("path", ["http://127.0.0.1//admin/", "http://127.0.0.1/x/../admin/", "http://127.0.0.1/.."])
def test_a_whole_address_in_the_first_line_makes_it_no_other(fleet, path):
    told = asked(fleet, path)
    assert (told[0], code_of(*told)) == (404, "not_found")


def test_no_instance_hears_of_it(fleet):
    log = fleet.edge.folder / "access.log"
    fleet.edge.written()
    before = log.stat().st_size
    for path in ODD:
        asked(fleet, path, address=INSIDE)
    fleet.edge.written()
    lines = [json.loads(line) for line in log.read_bytes()[before:].splitlines()]
    assert [(line["status"], line["instance"]) for line in lines] == [(404, "")] * len(ODD)


@pytest.mark.parametrize("path", PLAIN)
def test_one_slash_at_the_end_and_whatever_a_query_holds_are_nothing_odd(fleet, path):
    assert asked(fleet, path)[0] == 200


@pytest.mark.parametrize("path", STAFF)
def test_staff_s_own_paths_are_theirs_however_they_are_spelled(fleet, path):
    assert (asked(fleet, path)[0], asked(fleet, path, address=INSIDE)[0]) == (404, 200)
