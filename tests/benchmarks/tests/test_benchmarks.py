"""The benchmarks' own arithmetic, and that the peers do the service's job: the same answers, headers and limit."""

import asyncio
import json
import os
import re
import shutil
from collections import Counter
from contextlib import ExitStack, suppress
from copy import deepcopy

import pytest
import requests
from django.conf import settings
from django.core.cache import caches

from tests.benchmarks import bench, cached, connections, latency, short_path
from tests.benchmarks.cached import Measured
from tests.benchmarks.measuring import baseline, figures, processes, records, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure
from tests.benchmarks.measuring.rounds import in_rounds, medians, ratio
from tests.benchmarks.peers import layered, promises
from tests.support.load import Answered, Answers
from tests.support.servers import free_port
from weather.core.cells import Cell
from weathernote import redis

baseline_read = baseline.read

# ── arithmetic ────────────────────────────────────────────────────────────────────────────────────


def test_rounds_take_the_things_in_turn_and_backwards_every_other_time():
    seen = []

    def measure(thing, at):
        seen.append(thing)
        return f"{thing}{at}"

    measured = in_rounds(["a", "b"], measure, 3)
    assert "".join(seen) == "abbaab"
    assert measured == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_a_ratio_is_the_middle_of_the_rounds_own_ratios():
    # The machine was twice as slow in the second round, for both.
    assert ratio([200, 100, 210], [100, 50, 100]) == (2.0, 2.0, 2.1)


def test_medians_are_taken_by_column():
    assert medians({"req/s": [3, 1, 2], "ms": [4, 5, 9]}) == {"req/s": 2, "ms": 5}


@pytest.mark.parametrize(
    ("better", "value", "before", "moved"),
    [
        ("higher", 1.09, 1.0, ""),
        ("higher", 0.91, 1.0, ""),
        ("higher", 1.11, 1.0, "better"),
        ("higher", 0.89, 1.0, "worse"),
        ("lower", 1.11, 1.0, "worse"),
        ("lower", 0.89, 1.0, "better"),
    ],
)
def test_what_moved_by_more_than_ten_percent_is_told(better, value, before, moved):
    assert Figure("a", value, better).moved(before) == moved


def test_only_what_got_worse_fails_the_comparison():
    better, worse = Figure("a", 0.5, "lower", kept=True), Figure("b", 2, "lower", kept=True)
    assert baseline.compared([better], {"a": 1.0}) == (["better  a: 1 → 0.5 (-50%)"], False)
    assert baseline.compared([better, worse], {"a": 1.0, "b": 1.0})[1]


def test_a_figure_that_is_not_steady_is_not_compared():
    assert baseline.compared([Figure("a", 9, "lower")], {"a": 1.0}) == (["Nothing moved by more than 10%."], False)


def test_a_figure_that_is_not_measured_any_more_fails_the_comparison():
    same = Figure("a", 1, "lower", kept=True)
    assert baseline.compared([same], {"a": 1.0, "b": 1.0})[0][0] == "missing b"
    assert baseline.compared([same], {"a": 1.0, "b": 1.0})[1]


