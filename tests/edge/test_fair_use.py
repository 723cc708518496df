"""Fair use at the edge: every request counts, hit or miss, with the service's own numbers."""

import re
import time
from collections import Counter
from uuid import uuid4

from tests.edge.edge_server import EdgeServer, edge_before
from tests.edge.fleet import COLD_CELLS_PER_CLIENT
from tests.edge.wire import got, left_of, parsed, said_to
from tests.support.problems import code

HIT = "/api/v1/weather?lat=51.5&lon=-0.1"


def statuses(session, base, paths, **options):
    return [session.get(base + path, timeout=20, **options).status_code for path in paths]


def test_the_61st_request_of_a_client_is_refused_found_in_the_cache_or_not(fleet, place):
    client = uuid4().hex
    misses = [f"/api/v1/forecast?{place()}" for _ in range(15)]
    mixed = [HIT] * 20 + misses + misses + ["/api/v1/weather?lat=x"] * 5 + ["/api/v1/cities"] * 5
    with fleet.edge.session(client=client) as session:
        told = statuses(session, fleet.edge.base, mixed)
        refused = session.get(fleet.edge.base + HIT, timeout=20)
    assert Counter(told) == {200: 55, 400: 5}
    assert code(refused) == "rate_limited"
    assert re.fullmatch(r'"client";r=0;t=\d+', refused.headers["RateLimit"])
    assert refused.headers["RateLimit-Policy"] == '"client";q=60;w=60'
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"].endswith(f"t={refused.headers['Retry-After']}")
    assert fleet.get(HIT).status_code == 200


def test_a_call_about_several_places_counts_as_that_many(fleet):
    client = uuid4().hex
    several = fleet.get("/api/v1/weather?lat=51.5,52.5%2C53.5&lon=0.1,0.2%2C0.3", client=client)
    assert len(several.json()["places"]) == 3
    assert several.headers["RateLimit"].startswith('"client";r=57;')
    assert fleet.get(HIT, client=client).headers["RateLimit"].startswith('"client";r=56;')


def test_what_a_client_says_of_its_address_changes_nothing(fleet, address):
    """Faults 36 and 38."""
    with fleet.edge.session(address) as session:
        told = []
        for number in range(70):
            spoofed = {"X-Forwarded-For": f"9.9.9.{number}", "X_Forwarded_For": f"9.9.8.{number}"}
            spoofed |= {
                "X_Client_Id": f"me-{number}",
                "Forwarded": f"for=9.9.7.{number}",
                "X-Real-IP": f"9.9.6.{number}",
            }
            told += statuses(session, fleet.edge.base, [HIT], headers=spoofed)
    assert told == [200] * 60 + [429] * 10
    assert fleet.edge.get(HIT, address=address, client=uuid4().hex).status_code == 200


def test_an_id_that_is_none_counts_as_its_address(fleet, address):
    unusable = ["x" * 129, "ü", "", " "]
    told = [said_to(fleet.edge, got(HIT, f"X-Client-ID: {said}"), address=address) for said in unusable]
    assert [left_of(parsed(answer)[1]["ratelimit"]) for answer in told] == [59, 58, 57, 56]


def test_options_counts_against_nothing(fleet):
    client = uuid4().hex
    with fleet.edge.session(client=client) as session:
        asked = [session.options(fleet.edge.base + HIT, timeout=20) for _ in range(70)]
        assert {each.status_code for each in asked} == {204}
        assert "r=59" in session.get(fleet.edge.base + HIT, timeout=20).headers["RateLimit"]


def test_an_instance_s_own_refusal_comes_through_with_its_policy(fleet, place):
    client = uuid4().hex
    with fleet.edge.session(client=client) as session:
        cold = [f"/api/v1/weather?{place()}" for _ in range(COLD_CELLS_PER_CLIENT)]
        assert set(statuses(session, fleet.edge.base, cold)) == {200}
        refused = session.get(f"{fleet.edge.base}/api/v1/weather?{place()}", timeout=20)
        assert code(refused) == "rate_limited"
        assert f"q={COLD_CELLS_PER_CLIENT};w=3600" in refused.headers["RateLimit-Policy"]
        assert int(refused.headers["Retry-After"]) > 60
        assert session.get(fleet.edge.base + HIT, timeout=20).status_code == 200


def test_an_address_that_is_too_fast_is_refused_whoever_it_says_it_is(fleet, tmp_path):
    slow = edge_before([f"127.0.0.1:{port}" for port in fleet.ports], tmp_path / "edge", address_requests=1)
    with EdgeServer(slow) as edge, edge.session("127.0.0.78") as session:
        told = [session.get(edge.base + HIT, headers={"x-client-id": uuid4().hex}, timeout=20) for _ in range(60)]
        refused = [each for each in told if each.status_code != 200]
        assert 0 < len(refused) < 60
        assert {(code(each), each.headers["Retry-After"]) for each in refused} == {("rate_limited", "1")}
        assert edge.get(HIT, address="127.0.0.79").status_code == 200


def test_a_client_s_window_begins_anew_when_it_has_ended(fleet, tmp_path):
    quick = edge_before([f"127.0.0.1:{port}" for port in fleet.ports], tmp_path / "edge")
    limits = {"RATE_LIMIT_REQUESTS": 3, "RATE_LIMIT_WINDOW_SECONDS": 5}
    with EdgeServer(quick, **limits) as edge, edge.session(client="me") as session:
        assert statuses(session, edge.base, [HIT] * 5) == [200] * 3 + [429] * 2
        wait = int(session.get(edge.base + HIT, timeout=20).headers["Retry-After"])
        time.sleep(wait)
        assert statuses(session, edge.base, [HIT] * 4) == [200] * 3 + [429]
