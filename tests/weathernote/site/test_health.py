"""What /health has seen is kept for a second, and looked for by one thread at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from weathernote.site.health import Cached

pytestmark = pytest.mark.pure


def test_of_many_at_once_one_asks_redis():
    looked, go = [], threading.Event()

    def look() -> str:
        looked.append(1)
        go.wait(10)
        return "ok"

    state = Cached(look)
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(state.value) for _ in range(20)]
        time.sleep(0.1)
        go.set()
        assert {one.result() for one in asked} == {"ok"} and len(looked) == 1


def test_what_was_seen_is_seen_anew_after_a_second():
    now, looks = [0.0], iter("abc")
    state = Cached(lambda: next(looks), lambda: now[0])
    seen = [(state.value(), now.__setitem__(0, at))[0] for at in (0.9, 1.0, 1.9, 2.1)]
    assert seen == ["a", "a", "b", "b"] and state.value() == "c"