@pytest.mark.parametrize(
    ("arguments", "value", "code"),
    [
        ("--quick", 0.95, 0),
        ("--quick", 0.89, 1),
        ("--quick", 1.5, 0),
        ("", 0.5, 0),
        ("--quick --keep", 0.5, 0),
        ("--quick --only bytes", 0.95, 1),
    ],
)
def test_the_quick_benchmarks_fail_where_a_ratio_to_a_peer_lost_ten_percent(
    arguments, value, code, monkeypatch, tmp_path, capsys
):
    kept = tmp_path / "baseline.json"
    baseline.keep([Figure("ratio", 1.0, "higher", kept=True), Figure("size", 10, "lower", kept=True)], kept)
    size = 20 if "--only" in arguments else 10
    measured = [Figure("size", size, "lower", kept=True)]
    if "--only" not in arguments:
        measured.append(Figure("ratio", value, "higher", kept=True))
    monkeypatch.setattr(baseline, "read", lambda: baseline_read(kept))
    monkeypatch.setattr(baseline, "keep", lambda figures: None)
    monkeypatch.setattr(bench, "run", lambda plan, parts: measured)
    monkeypatch.setattr(wrk, "require", lambda: None)
    monkeypatch.setattr("sys.argv", ["bench", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == code


def test_what_is_kept_is_read_again(tmp_path):
    file = tmp_path / "baseline.json"
    baseline.keep([Figure("a", 1.23456, "lower", kept=True), Figure("b", 1, "lower")], file)
    assert baseline.read(file) == {"a": 1.235}


def test_the_baseline_in_the_repository_holds_numbers_by_name():
    kept = json.loads(baseline.FILE.read_text())
    assert kept
    assert all(isinstance(value, int | float) and value > 0 for value in kept.values())


def test_targets_are_the_least_or_the_most_by_what_is_better():
    reached = Figure("hits", 1.31, "higher", 1.3), Figure("p99", 9.9, "lower", 10), Figure("errors", 0, "lower", 0)
    missed = Figure("hits", 1.29, "higher", 1.3), Figure("p99", 10.1, "lower", 10)
    assert all(figure.is_reached for figure in reached)
    assert not any(figure.is_reached for figure in missed)
    assert figures.targets(missed)[0].startswith("NOT reached  hits: 1.29 (target ≥ 1.3)")


def measured(a_second, cpu_us=100.0, wrong=0):
    return Measured(a_second, cpu_us, 10.0, 1.0, wrong, 0)


def test_the_table_says_how_many_times_the_peer_ours_is():
    rounds = {"instance": [measured(2_000, 200)] * 3, "a peer": [measured(1_000, 400, wrong=1)] * 3}
    row = cached.lines(rounds)[-1].split()
    assert row[:8] == ["a", "peer", "1,000", "400", "10.0", "1.0", "3", "0"]
    assert cached.lines(rounds)[-1].endswith("2.00 (2.00–2.00), 0.50")


def test_a_percentile_counts_from_the_moment_when_a_request_was_due():
    answers = Answers([Answered(at, at / 100, 200, "hit", "") for at in range(1, 101)])
    assert latency.percentile_ms(answers, 50) == pytest.approx(500, rel=0.01)
    assert latency.percentile_ms(answers, 99) == pytest.approx(990, rel=0.01)


def test_cpu_time_is_that_of_the_whole_family():
    own = processes.cpu_seconds(os.getpid())
    sum(number * number for number in range(3_000_000))
    assert processes.cpu_seconds(os.getpid()) > own
    assert 1 < processes.pss_megabytes(os.getpid()) < 10_000


def test_what_redis_said_once_is_remembered_whoever_asks():
    asked = []

    def exchange(node, commands):
        asked.append(commands)
        return [[1, 60_000], b"an answer"]

    again = layered.remembered(exchange)
    for client in ("one", "another"):
        replies = again(None, [("EVALSHA", "sha", 1, f"rate_limit:hash:{client}", 60_000), ("GET", "weather:lat:1.0")])
        assert replies == [[1, 60_000], b"an answer"]
    assert len(asked) == 1
    again(None, [("PING",)])
    again(None, [("PING",)])
    assert len(asked) == 3


@pytest.mark.django_db  # Django's own handler looks after a connection that another file's test left open
def test_every_way_of_the_short_path_gives_the_same_answer(api):
    ways = short_path.ways()
    ways[0].answer(0)
    answers = {}
    for way in ways:
        with way.in_place():
            answers[way.name] = way.answer(0)
    status, body, headers = answers["as it is"]
    assert status == "200 OK" and all((one[0], one[1]) == (status, body) for one in answers.values())
    assert all(set(one[2]) == set(headers) for one in answers.values())
    assert set(short_path.measure(rounds=1, requests=1)) == set(answers)


def test_the_bare_peers_run_on_the_instances_own_server():
    command = things.like_an_instance("a.module:application", workers=3)
    assert "a.module:application" in command and "weathernote.wsgi:application" not in command
    assert command[command.index("--workers") + 1] == "3"
    assert {"weathernote.runtime.granian", "--threads"} < set(command) and "--port" not in command


# ── traffic ───────────────────────────────────────────────────────────────────────────────────────


def cell_of(line):
    found = re.fullmatch(r"\S+\?lat=(.*)&lon=(.*)\tphone-\d{6}", line)
    assert found
    return Cell.parse(*found.groups())


def test_each_client_asks_once_for_a_cell_that_is_kept_and_few_cells_have_most_requests():
    lines = traffic.cached(traffic.WEATHER)
    asked = Counter(cell_of(line) for line in lines)
    assert len(lines) == len({line.split("\t")[1] for line in lines}) == 100_000
    assert asked.keys() <= set(traffic.cells()) and len(asked) > 1_950
    assert sum(count for _, count in asked.most_common(200)) > 0.6 * len(lines)


def test_fresh_cells_are_asked_for_once_and_lie_where_no_kept_cell_lies():
    fresh = traffic.fresh_cells(20_000) + traffic.fresh_cells(20_000, begin=20_000)
    assert len(set(fresh)) == 40_000
    assert not set(fresh) & set(traffic.cells())


def test_one_request_in_a_hundred_of_the_mix_is_fresh():
    fresh = set(traffic.fresh_cells(50))
    lines = traffic.mixed(traffic.WEATHER, sorted(fresh, key=lambda cell: cell.key), 100)
    assert len(lines) == 5_000
    assert Counter(cell_of(line) in fresh for line in lines) == {False: 4_950, True: 50}


def test_without_wrk_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit, match="apt-get install wrk") as ended:
        wrk.require()
    assert "\n" not in str(ended.value)


# ── peers ─────────────────────────────────────────────────────────────────────────────────────────

FASTAPI = ("FastAPI, usual", "FastAPI, tuned", "the same, Starlette")


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    with things.setting(tmp_path_factory.mktemp("benchmarks")) as made:
        yield made


@pytest.fixture(scope="module")
def bases(setting):
    """The instance's address and the peers', all on the same Redis, which holds the same records."""
    ours = deepcopy(settings.CACHES["default"])
    records.set_up(setting.valkey)
    records.keep([*traffic.cells(5), Cell(407, -740), Cell(-403, 0), Cell(0, -1800)])
    # What other files' tests go by: the connections were those of a benchmark.
    settings.CACHES["default"].clear()
    settings.CACHES["default"].update(ours)
    redis.reset()
    with suppress(AttributeError):  # nobody has used it yet
        del caches["default"]
    with ExitStack() as stack:
        bases = {"instance": stack.enter_context(things.instance(setting, WORKERS=1)).base}
        bases |= {name: stack.enter_context(things.peer(setting, name)).base for name in FASTAPI}
        yield bases


def answers(bases, path, client="phone", **headers):
    given = {"x-client-id": client, "x-request-id": "asked-1", **headers}
    return {name: requests.get(base + path, headers=given, timeout=30) for name, base in bases.items()}


ALIKE = ("Cache-Control", "ETag", "Cache-Status", "Content-Type", "RateLimit-Policy", "X-Request-ID")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/weather?lat=40.7128&lon=-74.0060",
        "/api/v1/weather?lat=-40.25&lon=-0.04",
        "/api/v1/weather?lat=0.01&lon=180",
        "/api/v1/forecast?lat=40.7128&lon=-74.0060",
        "/api/v1/forecast?lat=40.7128&lon=-74.0060&days=7",
    ],
)
def test_peers_give_the_services_own_bytes_and_headers(bases, path):
    given = answers(bases, path)
    ours = given.pop("instance")
    assert ours.status_code == 200
    for name, theirs in given.items():
        assert theirs.content == ours.content, name
        for header in ALIKE:
            assert _without_seconds(theirs.headers[header]) == _without_seconds(ours.headers[header]), name


