"""Threads that run rounds."""

import threading

import pytest

from tests.support.servers import eventually
from weather.fetching.fetch_queue import Lease
from weather.fetching.round_threads import RoundThreads

pytestmark = pytest.mark.pure


def lease(number: int) -> Lease:
    return Lease(number, "token", [], [])


def test_leases_run_side_by_side_each_in_a_thread():
    both = threading.Barrier(3, timeout=60)
    rounds = RoundThreads(lambda _: both.wait())
    rounds.start(lease(0))
    rounds.start(lease(1))
    both.wait()


def test_a_thread_is_used_again():
    names: list[int] = []
    rounds = RoundThreads(lambda _: names.append(threading.get_ident()))
    for number in range(3):
        rounds.start(lease(number))
        eventually(lambda: rounds._idle._value)
    assert len(names) == 3 and len(set(names)) == 1
