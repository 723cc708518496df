"""What the edge answers by itself is not lost to the service."""

import socket
import ssl
import time
from collections import Counter
from uuid import uuid4

import pytest
import requests

from tests.edge.edge_server import INSIDE, OUTSIDE
from tests.edge.fleet import HANDED_SECONDS
from tests.edge.streams import LIVE, OF_A_PLACE
from tests.edge.wire import said_to
from tests.support.problems import code
from tests.support.servers import eventually
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER

LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")
API_AND_OTHER = ("weather", "forecast", "cities", "other")


def difference(after, before):
    return {key: after[key] - before[key] for key in after if after[key] != before[key] and key[0] in API_AND_OTHER}


def test_requests_are_counted_by_route_and_status_wherever_they_were_answered(fleet, place):
    before = fleet.settled_counts()
    sent: Counter[tuple[str, int]] = Counter()

    def ask(path, **options):
        answer = fleet.get(path, **options)
        route = path.partition("?")[0].rpartition("/")[2]
        sent[route if route in API_AND_OTHER else "other", answer.status_code] += 1
        return answer

    for path in (f"/api/v1/weather?{place()}", f"/api/v1/forecast?{place()}&days=2"):
        etag = ask(path).headers["ETag"]
        for _ in range(10):
            ask(path)
            ask(path, method="HEAD")
            ask(path, headers={"If-None-Match": etag})
    greedy = uuid4().hex
    for _ in range(65):
        ask("/api/v1/cities", client=greedy)
    for path in ("/api/v1/weather?lat=95.5&lon=1.1", "/api/v1/forecast?lat=x", "/nowhere", "/internal/edge-counts"):
        ask(path)
    ask("/api/v1/weather", method="POST")
    assert said_to(fleet.edge, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    sent["other", 400] += 1

    print(f"sent through the edge: {dict(sent)}")
    assert sent["cities", 429] == 5 and sent["weather", 304] == 10
    assert difference(fleet.settled_counts(), before) == sent


def test_popularity_sees_every_request(fleet):
    cell = Cell.parse("-33.9", "151.2")
    with fleet.edge.session() as session:
        for number in range(120):
            path = f"{fleet.edge.base}/api/v1/weather?lat=-33.87{number % 10}&lon=151.21"
            assert session.get(path, headers={"x-client-id": f"fan-{number}"}, timeout=20).ok
    told = eventually(
        lambda: [
            value
            for labels, value in fleet.samples("weathernote_popular_locations")
            if labels["cell"] == cell.key and value > 115
        ],
        within_seconds=60,
        every_seconds=0.5,
    )
    assert max(told) <= 120


def test_what_the_edge_gave_of_air_quality_counts_for_air_quality_alone(fleet):
    cell = Cell.parse("-31.9", "115.9")
    for number in range(12):
        assert fleet.get(f"/api/v1/air-quality?lat=-31.9{number % 4}&lon=115.86").ok
    key = AIR_QUALITY.popularity_key
    eventually(lambda: (fleet.valkey.client.zscore(key, cell.key) or 0) > 11, within_seconds=30)
    assert fleet.valkey.client.zscore(WEATHER.popularity_key, cell.key) is None


def test_a_client_is_one_user_though_the_edge_and_an_instance_saw_it(small_fleet, place):
    small_fleet.valkey.client.flushall()
    warm = f"/api/v1/weather?{place()}"
    for _ in range(10):
        client = uuid4().hex
        for path in (warm, f"/api/v1/forecast?{place()}", warm, "/api/v1/weather?lat=x"):
            small_fleet.get(path, client=client)
    time.sleep(HANDED_SECONDS + 5)  # an instance tells Redis of its users every five seconds

    def told():
        users = small_fleet.samples("weathernote_active_users")
        return [value for labels, value in users if labels["window"] == "5m"]

    eventually(lambda: told() == [10, 10])


def test_methods_of_any_length_push_no_count_out(fleet):
    """What is told to an instance at once has room for a few hundred texts of 8 kB."""
    before = fleet.settled_counts()
    with fleet.edge.session() as session:
        for number in range(560):
            method = f"{number:04}".translate(LETTERS) + "A" * 7_900
            assert session.request(method, f"{fleet.edge.base}/a//b", timeout=20).status_code == 404
    for _ in range(20):
        fleet.get("/nowhere//x")
    assert difference(fleet.settled_counts(), before) == {("other", 404): 580}


def test_a_method_that_ends_as_options_does_is_counted(fleet, place):
    path, client = f"/api/v1/weather?{place()}", uuid4().hex
    for method, left in (("OPTIONS", 59), ("XOPTIONS", 53)):
        for _ in range(5):
            fleet.get(path, method=method, client=client)
        assert f"r={left}" in fleet.get(path, client=client).headers["RateLimit"]


def test_a_stream_that_the_edge_refuses_is_counted_as_one(fleet):
    """No live process is there."""
    before = fleet.settled_counts()
    for path in (LIVE, OF_A_PLACE, OF_A_PLACE):
        assert fleet.get(path).status_code == 503
    after = fleet.settled_counts()
    assert [after[route, 503] - before[route, 503] for route in ("live", "events")] == [1, 2]


# ── the address where they are handed over ────────────────────────────────────────────────────────


def handed(fleet, *, address=INSIDE, **options):
    with fleet.edge.session(address) as session:
        url = f"{fleet.instances[0].base}/internal/edge-counts"
        return session.request(options.pop("method", "POST"), url, timeout=10, **options)


def test_nobody_reaches_that_address_through_the_edge(fleet):
    for path in (
        "/internal/edge-counts",
        "/internal/edge-counts/",
        "//internal/edge-counts",
        "/x/..%2finternal/edge-counts",
    ):
        for address in (INSIDE, OUTSIDE):
            answer = fleet.get(path, method="POST", address=address, json={"answers": [], "clients": []})
            assert code(answer) == "not_found"


def test_it_is_not_there_for_other_networks(fleet):
    nothing = {"name": uuid4().hex[:20], "answers": [], "clients": []}
    assert code(handed(fleet, address=OUTSIDE, json=nothing)) == "not_found"
    assert handed(fleet, json=nothing).status_code == 204


def test_it_takes_post_alone(fleet):
    assert code(handed(fleet, method="GET")) == "method_not_allowed"


@pytest.mark.parametrize(
    "body",
    ["", "garbage", "[]", "{}", '{"name": "once-1234", "answers": 1, "clients": []}', "[" * 100_000]
    + ['{"name": "<b>", "answers": [], "clients": []}', '{"name": 5, "answers": [], "clients": []}'],
    ids=range(8),
)
def test_what_cannot_be_read_at_all_is_refused(fleet, body):
    assert code(handed(fleet, data=body)) == "invalid_parameter"


def counted(fleet, route, status):
    return fleet.settled_counts()[route, status]


ODD = [
    *(["weather GET 200", 1], ["weather GET 200 HIT lat:40.74:lon:1", 1], ["weather GET 200 HIT lat:40.7:lon:1.0", -1]),
    *(["weather GET 999 HIT lat:40.7:lon:1.0", 1], ["weather GET 200 HIT lat:40.7:lon:1.0", 1e99], [5, 1]),
    ["weather GET 000 NONE ", 1],
]


def test_one_entry_that_cannot_be_costs_the_others_nothing(fleet):
    before = counted(fleet, "weather", 200)
    for number, odd in enumerate(ODD):
        told = {"name": f"odd-{uuid4().hex[:12]}", "answers": [odd, [f"weather GET 200 HIT lat:{number}.0:lon:1.0", 3]]}
        clients = [["me@example.org", 1], [5, 1], ["abcdefghijkl", 1]]
        assert handed(fleet, json=told | {"clients": clients}).status_code == 204
    assert counted(fleet, "weather", 200) - before == 3 * len(ODD)


def test_what_is_told_twice_counts_once(fleet):
    told = {"name": uuid4().hex[:20], "answers": [["weather GET 200 HIT lat:1.0:lon:1.0", 5]], "clients": []}
    before = counted(fleet, "weather", 200)
    assert [handed(fleet, json=told).status_code for _ in range(2)] == [204, 204]
    assert counted(fleet, "weather", 200) - before == 5


def test_what_another_proxy_passes_on_is_refused(fleet):
    told = {"name": uuid4().hex[:20], "answers": [], "clients": []}
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        assert handed(fleet, json=told, headers={header: "for=203.0.113.9"}).status_code == 404
        url = f"{fleet.instances[0].base}/metrics"
        assert requests.get(url, headers={header: "for=203.0.113.9"}, timeout=10).status_code == 404


def test_a_stream_that_ends_before_its_status_costs_no_count(fleet, place):
    before = counted(fleet, "weather", 200)
    path = f"/api/v1/weather?{place()}"
    for _ in range(3):
        assert fleet.get(path).status_code == 200
    half_a_stream(fleet.edge)
    assert counted(fleet, "weather", 200) - before == 3


def test_a_client_whose_answers_all_came_from_an_instance_is_a_user_too(fleet, place):
    def users():
        return next(value for labels, value in fleet.samples("weathernote_active_users") if labels["window"] == "1d")

    before = users()
    for _ in range(20):
        assert fleet.get(f"/api/v1/weather?{place()}").ok
    eventually(lambda: users() - before >= 15, within_seconds=60, every_seconds=0.5)


def half_a_stream(edge):
    """HTTP/2's first words, and the head of a request that never ends."""
    context = ssl.create_default_context(cafile=str(edge.folder / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", edge.edge.https_port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as stream,
    ):
        settings, headers = b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x03\x01\0\0\0\0\x01\x82\x87\x84"
        stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + headers)
        time.sleep(0.2)


def test_an_odd_word_makes_no_new_series(fleet):
    told = {"name": uuid4().hex[:20], "answers": [["<b> BREW 200 HIT lat:40.7:lon:1.0", 1]], "clients": []}
    assert handed(fleet, json=told).status_code == 204
    text = requests.get(f"{fleet.instances[0].base}/metrics", timeout=10).text
    assert "BREW" not in text and "<b>" not in text
