import threading

import pytest

from tests.support.clocks import SetClock
from weathernote.redis.outages.breaker import Breaker

pytestmark = pytest.mark.pure


@pytest.fixture
def clock() -> SetClock:
    return SetClock(0.0)


@pytest.fixture
def opened(clock: SetClock) -> Breaker:
    breaker = Breaker(failures_to_open=3, pause_seconds=1, now=clock)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_it_stays_closed_until_failures_come_in_a_row(clock):
    breaker = Breaker(failures_to_open=3, now=clock)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.allows() and not breaker.is_open


def test_only_the_failure_that_opens_it_says_so(clock):
    breaker = Breaker(failures_to_open=3, now=clock)
    assert [breaker.failed() for _ in range(5)] == [False, False, True, False, False]


def test_an_open_breaker_refuses_until_its_pause_is_over(opened, clock):
    assert not opened.allows()
    clock.seconds = 0.99
    assert not opened.allows()


def test_one_probe_is_let_through_in_each_pause(opened, clock):
    clock.seconds = 1
    assert [opened.allows() for _ in range(3)] == [True, False, False]
    clock.seconds = 2
    assert [opened.allows() for _ in range(3)] == [True, False, False]


def test_a_probe_that_succeeds_closes_it(opened, clock):
    clock.seconds = 1
    opened.allows()
    opened.succeeded()
    assert not opened.is_open and opened.allows()


def test_a_probe_that_fails_starts_the_pause_anew(opened, clock):
    clock.seconds = 1
    opened.allows()
    opened.failed()
    clock.seconds = 1.9
    assert not opened.allows()


def test_of_many_threads_one_gets_the_probe(opened, clock):
    clock.seconds = 1
    barrier = threading.Barrier(20)
    granted = []

    def probe():
        barrier.wait()
        granted.append(opened.allows())

    threads = [threading.Thread(target=probe) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 1
