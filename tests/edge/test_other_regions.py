"""An edge whose own instances are all gone asks the edge of another region, once what it holds was given."""

import json
import time
from contextlib import ExitStack
from ipaddress import IPv4Network
from typing import Any

import pytest
from django.test import override_settings

from tests.edge.edge_server import NOBODY, EdgeServer, edge_before
from tests.edge.origin import Origin
from tests.edge.wire import left_of
from tests.support.problems import code
from tests.support.servers import free_port

CELL = "/api/v1/weather?lat=40.7&lon=-74.0"
POSITION = "/api/v1/weather?lat=40.71284&lon=-74.00605"
QUESTION = "/v1/forecast?latitude=40.71284&longitude=-74.00605&current=temperature_2m"
#: The address of every edge here, from which it passes on.
PEERS = (IPv4Network("127.0.0.1/32"),)


class TwoRegions:
    """An edge here, and two of other regions, the nearer first, each before an origin of its own."""

    def __init__(self, folder: Any, stack: ExitStack) -> None:
        self.here, self.near, self.far = (stack.enter_context(Origin()) for _ in range(3))

        def edge(name: str, origin: Origin, **changes: Any) -> EdgeServer:
            instances = [f"127.0.0.1:{origin.port}"]
            return stack.enter_context(EdgeServer(edge_before(instances, folder / name, **changes)))

        self.far_edge = edge("far", self.far, peer_networks=PEERS)
        # Each would ask the next: what was passed on must not be.
        self.near_edge = edge("near", self.near, peer_networks=PEERS, **_asks(self.far_edge))
        trusted = folder / "trusted.pem"
        trusted.write_text("".join((each.folder / "ca.pem").read_text() for each in (self.near_edge, self.far_edge)))
        self.edge = edge("here", self.here, **_asks(self.near_edge, self.far_edge) | {"trusted": trusted})


def _asks(*edges: EdgeServer) -> dict[str, Any]:
    places = tuple(f"127.0.0.1:{each.edge.https_port}" for each in edges)
    return {"other_edges": places, "other_edge_name": "weather.example", "trusted": edges[0].folder / "ca.pem"}


@pytest.fixture
def two(tmp_path):
    with ExitStack() as stack:
        yield TwoRegions(tmp_path, stack)


def test_no_other_region_is_asked_while_an_instance_answers(two):
    for status in (200, 404, 429, 503):
        two.here.status = status
        assert two.edge.get(f"/api/v1/weather?lat=40.1&lon={status % 100}.5").status_code == status
    assert two.near.asked == two.far.asked == []


def test_with_no_instance_left_the_nearest_region_answers_for_the_cell_alone(two):
    two.here.stop()
    answer = two.edge.get(POSITION)
    assert (answer.status_code, answer.json()) == (200, {"answer": 1})
    assert [path for path, _ in two.near.asked] == [CELL] and two.far.asked == []
    assert answer.headers["Cache-Status"].endswith("edge; fwd=bypass; detail=other-region")


def test_all_that_phones_ask_for_is_passed_on(two):
    two.here.stop()
    for path in (QUESTION, "/api/v1/places?search=par", "/api/v1/docs", "/api/v1/forecast?lat=1&lon=2"):
        assert two.edge.get(path).status_code == 200
    assert len(two.near.asked) == 4


@pytest.mark.parametrize("path", ["/health", "/metrics", "/admin/", "/internal/edge-counts"])
def test_what_is_about_this_region_is_not(two, path):
    two.here.stop()
    assert two.edge.get(path, address="127.0.0.1").status_code in (404, 503)
    assert two.near.asked == []


def test_a_held_answer_is_given_before_another_region_is_asked(two):
    two.here.cache_control = "public, max-age=1, stale-while-revalidate=0, stale-if-error=3600"
    assert two.edge.get(POSITION).json() == {"answer": 1}
    two.here.stop()
    time.sleep(2.1)
    held = two.edge.get(POSITION)
    assert (held.status_code, held.json()) == (200, {"answer": 1})
    assert "stale-if-error" in held.headers["Cache-Status"]
    assert two.near.asked == []


def test_what_another_region_gave_is_not_kept_past_its_life(two):
    """It may have lain in the other cache for long, so it is asked for again."""
    two.here.stop()
    assert [two.edge.get(POSITION).json() for _ in range(3)] == [{"answer": 1}] * 3
    assert len(two.near.asked) == 1
    two.near_edge.stop()
    assert two.edge.get(POSITION).ok
    assert len(two.far.asked) == 1


@pytest.mark.parametrize("is_there", [True, False], ids=["its edge tells so", "its edge is gone"])
def test_the_next_region_answers_where_the_nearest_cannot(two, is_there):
    two.here.stop()
    two.near.stop()
    if not is_there:
        two.near_edge.stop()
    assert two.edge.get(POSITION).ok
    # The nearest did not pass it on too.
    assert len(two.far.asked) == 1


