"""The benchmark of streams: that its clients read frames right, and that ours and the peers do the job it measures."""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy

import pytest
from django.conf import settings
from django.core.cache import caches

from tests.benchmarks import live, live_hour
from tests.benchmarks.measuring import standalone, traffic
from tests.benchmarks.measuring.things import Setting
from tests.benchmarks.streams import things
from tests.benchmarks.streams.sockets import frames, masked
from weathernote import redis


def framed(payload: bytes) -> bytes:
    """As a server writes it."""
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + payload


@pytest.mark.parametrize("length", [0, 125, 126, 5000])
def test_a_frame_is_read_when_it_is_whole(length):
    frame = framed(b"x" * length)
    assert frames(frame + frame[:1]) == ([(1, b"x" * length)], frame[:1])
    assert frames(frame[:-1]) == ([], frame[:-1])


def test_several_frames_of_one_piece_are_read():
    assert frames(framed(b"a") + b"\x89\x00" + framed(b"b")) == ([(1, b"a"), (9, b""), (1, b"b")], b"")


def test_a_client_masks_its_frames():
    assert masked(1, b"{}") == b"\x81\x82\x00\x00\x00\x00{}"


@pytest.fixture(scope="module")
def at() -> Iterator[Setting]:
    ours = deepcopy(settings.CACHES["default"])
    with standalone.filled_setting(20) as setting:
        yield setting
    # What other files' tests go by: the connections were those of a benchmark.
    settings.CACHES["default"].clear()
    settings.CACHES["default"].update(ours)
    redis.reset()
    with suppress(AttributeError):  # nobody has used it
        del caches["default"]


@pytest.mark.parametrize("name", list(live.SERVERS))
def test_every_stream_is_told_of_every_refresh(at, name):
    with live.SERVERS[name](at).started() as thing:
        measured = live.measure(thing, traffic.cells(20), 40, idle_seconds=0.1, cells_per_second=250)
    assert (measured.streams, measured.lost, measured.missed) == (40, 0, 0)
    assert 0 < measured.first_ms <= measured.last_ms and 0 < measured.p50_ms <= measured.p99_ms


def test_each_record_of_the_benchmark_is_newer_than_the_one_before():
    cells = traffic.cells(2)
    one, other = (things.later(cells, degrees)[cells[0]].fetched_at for degrees in (1.0, 2.0))
    assert other > one


def test_a_handshake_takes_some_kilobytes():
    assert 1_000 < live_hour.handshake_bytes() < 10_000


def test_an_hour_counts_its_pings_and_what_was_shown():
    cost = live_hour.Cost(requests=1, connections=1, sent=100, received=900, messages=7, ping=10)
    assert cost.wake_ups == 7 + 144
    assert live_hour.table({"events": cost}, 4_000)[1].split() == [
        "events",
        "1",
        "1",
        "2,440",
        "1,440",
        "6,440",
        "151",
        "7",
    ]
