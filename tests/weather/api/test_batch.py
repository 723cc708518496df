"""Several places in one call: each answered as alone, counted as that many requests, asked for all at once."""

import json
from datetime import timedelta

import pytest
import time_machine

from ratelimit.identity import hashed
from tests.support.problems import problem_of
from tests.support.redis.cluster import RedisCluster
from tests.support.servers import free_port
from tests.support.throttled import ask
from weather.api.service import service
from weathernote import redis
from weathernote.telemetry import request_events, request_log
from weathernote.telemetry.request_event import RequestEvent

pytest_plugins = ["tests.support.throttled"]

TWO = "lat=40.7128,51.5&lon=-74.0060,-0.1"
TWENTY = f"lat={','.join(str(n) for n in range(20))}&lon={','.join(['7'] * 20)}"


def weather(query: str) -> str:
    return f"/api/v1/weather?{query}"


def places(response):
    assert response.status_code == 200, response.content
    return response.json()["places"]


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["weather?", "forecast?", "forecast?days=3&", "weather?units=imperial&"])
def test_each_place_gets_the_very_text_of_its_own_call_in_the_order_asked(api, path):
    api.get(f"/api/v1/{path}{TWO}")
    alone = [api.get(f"/api/v1/{path}{query}").content for query in ("lat=40.7&lon=-74", "lat=51.5&lon=-0.1")]
    assert api.get(f"/api/v1/{path}{TWO}").content == b'{"places":[%s,%s]}' % (alone[0], alone[1])
    assert json.loads(alone[0])["cached"]


def test_twenty_new_places_cost_one_call(api, simulator):
    answers = places(api.get(weather(TWENTY)))
    assert [answer["latitude"] for answer in answers] == list(range(20))
    assert not any(answer["cached"] for answer in answers)
    assert simulator.state()["cells_per_call"] == [20]


def test_twenty_known_places_cost_one_round_trip(api, round_trips):
    api.get(weather(TWENTY))
    before = len(round_trips)
    assert all(answer["cached"] for answer in places(api.get(weather(TWENTY))))
    assert [len(commands) for commands in round_trips[before:]] == [21]


def test_places_in_one_cell_are_asked_for_once_and_answered_each(api, simulator):
    answers = places(api.get(weather("lat=40.7128,40.74,40.69&lon=-74.0060,-74.01,-73.99")))
    assert answers[0] == answers[1] == answers[2] and len(answers) == 3
    assert simulator.state()["cells"] == 1


def test_what_is_known_of_some_is_not_asked_for_again(api, simulator):
    api.get("/api/v1/forecast?lat=51.5&lon=-0.1")
    assert [answer["cached"] for answer in places(api.get(weather(TWO)))] == [False, True]
    assert simulator.state()["cells"] == 2


def test_without_redis_they_are_answered_with_one_call(api, settings, forget, simulator):
    settings.CACHES["default"]["LOCATION"] = [f"redis://127.0.0.1:{free_port()}/0"]
    forget()
    assert len(places(api.get(weather(TWENTY)))) == 20
    assert simulator.state()["cells_per_call"] == [20]


def test_when_redis_goes_what_was_seen_is_answered(api, settings, forget, simulator, monkeypatch):
    api.get(weather(TWO))
    assert places(api.get(weather(TWO)))[0]["cached"]
    down = redis.RedisDown("gone")
    monkeypatch.setattr(redis, "ask", lambda *commands: [down] * len(commands))
    assert all(answer["cached"] for answer in places(api.get(weather(TWO))))
    assert simulator.state()["calls"] == 1


# ── headers ───────────────────────────────────────────────────────────────────────────────────────


def test_the_headers_are_those_of_all(api):
    first, second = api.get(weather(TWO)), api.get(weather(TWO))
    assert first["Cache-Status"] == "weathernote; fwd=miss; stored"
    assert second["Cache-Status"].startswith("weathernote; hit; ttl=")
    assert first["ETag"] == second["ETag"] and first["ETag"].startswith('W/"')
    assert "Vary" not in first


def test_it_is_a_hit_only_if_all_are(api):
    api.get("/api/v1/weather?lat=51.5&lon=-0.1")
    assert api.get(weather(TWO))["Cache-Status"] == "weathernote; fwd=miss; stored"


def test_they_are_kept_as_long_as_the_first_to_end(api):
    with time_machine.travel(1_795_500_000, tick=False) as clock:
        api.get("/api/v1/weather?lat=51.5&lon=-0.1")
        clock.shift(timedelta(seconds=100))
        assert "max-age=500," in api.get(weather(TWO))["Cache-Control"]


