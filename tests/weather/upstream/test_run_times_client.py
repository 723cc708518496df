"""The client of run times: what it asks, and that it takes nothing for a run but a run of the past."""

import json
from collections.abc import Iterator

import pytest

from tests.support.staged.upstream import StagedUpstream, http
from weather.core.runs.run_times import CLOCK_SLACK_SECONDS, Run
from weather.simulator.server import OpenMeteoSimulator
from weather.upstream.errors import InvalidResponse, UpstreamRefused, UpstreamUnavailable
from weather.upstream.run_times_client import MAX_BYTES, RunTimesClient, read_newest_run

NOW = 1_785_000_400
MODEL = "dwd_icon_d2"
#: As Open-Meteo writes it, in part.
META = {
    "last_run_availability_time": NOW - 3600,
    "last_run_initialisation_time": NOW - 10_800,
    "last_run_modification_time": NOW - 3900,
    "temporal_resolution_seconds": 3600,
    "update_interval_seconds": 10_800,
    "crs_wkt": "GEOGCRS[…]",
}


@pytest.fixture(scope="module")
def server() -> Iterator[OpenMeteoSimulator]:
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, model_runs=True, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def simulator(server: OpenMeteoSimulator) -> OpenMeteoSimulator:
    server.reset()
    return server


def client_of(simulator: OpenMeteoSimulator, *, timeout_seconds: float = 30) -> RunTimesClient:
    return RunTimesClient(f"{simulator.url}/data/", timeout_seconds=timeout_seconds, now=lambda: NOW)


def _text(**changes: object) -> bytes:
    return json.dumps({name: value for name, value in {**META, **changes}.items() if value != "absent"}).encode()


def test_the_newest_run_is_read_from_the_file_of_its_model() -> None:
    with StagedUpstream(http(_text())) as upstream:
        newest = RunTimesClient(f"{upstream.url}/data", now=lambda: NOW).newest_run(MODEL)
    assert newest == (Run(NOW - 10_800, NOW - 3600), 10_800)
    assert upstream.requests[0].startswith(f"GET /data/{MODEL}/static/meta.json HTTP/1.1")


def test_the_simulator_tells_runs_and_they_are_free(simulator: OpenMeteoSimulator) -> None:
    simulator.settings(limits={"minute": 0})
    newest = client_of(simulator).newest_run(MODEL)
    assert newest.run.available <= NOW < newest.run.available + 2 * newest.interval_seconds
    assert simulator.state()["calls"] == simulator.state()["weight"] == 0
    assert simulator.state()["run_times"] == {MODEL: 1}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 10_000,
        _text(last_run_initialisation_time="absent"),
        _text(last_run_availability_time="absent"),
        _text(update_interval_seconds="absent"),
        _text(last_run_initialisation_time="12:00"),
        _text(last_run_availability_time=1.5),
        _text(last_run_availability_time=True),
        _text(last_run_availability_time=None),
        _text(last_run_initialisation_time=-1),
        _text(last_run_initialisation_time=10**30),
        _text(last_run_initialisation_time=NOW - 3599),
        _text(last_run_availability_time=NOW + CLOCK_SLACK_SECONDS + 1),
        _text(update_interval_seconds=0),
        _text(update_interval_seconds=60),
        _text(update_interval_seconds=10**7),
    ],
)
def test_what_is_no_run_of_the_past_is_invalid(text: bytes) -> None:
    with pytest.raises(InvalidResponse):
        read_newest_run(text, NOW)


def test_a_clock_may_be_two_minutes_behind_open_meteos() -> None:
    assert read_newest_run(_text(last_run_availability_time=NOW + 120), NOW).run.available == NOW + 120


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 404}, InvalidResponse),
        ({"kind": "status", "status": 403}, InvalidResponse),
        ({"kind": "status", "status": 429}, UpstreamRefused),
        ({"kind": "status", "status": 500}, UpstreamUnavailable),
        ({"kind": "html", "status": 200}, InvalidResponse),
        ({"kind": "text", "instead": True}, InvalidResponse),
        ({"kind": "truncated"}, InvalidResponse),
        ({"kind": "redirect"}, InvalidResponse),
        ({"kind": "big", "megabytes": 1}, InvalidResponse),
        ({"kind": "reset"}, UpstreamUnavailable),
        ({"kind": "close"}, UpstreamUnavailable),
        ({"kind": "future_runs"}, InvalidResponse),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_every_failure_is_an_error_of_its_kind(simulator: OpenMeteoSimulator, fault: dict, error: type) -> None:
    simulator.fault(path="/data", **fault)
    with pytest.raises(error):
        client_of(simulator).newest_run(MODEL)
    assert simulator.state()["redirects_followed"] == 0


@pytest.mark.parametrize("fault", [{"kind": "hang"}, {"kind": "drip", "interval_seconds": 0.1}], ids=["hang", "drip"])
def test_a_server_that_does_not_come_to_an_end_is_left_at_the_deadline(
    simulator: OpenMeteoSimulator, fault: dict
) -> None:
    simulator.fault(path="/data", **fault)
    with pytest.raises(UpstreamUnavailable, match="in time"):
        client_of(simulator, timeout_seconds=0.3).newest_run(MODEL)


def test_an_answer_over_the_cap_is_not_read() -> None:
    with StagedUpstream(http(_text(crs_wkt="x" * MAX_BYTES))) as upstream, pytest.raises(InvalidResponse, match="long"):
        RunTimesClient(upstream.url, now=lambda: NOW).newest_run(MODEL)
