"""Work of staff that goes on behind their request."""

import threading

import pytest
from django.db import connections

from prewarm.admin import background_task
from prewarm.admin.importing import UploadGone
from tests.support.servers import eventually
from weathernote.redis import RedisDown


@pytest.fixture(autouse=True)
def _nothing_ends(monkeypatch):
    monkeypatch.setattr(background_task, "is_ending", threading.Event())


def test_one_piece_is_under_way_at_a_time():
    go = threading.Event()
    first = background_task.begin(lambda: go.wait(10))
    assert first and background_task.begin(lambda: None) is None
    go.set()
    assert first.result(10) is True
    assert eventually(lambda: background_task.begin(lambda: "second")).result(10) == "second"


def test_what_fails_is_told_and_makes_room():
    def fails():
        raise LookupError("gone")

    first = eventually(lambda: background_task.begin(fails))
    with pytest.raises(LookupError):
        first.result(10)
    assert eventually(lambda: background_task.begin(lambda: 1)).result(10) == 1


def test_a_connection_that_cannot_be_closed_hides_no_result_and_makes_room(monkeypatch):
    def fails():
        raise OSError("the connection cannot be closed")

    monkeypatch.setattr(connections, "close_all", fails)
    assert eventually(lambda: background_task.begin(lambda: "done")).result(10) == "done"
    assert eventually(lambda: background_task.begin(lambda: 1)).result(10) == 1


@pytest.mark.parametrize(
    ("error", "is_logged"), [(UploadGone(), False), (RedisDown("gone"), False), (LookupError(), True)]
)
def test_only_what_staff_are_not_told_of_is_logged(caplog, error, is_logged):
    def fails():
        raise error

    first = eventually(lambda: background_task.begin(fails))
    with pytest.raises(type(error)):
        first.result(10)
    assert bool(caplog.records) is is_logged


def test_a_process_that_ends_tells_the_work_and_waits_until_it_has_written_down_how_far_it_came():
    written = []

    def work():
        background_task.is_ending.wait(10)
        written.append("stopped")

    assert eventually(lambda: background_task.begin(work))
    background_task._end()
    background_task._lock.release()
    assert written == ["stopped"]