def test_one_stale_place_makes_the_call_stale(api, valkey):
    with time_machine.travel(1_795_500_000, tick=False) as clock:
        api.get("/api/v1/weather?lat=51.5&lon=-0.1")
        clock.shift(timedelta(seconds=700))
        valkey.delete("weather:lat:51.5:lon:-0.1")
        api.get("/api/v1/weather?lat=40.7&lon=-74")
        response = api.get(weather(TWO))
    assert [answer["stale"] for answer in places(response)] == [False, True]
    assert response["Cache-Status"] == "weathernote; fwd=stale; stored"
    assert "max-age=60," in response["Cache-Control"]


def test_who_has_it_already_is_told_so(api):
    etag = api.get(weather(TWO))["ETag"]
    response = api.get(weather(TWO), headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


def test_head_is_get_without_the_body(api):
    response = api.head(weather(TWO))
    assert (response.status_code, response.content) == (200, b"")
    assert response["ETag"] == api.get(weather(TWO))["ETag"]


# ── good and bad ──────────────────────────────────────────────────────────────────────────────────


def test_a_bad_place_among_good_ones_gets_its_own_problem(api, simulator):
    response = api.get(weather("lat=40.7,x,51.5&lon=-74,1,200"))
    good, *bad = places(response)
    assert good["latitude"] == 40.7 and simulator.state()["cells"] == 1
    assert [place["problem"]["errors"][0]["parameter"] for place in bad] == ["lat", "lon"]
    assert {place["problem"]["status"] for place in bad} == {400}
    assert bad[0]["problem"]["request_id"] == response["X-Request-ID"]


def test_what_holds_a_problem_is_kept_by_nobody(api):
    response = api.get(weather("lat=40.7,x&lon=-74,1"))
    assert response["Cache-Control"] == "no-store" and "ETag" not in response
    assert response["Cache-Status"] == "weathernote; fwd=miss"


def test_not_one_good_place_is_refused_with_all_that_is_wrong(api, simulator):
    body = problem_of(api.get(weather("lat=x,1,99&lon=1,y,3")), 400, "invalid_parameter")
    assert [error["parameter"] for error in body["errors"]] == ["lat", "lon", "lat"]
    assert ["place 1" in body["detail"], "place 3" in body["detail"]] == [True, True]
    assert simulator.state()["calls"] == 0


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        (f"lat={','.join(['1'] * 21)}&lon={','.join(['1'] * 21)}", ["lat", "lon"]),
        (f"lat={','.join(['1'] * 5000)}&lon=1", ["lat"]),
        ("lat=1,2,3&lon=1,2", ["lat"]),
        ("lat=1&lon=1,2", ["lon"]),
        ("lat=1,2", ["lon"]),
        ("lat=1,,2&lon=1,2,3", ["lat"]),
        ("lat=1,&lon=1,2", ["lat"]),
        ("lat=,&lon=,", ["lat", "lon"]),
        ("lat=1,2&lat=3,4&lon=1,2", ["lat"]),
        ("lat=1,2&lon=1,2&units=kelvin", ["units"]),
    ],
)
def test_what_makes_no_sense_as_a_whole_is_refused_as_a_whole(api, simulator, query, at_fault):
    body = problem_of(api.get(weather(query)), 400, "invalid_parameter")
    assert [error["parameter"] for error in body["errors"]] == at_fault
    assert simulator.state()["calls"] == 0


def test_the_days_are_checked_for_all(api):
    body = problem_of(api.get(f"/api/v1/forecast?{TWO}&days=11"), 400, "invalid_parameter")
    assert [error["parameter"] for error in body["errors"]] == ["days"]


def test_a_place_that_open_meteo_rejects_spoils_no_other(api, simulator):
    simulator.fault("status", status=400, reason="No data is available for this location", place="51.5,-0.1")
    good, bad = places(api.get(weather(TWO)))
    assert good["latitude"] == 40.7
    assert (bad["problem"]["status"], bad["problem"]["code"]) == (503, "upstream_unavailable")
    assert bad["problem"]["retry_after_seconds"] > 0


def test_where_none_can_be_answered_the_call_is_refused_as_one_place_would_be(api, simulator):
    simulator.fault("status", status=503)
    response = api.get(weather(TWO))
    problem_of(response, 503, "upstream_unavailable")
    assert int(response["Retry-After"]) > 0


def test_a_bad_place_beside_one_that_cannot_be_answered_is_worth_another_try(api, simulator):
    simulator.fault("status", status=503)
    problem_of(api.get(weather("lat=x,51.5&lon=1,-0.1")), 503, "upstream_unavailable")


# ── fair use ──────────────────────────────────────────────────────────────────────────────────────