def test_a_request_that_was_passed_on_goes_no_further(two):
    two.near.stop()
    passed_on = two.near_edge.get(POSITION, address="127.0.0.1", headers={"X-Passed-On": "edge"})
    assert (passed_on.status_code, two.far.asked) == (502, [])
    assert two.near_edge.get(POSITION).ok


def test_a_phone_that_says_it_was_passed_on_is_told_when_to_come_again(two):
    """Whoever says so is asked for no further: an edge that is missing in --peers could be asked in a circle."""
    for origin in (two.near, two.here):
        origin.stop()
    mark = {"X-Passed-On": "edge"}
    for told in (
        two.near_edge.get(POSITION, address="127.0.0.95", headers=mark),
        two.edge.get("/api/v1/weather?lat=1&lon=2", headers=mark),  # this edge believes nobody
        two.edge.get(QUESTION, headers=mark),
    ):
        assert (told.status_code, told.headers["Retry-After"]) == (503, "5")
    assert two.far.asked == []


def test_with_no_region_left_phones_are_told_when_to_come_again(two):
    for origin in (two.here, two.near, two.far):
        origin.stop()
    answer = two.edge.get(POSITION)
    assert (answer.status_code, answer.headers["Retry-After"], code(answer)) == (503, "5", "upstream_unavailable")
    question = two.edge.get(QUESTION)
    assert (question.status_code, question.json()["error"]) == (503, True)


def test_an_answer_of_another_region_is_told_once_in_every_header(two):
    two.here.stop()
    headers = two.edge.get(POSITION, client="phone-1").raw.headers
    for name in ("RateLimit", "RateLimit-Policy", "X-Request-ID", "Cache-Status", "Cache-Control", "Content-Type"):
        assert len(headers.getlist(name)) == 1, name
    assert left_of(headers["RateLimit"]) == 59


# ── who asks ──────────────────────────────────────────────────────────────────────────────────────


def test_the_other_region_hears_of_the_client_and_of_no_edge(two):
    two.here.stop()
    two.edge.get(POSITION, client="phone-1", address="127.0.0.91", headers={"X-Forwarded-For": "203.0.113.9"})
    ((_, heard),) = two.near.asked
    assert (heard["x-forwarded-for"], heard["x-client-id"]) == ("127.0.0.91", "phone-1")


def test_clients_without_an_id_are_counted_by_their_own_addresses(two):
    two.here.stop()
    told = [two.edge.get(POSITION, address=f"127.0.0.{number}").headers["RateLimit"] for number in (92, 92, 93)]
    assert [left_of(one) for one in told] == [59, 58, 59]
    # And so they are there.
    with two.near_edge.session("127.0.0.92") as phone:
        assert left_of(phone.get(two.near_edge.base + POSITION, timeout=20).headers["RateLimit"]) == 57


def test_only_an_edge_is_believed_for_whom_it_asks(two):
    answers = [
        two.near_edge.get(POSITION, address="127.0.0.94", headers={"X-Forwarded-For": f"203.0.113.{number}"})
        for number in range(2)
    ]
    assert [left_of(answer.headers["RateLimit"]) for answer in answers] == [59, 58]


# ── certificates and streams ──────────────────────────────────────────────────────────────────────


def test_an_edge_without_the_right_certificate_is_told_nothing(tmp_path):
    with Origin() as origin, ExitStack() as stack:
        instances = [f"127.0.0.1:{origin.port}"]
        other = stack.enter_context(EdgeServer(edge_before(instances, tmp_path / "other")))
        stranger = stack.enter_context(EdgeServer(edge_before(instances, tmp_path / "stranger")))
        asks = _asks(other) | {"trusted": stranger.folder / "ca.pem"}
        edge = stack.enter_context(EdgeServer(edge_before([NOBODY], tmp_path / "edge", **asks)))
        assert code(edge.get(POSITION)) == "upstream_unavailable"
        assert origin.asked == []


def test_a_stream_is_opened_in_another_region_where_no_live_process_is_left(tmp_path):
    with Origin() as live, ExitStack() as stack:
        live.cache_control = "no-store"
        nobody = [f"127.0.0.1:{free_port()}"]
        there = edge_before(nobody, tmp_path / "there", live=(f"127.0.0.1:{live.port}",), peer_networks=PEERS)
        other = stack.enter_context(EdgeServer(there))
        edge = stack.enter_context(EdgeServer(edge_before(nobody, tmp_path / "here", **_asks(other))))
        assert edge.get("/api/v1/weather/events?lat=40.71284&lon=-74.00605").ok
        assert [path for path, _ in live.asked] == ["/api/v1/weather/events?lat=40.7&lon=-74.0"]


def test_a_region_alone_asks_nobody(tmp_path):
    with override_settings(RATE_LIMIT_REQUESTS=60), EdgeServer(edge_before([NOBODY], tmp_path / "edge")) as edge:
        answer = edge.get(POSITION)
        assert (answer.status_code, json.loads(answer.text)["code"]) == (503, "upstream_unavailable")
