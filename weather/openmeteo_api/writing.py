"""Works an answer out and writes it, with what its life and its entity tag follow from."""

from collections.abc import Sequence
from time import perf_counter

from weather.core.answers import STALE_LIFE_SECONDS
from weather.core.series import Series
from weather.core.variables import HOUR_SECONDS
from weather.openmeteo_api import json_writer
from weather.openmeteo_api.answer import Answer, answer_of
from weather.openmeteo_api.clock import QUARTER_SECONDS
from weather.openmeteo_api.finished import Finished, Key, digest
from weather.openmeteo_api.form import Form, Format

CONTENT_TYPES: dict[Format, str] = {
    "json": "application/json; charset=utf-8",
    "flatbuffers": "application/octet-stream",
}


def finished_of(key: Key, series: Series, now: float, life_seconds: int, *, stale: bool) -> Finished:
    """The written answer to a key from the series of its cell, for `now` in unix seconds.

    It lives `life_seconds`; a stale one at most a minute, and none past the quarter of an hour, the hour or the day
    that it is about.
    """
    began = perf_counter()
    answer = answer_of(key.form, key.zone, series, now)
    midnight = answer.clock.midnights(1)[-1] if key.form.has_days else None
    ends = [int(now) + (min(life_seconds, STALE_LIFE_SECONDS) if stale else life_seconds)]
    if key.form.current:
        ends.append(answer.clock.quarter + QUARTER_SECONDS)
    if key.form.hourly and key.form.hours is not None:
        ends.append(int(now // HOUR_SECONDS + 1) * HOUR_SECONDS)
    if midnight is not None:
        ends.append(midnight)
    text = _text(answer, key, began)
    return Finished(text, _identity(answer, key), stale, series.fetched_at, min(ends), midnight)


def joined(texts: Sequence[bytes], form: Form) -> bytes:
    """The body of an answer about several places, or one."""
    return json_writer.joined(texts) if form.format == "json" else b"".join(texts)


def _text(answer: Answer, key: Key, began: float) -> bytes:
    # To write them takes as long again, which has not happened yet.
    generation_ms = (perf_counter() - began) * 1000
    if key.form.format == "flatbuffers":
        from weather.openmeteo_api import flatbuffers_writer  # not before it is asked for: it takes 2 MB

        return flatbuffers_writer.message_of(answer, key.number, generation_ms=generation_ms)
    return json_writer.text_of(answer, key.number, unixtime=key.form.unixtime, generation_ms=generation_ms)


def _identity(answer: Answer, key: Key) -> bytes:
    times = [(section.times[0] if section.times else 0) for section in answer.sections]
    series, clock = answer.series, answer.clock
    return digest(f"{key} {series.fetched_at} {clock.name} {clock.utc_offset_seconds} {times}".encode())
