"""Fills the real server with what the service itself would have written: held records, /weather and /forecast."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from tests.support.servers import Valkey
from weather.core.cells import Cell

#: Longer than any benchmark takes, so that what is found in the first round is found in the last.
LIFE_SECONDS = 3600
_AT_ONCE = 100


def set_up(server: Valkey) -> None:
    """Django in this process, with this server as its Redis."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django
    from django.conf import settings
    from django.core.cache import caches

    django.setup()
    from weathernote import redis

    settings.CACHES["default"]["LOCATION"] = [server.url]
    # A batch of a hundred records on a machine that is busy with others.
    options: Any = settings.CACHES["default"]["OPTIONS"]
    options.update(SOCKET_TIMEOUT=5, SOCKET_CONNECT_TIMEOUT=5)
    redis.reset()
    # What was made for the server before would be asked for its address again.
    with suppress(AttributeError):
        del caches["default"]


def keep(cells: Sequence[Cell], *, life_seconds: int = LIFE_SECONDS) -> None:
    """Keeps the cells' records and finished answers."""
    for _ in kept(cells, life_seconds=life_seconds):
        pass


def kept(cells: Sequence[Cell], *, life_seconds: int = LIFE_SECONDS) -> Iterator[str]:
    """The same step by step, saying after each which kind of record was written: held, weather, forecast."""
    from weather.api.answer_cache import AnswerCache
    from weather.core import answers
    from weather.core.answers import Question
    from weather.core.datasets import WEATHER
    from weather.core.runs.model_run import ModelRun
    from weather.fetching.store import Store

    model_run = ModelRun("meteofrance_arome_france_hd", int(time.time() // 10_800 * 10_800))
    now, store, cache = time.time(), Store(WEATHER, hold_seconds=172_800), AnswerCache(WEATHER)
    for begin in range(0, len(cells), _AT_ONCE):
        fetched = _fetched(tuple(cells[begin : begin + _AT_ONCE]), int(now // 3600))
        store.hold(fetched)
        yield "held"
        for kind, days in (("weather", None), ("forecast", 7)):
            questions = {cell: Question(WEATHER, cell, days) for cell in fetched}
            cache.store_answers(
                {
                    questions[cell]: answers.derive(
                        questions[cell], series, now, life_seconds, stale=False, model_run=model_run
                    )
                    for cell, series in fetched.items()
                }
            )
            yield kind


@lru_cache(maxsize=64)
def _fetched(cells: tuple[Cell, ...], hour: int) -> dict:
    """What the simulator says of the cells, worked out once: it takes a millisecond for each."""
    from weather.core.datasets import WEATHER
    from weather.simulator.answers.forecast import FORECAST
    from weather.simulator.answers.json_text import joined, place_texts
    from weather.simulator.call import Asked
    from weather.upstream.client import OpenMeteo
    from weather.upstream.validation import read_answer

    now = time.time()
    query = OpenMeteo("http://nowhere", WEATHER)._query(cells, WEATHER.sections)
    body = joined(place_texts(Asked.parse(query, FORECAST), now)).encode()
    return read_answer(body, list(cells), now, "simulator", WEATHER)
