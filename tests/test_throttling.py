"""Fair use: sixty requests a minute for each client, counted in a real Redis."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from ratelimit.identity import hashed
from tests.servers import Instance
from tests.test_bad_input import problem_of

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"


@pytest.fixture
def limited(api, settings):
    """The API with the limit that clients meet."""
    settings.RATE_LIMIT_REQUESTS = 60
    return api


@pytest.fixture
def bucket(limited, monkeypatch):
    from ratelimit.throttling import ClientTokenBucketThrottle
    from weather.views import CellViewSet

    monkeypatch.setattr(CellViewSet, "throttle_classes", [ClientTokenBucketThrottle])
    return limited


def ask(api, client_id="phone", path=WEATHER, **headers):
    return api.get(path, headers={"x-client-id": client_id, **headers})


def statuses(api, count, client_id="phone"):
    return [ask(api, client_id).status_code for _ in range(count)]


def test_sixty_requests_pass_and_the_next_does_not(limited):
    assert statuses(limited, 62) == [200] * 60 + [429] * 2


def test_the_next_is_told_when_to_come_again(limited, valkey):
    statuses(limited, 60)
    response = ask(limited)
    problem_of(response, 429, "rate_limited")
    left = valkey.ttl(f"rate_limit:hash:{hashed('phone')}")
    assert abs(int(response["Retry-After"]) - left) <= 1 and 0 < left <= 60
    assert response["RateLimit-Policy"] == '"client";q=60;w=60'
    assert response["RateLimit"] == f'"client";r=0;t={response["Retry-After"]}'


def test_other_clients_are_not_touched(limited):
    statuses(limited, 61)
    assert ask(limited, "another phone").status_code == 200


def test_every_answer_says_what_is_left(limited):
    etag = ask(limited)["ETag"]
    answers = {
        304: ask(limited, **{"If-None-Match": etag}),
        400: ask(limited, path="/api/v1/weather?lat=x"),
        405: limited.post(WEATHER, headers={"x-client-id": "phone"}),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    assert [answer["RateLimit"].split(";")[1] for answer in answers.values()] == ["r=58", "r=57", "r=56"]


def test_a_fault_of_ours_counts_and_says_what_is_left(limited, monkeypatch):
    def broken(*args):
        raise RuntimeError

    monkeypatch.setattr("weather.views.CellViewSet.respond", broken)
    response = ask(limited)
    assert (response.status_code, response["RateLimit"]) == (500, '"client";r=59;t=60')


@pytest.mark.parametrize("path", ["/health", "/api/v1/docs", "/api/v1/schema"])
def test_what_is_no_api_view_counts_nothing(limited, valkey, path):
    assert "RateLimit" not in ask(limited, path=path)
    limited.options(WEATHER)
    assert valkey.keys("rate_limit:*") == []


def test_the_count_has_its_promised_name_and_a_life_of_a_minute(limited, valkey):
    statuses(limited, 3)
    key = f"rate_limit:hash:{hashed('phone')}"
    assert valkey.keys("rate_limit:*") == [key]
    assert valkey.get(key) == "3" and 58 <= valkey.ttl(key) <= 60


@pytest.mark.parametrize("spoil", ["12", "many", "1.5"])
def test_a_count_without_a_life_gets_one(limited, valkey, spoil):
    """Fault 17: whatever a crash or a hand left under the key, the client is not locked out for ever."""
    key = f"rate_limit:hash:{hashed('phone')}"
    valkey.set(key, spoil)
    assert ask(limited).status_code == 200
    assert 58 <= valkey.ttl(key) <= 60


def test_the_count_is_right_after_redis_forgot_the_script(limited, valkey):
    statuses(limited, 2)
    valkey.script_flush()
    statuses(limited, 2)
    assert valkey.get(f"rate_limit:hash:{hashed('phone')}") == "4"


def test_at_the_windows_edge_both_windows_pass_in_full(limited, valkey):
    """Fault 47: sixty at second 59.9, then sixty more at 60.1: what README.md says of a fixed window."""
    key = f"rate_limit:hash:{hashed('phone')}"
    before = statuses(limited, 60)
    valkey.pexpire(key, 1)
    while valkey.exists(key):
        pass
    assert before + statuses(limited, 61) == [200] * 120 + [429]


def test_a_token_bucket_has_no_edge(bucket, valkey, settings):
    """Once its depth is spent, a second lets one more through, whenever it is asked."""
    key = f"rate_limit:hash:{hashed('phone')}"
    assert statuses(bucket, 61) == [200] * 60 + [429]
    full_at = float(valkey.get(key))
    valkey.set(key, full_at - 1000, px=59_000)  # as if a second had passed
    assert statuses(bucket, 2) == [200, 429]


def test_a_refused_token_bucket_says_when_the_next_token_comes(bucket):
    statuses(bucket, 60)
    response = ask(bucket)
    assert (response.status_code, response["Retry-After"]) == (429, "1")
    assert response["RateLimit"] == '"client";r=0;t=60'


def test_a_token_bucket_heals_what_it_does_not_understand(bucket, valkey):
    key = f"rate_limit:hash:{hashed('phone')}"
    for spoil in ("garbage", "9e99", "12"):
        valkey.set(key, spoil)
        assert ask(bucket)["RateLimit"] == '"client";r=59;t=1'
        assert valkey.ttl(key) >= 0


def test_of_400_requests_at_once_from_four_processes_exactly_60_pass(tmp_path, valkey, valkey_server, simulator):
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    with Instance(tmp_path, WORKERS=4, **servers) as instance, ThreadPoolExecutor(100) as pool:
        assert instance.get(WEATHER, headers={"x-client-id": "somebody else"}).status_code == 200

        def one(_):
            return instance.get(WEATHER, headers={"x-client-id": "phone"}).status_code

        got = Counter(pool.map(one, range(400)))
    assert got == {200: 60, 429: 340}, instance.said()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-Real-IP"])
def test_rotating_forwarded_addresses_does_not_help(instance, valkey, header):
    """Fault 36, at a limit that is reached: the count of the one real address says how many were told apart."""
    for n in range(20):
        instance.get(WEATHER, headers={header: f"198.51.100.{n}"})
    assert valkey.get(f"rate_limit:hash:{hashed('address:127.0.0.1')}") == "20"
    assert len(valkey.keys("rate_limit:*")) == 1


def test_rotating_the_last_64_bits_of_an_address_does_not_help(limited):
    """Fault 36: one customer has a whole /64."""
    got = [limited.get(WEATHER, REMOTE_ADDR=f"2001:db8:1:2::{n:x}").status_code for n in range(200)]
    assert (got.count(200), got.count(429)) == (60, 140)


def test_rotating_what_stands_left_of_the_trusted_hop_does_not_help(limited, settings):
    settings.TRUSTED_PROXY_COUNT = 1
    got = [
        limited.get(WEATHER, headers={"x-forwarded-for": f"198.51.{n}.1, 203.0.113.7"}).status_code for n in range(200)
    ]
    assert (got.count(200), got.count(429)) == (60, 140)