def _without_seconds(text):
    """A second may pass between two answers."""
    return re.sub(r"(ttl|max-age)=\d+", r"\1=…", text)


def test_peers_count_in_the_services_own_key(bases, setting):
    left = [answer.headers["RateLimit"].split(";")[1] for answer in answers(bases, PATH, "one phone").values()]
    assert left == ["r=59", "r=58", "r=57", "r=56"]
    assert setting.valkey.client.get(f"rate_limit:hash:{promises.hashed('one phone')}") == "4"


PATH = "/api/v1/weather?lat=40.7128&lon=-74.0060"


def test_peers_refuse_the_sixty_first_request_as_the_service_does(bases, setting):
    setting.valkey.client.set(f"rate_limit:hash:{promises.hashed('eager phone')}", 60, ex=50)
    given = answers(bases, PATH, "eager phone")
    ours = given.pop("instance")
    assert ours.status_code == 429 and 0 < int(ours.headers["Retry-After"]) <= 50
    for name, theirs in given.items():
        assert theirs.status_code == 429, name
        assert theirs.json().keys() == ours.json().keys(), name
        assert theirs.headers["Content-Type"] == "application/problem+json", name
        assert 0 < int(theirs.headers["Retry-After"]) <= 50, name


def test_peers_know_what_a_phone_has_already(bases):
    etag = answers(bases, PATH)["instance"].headers["ETag"]
    assert {answer.status_code for answer in answers(bases, PATH, **{"If-None-Match": etag}).values()} == {304}