def test_they_count_as_that_many_requests(limited):
    assert ask(limited, path=weather(TWENTY))["RateLimit"] == '"client";r=40;t=60'
    assert ask(limited)["RateLimit"] == '"client";r=39;t=60'


def test_what_does_not_fit_as_a_whole_is_refused_as_a_whole(limited, simulator):
    statuses = [ask(limited, path=weather(TWENTY)).status_code for _ in range(3)]
    assert statuses == [200] * 3
    response = ask(limited, path=weather(TWO))
    problem_of(response, 429, "rate_limited")
    assert 0 < int(response["Retry-After"]) <= 60
    assert simulator.state()["cells"] == 20


def test_a_refused_call_counts_as_one_request(limited, valkey):
    valkey.set(f"rate_limit:hash:{hashed('phone')}", 50, ex=60)
    response = ask(limited, path=weather(TWENTY))
    assert (response.status_code, response["RateLimit"].split(";")[1]) == (429, "r=9")
    assert ask(limited).status_code == 200


@pytest.mark.parametrize("spoil", ["many", "1.5"])
def test_a_count_that_is_none_begins_anew(limited, valkey, spoil):
    key = f"rate_limit:hash:{hashed('phone')}"
    valkey.set(key, spoil)
    assert ask(limited, path=weather(TWENTY)).status_code == 200
    assert (valkey.get(key), 58 <= valkey.ttl(key) <= 60) == ("20", True)


def test_a_token_bucket_gives_as_many_tokens_or_none(bucket):
    statuses = [ask(bucket, path=weather(TWENTY)).status_code for _ in range(3)]
    assert statuses == [200] * 3
    refused = ask(bucket, path=weather(TWO))
    assert (refused.status_code, refused["Retry-After"]) == (429, "2")


def test_no_call_may_be_for_more_places_than_a_client_has_requests(limited, settings):
    settings.RATE_LIMIT_REQUESTS = 5
    body = problem_of(ask(limited, path=weather(TWENTY)), 400, "invalid_parameter")
    assert body["errors"][0]["detail"] == "has 20 places, 5 at most"


def test_each_new_place_is_charged_and_those_past_the_allowance_are_refused(api, settings, forget, valkey):
    settings.COLD_CELLS_PER_CLIENT_PER_HOUR = 3
    forget()
    answers = places(ask(api, path=weather("lat=1,2,3,4,5&lon=1,1,1,1,1")))
    assert ["problem" in answer for answer in answers] == [False] * 3 + [True] * 2
    assert {answer["problem"]["code"] for answer in answers[3:]} == {"rate_limited"}
    assert 0 < answers[3]["problem"]["retry_after_seconds"] <= 3600
    assert valkey.get(f"cold:client:{hashed('phone')}") == "3"


def test_nobody_is_charged_for_weather_that_does_not_come(api, simulator, valkey):
    simulator.fault("status", status=503)
    ask(api, path=weather(TWENTY))
    assert valkey.get(f"cold:client:{hashed('phone')}") in (None, "0")


# ── what is told of it ────────────────────────────────────────────────────────────────────────────


def test_the_log_tells_of_the_first_cell_the_worst_origin_and_how_many(api, monkeypatch):
    events: list[RequestEvent] = []
    monkeypatch.setattr(request_events, "record", events.append)
    api.get("/api/v1/weather?lat=51.5&lon=-0.1")
    api.get(weather(TWO))
    told = [json.loads(request_log.line(event)) for event in events]
    assert "places" not in told[0]
    assert (told[1]["cell"], told[1]["cache"], told[1]["places"]) == ("lat:40.7:lon:-74.0", "fetched", 2)


def test_each_cell_counts_as_looked_up_and_as_popular(api, monkeypatch):
    events: list[RequestEvent] = []
    monkeypatch.setattr(request_events, "record", events.append)
    api.get("/api/v1/weather?lat=40.7&lon=-74")
    api.get(weather(TWO))
    counted = [(answer.cell.key, answer.origin) for answer in events[1].cell_answers]
    assert counted == [("lat:40.7:lon:-74.0", "found"), ("lat:51.5:lon:-0.1", "fetched")]
    assert len(service().popularity._pending) == 3


# ── a cluster ─────────────────────────────────────────────────────────────────────────────────────


def test_in_a_cluster_each_place_is_found_at_its_own_node(api, settings, forget, simulator, tmp_path):
    with RedisCluster(tmp_path) as cluster:
        settings.CACHES["default"]["LOCATION"] = [cluster.url]
        forget()
        places(api.get(weather(TWENTY)))
        assert all(answer["cached"] for answer in places(api.get(weather(TWENTY))))
        assert all(master.client.keys("weather:*") for master in cluster.masters())
    assert simulator.state()["cells_per_call"] == [20]
