"""Calls of many threads over one connection: what is sent together, in which order, and what becomes of a stall."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.redis.outage import all_down
from tests.support.servers import eventually
from weathernote import redis
from weathernote.redis import Role, ask, servers_by_role
from weathernote.redis.connections import multiplexer
from weathernote.redis.connections.multiplexer import MOST_CALLS, Multiplexer

pytest_plugins = ["tests.support.redis.fixtures"]

SECONDS = 20


class Line:
    """An exchange that echoes what is sent, once the test lets it; `sent` holds the calls of each, by lane."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = []
        self.lanes: list[object] = []
        self.goes = threading.Semaphore(0)
        self.multiplexer = Multiplexer(self.exchange)
        self.pool = ThreadPoolExecutor(100)

    def exchange(self, lane, calls):
        self.sent.append([call.packed for call in calls])
        self.lanes.append(lane)
        assert self.goes.acquire(timeout=SECONDS)
        return [call.packed for call in calls for _ in range(call.count)]

    def call(self, text: bytes, count: int = 1) -> Future:
        return self.pool.submit(self.multiplexer.call, text, count)

    def wait_for(self, waiting: int) -> None:
        eventually(lambda: len(self.multiplexer._waiting) == waiting)


@pytest.fixture
def line(monkeypatch):
    monkeypatch.setattr(multiplexer, "STALL_SECONDS", SECONDS)
    made = Line()
    with made.pool:
        yield made
        made.goes.release(1000)


def test_calls_that_come_during_a_round_trip_share_the_next(line):
    first = line.call(b"a")
    eventually(lambda: line.sent)
    later = [line.call(text, count) for text, count in ((b"b", 1), (b"c", 3), (b"d", 2))]
    line.wait_for(3)
    line.goes.release(2)
    assert first.result(SECONDS) == [b"a"]
    assert [each.result(SECONDS) for each in later] == [[b"b"], [b"c"] * 3, [b"d"] * 2]
    assert [sorted(batch) for batch in line.sent] == [[b"a"], [b"b", b"c", b"d"]]


def test_one_round_trip_takes_a_bounded_number_of_calls(line):
    line.call(b"a")
    eventually(lambda: line.sent)
    later = [line.call(b"%d" % number) for number in range(MOST_CALLS + 1)]
    line.wait_for(MOST_CALLS + 1)
    line.goes.release(3)
    assert [each.result(SECONDS) for each in later] == [[b"%d" % number] for number in range(MOST_CALLS + 1)]
    assert [len(batch) for batch in line.sent] == [1, MOST_CALLS, 1]


def test_a_call_that_need_not_wait_is_sent_alone_and_at_once(line):
    line.goes.release(2)
    assert line.multiplexer.call(b"a", 1) == [b"a"] and line.multiplexer.call(b"b", 1) == [b"b"]
    assert line.sent == [[b"a"], [b"b"]] and len(set(line.lanes)) == 1


def test_a_stall_is_passed_on_another_lane_and_nothing_is_sent_twice(line, monkeypatch):
    stalled = line.call(b"a")
    eventually(lambda: line.sent)
    monkeypatch.setattr(multiplexer, "STALL_SECONDS", 0.01)
    second = line.call(b"b")
    eventually(lambda: len(line.sent) == 2)
    third = line.call(b"c")  # both lanes are taken
    line.wait_for(1)
    line.goes.release(3)
    assert [each.result(SECONDS) for each in (stalled, second, third)] == [[b"a"], [b"b"], [b"c"]]
    assert line.sent == [[b"a"], [b"b"], [b"c"]] and line.lanes[0] is not line.lanes[1]


def test_calls_go_on_after_a_round_trip_that_broke(line):
    line.multiplexer._exchange = broken
    with pytest.raises(ZeroDivisionError):
        line.multiplexer.call(b"a", 1)
    line.multiplexer._exchange = line.exchange
    line.goes.release()
    assert line.multiplexer.call(b"b", 1) == [b"b"]


def broken(lane, calls):
    raise ZeroDivisionError


def test_those_who_waited_for_a_round_trip_that_broke_are_told_that_redis_is_down(line):
    first = line.call(b"a")
    eventually(lambda: line.sent)
    line.multiplexer._exchange = broken
    later = [line.call(text, 2) for text in (b"b", b"c")]
    line.wait_for(2)
    line.goes.release()
    assert first.result(SECONDS) == [b"a"]
    raised = [each for each in later if each.exception(SECONDS)]
    (told,) = [each.result() for each in later if each not in raised]
    assert len(raised) == 1 and all_down(told) and len(told) == 2


def test_a_wait_that_a_signal_ends_takes_no_lane_with_it(line, monkeypatch):
    class Interrupted:
        def acquire(self, timeout=None):
            if timeout is not None:
                line.wait_for(1)
                line.goes.release()
                assert first.result(SECONDS) == [b"a"]
                raise KeyboardInterrupt

        def release(self):
            pass

    first = line.call(b"a")
    eventually(lambda: line.sent)
    with monkeypatch.context() as patched:
        patched.setattr("weathernote.redis.connections.multiplexer.threading.Lock", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            line.multiplexer.call(b"b", 1)
    line.goes.release()
    assert line.multiplexer.call(b"c", 1) == [b"c"]
    assert len(line.multiplexer._first) == 1 and not line.multiplexer._waiting


def test_a_breaker_that_opens_ends_the_wait_on_both_lanes(proxied, settings, lost, monkeypatch):
    monkeypatch.setitem(settings.CACHES["default"]["OPTIONS"], "SOCKET_TIMEOUT", 3 * SECONDS)
    redis.reset()
    ask(("GET", "a"))
    proxied.on_reply = lambda client, data: None
    node: Any = servers_by_role()[Role.OWN]
    lanes = node._multiplexer._lanes
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(ask, ("GET", "a")) for _ in range(8)]
        eventually(lambda: all(each.connection and each.connection._awaits_replies for each in lanes))
        for _ in range(3):
            node._failed(TimeoutError())
        assert all(all_down(call.result(SECONDS)) for call in calls)
    assert set(lost) <= {"timeout", "breaker_open"}


def test_a_primary_elsewhere_is_asked_over_a_connection_of_each_thread(here, settings, valkey_server):
    settings.RECORDS_REDIS_URL = f"{valkey_server.url}?health_check_interval=0"
    redis.reset()
    nodes: Any = servers_by_role()
    own, primary = nodes[Role.OWN], nodes[Role.PRIMARY]
    assert own._multiplexer and not primary._multiplexer


def test_short_calls_of_many_threads_take_few_connections(here):
    everybody = threading.Barrier(40)

    def work(number: int) -> bool:
        everybody.wait(SECONDS)
        return all(ask(("SET", f"k{number}", turn), ("GET", f"k{number}"))[1] == b"%d" % turn for turn in range(100))

    before = here.info("clients")["connected_clients"]
    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(work, range(40)))
    assert here.info("clients")["connected_clients"] - before <= 2
