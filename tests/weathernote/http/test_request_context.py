"""One context for a request, whoever asks for it and by which of the request's objects."""

import pytest
from django.test import Client, RequestFactory
from rest_framework.request import Request

from weathernote.http.request_context import context_of
from weathernote.telemetry import request_events
from weathernote.telemetry.request_event import RequestEvent


def test_djangos_and_drfs_request_have_the_same_context() -> None:
    request = RequestFactory().get("/api/v1/weather")
    context_of(request).request_id = "r1"
    assert context_of(Request(request)) is context_of(request)
    assert context_of(Request(request)).request_id == "r1"


def test_another_request_has_another_context() -> None:
    one, other = RequestFactory().get("/"), RequestFactory().get("/")
    context_of(one).request_id = "r1"
    assert context_of(other).request_id == ""


def test_no_header_of_a_client_reaches_it() -> None:
    headers = {"weathernote.request_context": "mine", "weathernote-request-context": "mine"}
    assert context_of(RequestFactory().get("/", headers=headers)).request_id == ""


def test_what_throttle_and_view_put_there_is_recorded(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[RequestEvent] = []
    monkeypatch.setattr(request_events, "record", events.append)
    api.get("/api/v1/weather?lat=40.7128&lon=-74.0060", headers={"x-request-id": "r1", "x-client-id": "phone"})
    (event,) = events
    assert (event.request_id, event.route, len(event.client)) == ("r1", "weather", 8)
    assert event.answer and (event.answer.cell.key, event.answer.origin) == ("lat:40.7:lon:-74.0", "fetched")
    assert event.upstream_wait_seconds > 0


def test_a_request_that_is_refused_before_the_view_was_about_no_cell(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[RequestEvent] = []
    monkeypatch.setattr(request_events, "record", events.append)
    api.get("/api/v1/weather?lat=north&lon=-74.0060")
    assert [(event.status, event.cell_answers) for event in events] == [(400, ())]
