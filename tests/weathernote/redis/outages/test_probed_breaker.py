"""The thread that closes a breaker: it goes on whatever a probe raises."""

import logging
import threading
from collections.abc import Callable

import pytest

from weathernote.redis.outages.probed_breaker import ProbedBreaker


class Probes:
    """Probes by turns: each raises, or gives whether the server answers; the last one's turn is the last."""

    def __init__(self, *turns: bool | Exception) -> None:
        self.left = list(turns)

    def __call__(self) -> bool:
        turn = self.left.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn


def probed(answers: Callable[[], bool]) -> bool:
    """Whether a breaker that is open closes by these probes."""
    is_back = threading.Event()
    breaker = ProbedBreaker(answers, is_back.set, failures_to_open=1)
    breaker.pause_seconds = 0.0
    breaker.failed()
    breaker.probe("redis-test")
    try:
        return is_back.wait(10) and not breaker.is_open
    finally:
        breaker.close()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_a_probe_raises_is_a_failed_probe_and_the_next_follows(caplog):
    probes = Probes(False, TypeError("odd"), AttributeError("odd"), False, RecursionError("odd"), True)
    with caplog.at_level(logging.WARNING):
        assert probed(probes)
    assert probes.left == []
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "The probe of redis-test fails unexpectedly"
    ]
    assert "TypeError: odd" in caplog.text


def test_what_is_raised_is_logged_anew_in_the_next_outage(caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert probed(Probes(TypeError("odd"), TypeError("odd"), True))
    assert len(caplog.records) == 2