def test_peers_refuse_what_is_no_position(bases):
    given = answers(bases, "/api/v1/weather?lat=91&lon=0")
    assert {(answer.status_code, answer.json()["code"]) for answer in given.values()} == {(400, "invalid_parameter")}


@pytest.mark.parametrize("name", ["bare Django view", "bare WSGI"])
def test_the_bare_peers_answer_as_much_as_the_weather_is_long(setting, bases, name):
    with things.peer(setting, name) as bare:
        length = len(answers({name: bare.base}, PATH)[name].content)
    assert 0.8 < length / len(answers(bases, PATH)["instance"].content) < 1.3


@pytest.mark.parametrize("tls", [False, True])
def test_the_nginx_cell_cache_gives_a_cells_answer_to_all_of_it_and_counts_nobody(setting, bases, tmp_path, tls):
    from tests.benchmarks.peers.nginx_cell_cache import nginx_cell_cache

    with nginx_cell_cache(tmp_path, bases["instance"], tls=tls) as cache:
        asked = [f"{cache.base}/api/v1/weather?lat={lat}&lon=-74.0" for lat in ("40.65", "40.7", "40.7499")]
        client = {"x-client-id": f"nobody {tls}"}
        trusted = str(tmp_path / "certificate.pem") if tls else True
        given = [requests.get(url, headers=client, timeout=30, verify=trusted) for url in asked]
    # One of them went through at most: the others found it.
    assert len({answer.content for answer in given}) == 1 and given[0].status_code == 200
    counted = setting.valkey.client.get(f"rate_limit:hash:{promises.hashed(client['x-client-id'])}")
    assert int(counted or 0) <= 1


def test_connections_that_said_nothing_for_a_while_answer_again(bases):
    thing = things.Thing("instance", bases["instance"], os.getpid())
    lines = [f"{PATH}\tquiet-{number}" for number in range(50)]
    held = asyncio.run(connections.hold(thing, 50, 1, lines))
    assert (held.asked_twice, held.lost) == (50, 0)


def test_a_connection_that_is_refused_is_lost():
    thing = things.Thing("nobody", f"http://127.0.0.1:{free_port()}", os.getpid())
    assert asyncio.run(connections.hold(thing, 3, 0, [f"{PATH}\tphone"] * 3)).lost == 3


def test_wrk_replays_the_requests_and_counts_what_is_wrong(bases, tmp_path):
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not here")
    file = traffic.write(tmp_path / "requests.txt", [f"{PATH}\tphone-{number:06}" for number in range(500)])
    good = wrk.run(bases["FastAPI, tuned"], file, 1, connections=4)
    assert good.requests > 10 and good.failed == 0
    bad = traffic.write(tmp_path / "bad.txt", ["/api/v1/weather?lat=91&lon=0\tphone"])
    refused = wrk.run(bases["FastAPI, tuned"], bad, 1, connections=4)
    assert refused.unwanted == refused.requests > 10
