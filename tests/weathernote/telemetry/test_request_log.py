"""The log's line of each request: what it says, and that its queue and its writes are bounded."""

import json
import os
from collections import deque

import pytest

from tests.support.reading.log_lines import OF_A_REQUEST
from weathernote.telemetry import metrics, request_log
from weathernote.telemetry.request_event import RequestEvent


def event_of(request_id: str) -> RequestEvent:
    return RequestEvent(0.0, 0.0, "weather", "GET", 200, request_id, "", 0.0)


def test_the_line_of_a_request_is_json_with_what_an_operator_asks_for() -> None:
    event = RequestEvent(1_795_348_800.25, 0.0123, "weather", "GET", 200, "abc-1", "deadbeef", 0.004)
    told = json.loads(request_log.line(event))
    assert set(told) == OF_A_REQUEST
    assert (told["time"], told["duration_ms"], told["upstream_wait_ms"]) == ("2026-11-22T12:00:00.250Z", 12.3, 4)


def test_lines_are_written_whole_and_few_at_a_time() -> None:
    lines = [f"{number:0>300}\n" for number in range(100)]
    parts = list(request_log._chunks(lines))
    assert b"".join(parts).decode() == "".join(lines)
    assert all(len(part) <= 4096 and part.endswith(b"\n") for part in parts)


def test_a_reader_that_does_not_read_costs_the_oldest_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "MOST_QUEUED", 3)
    monkeypatch.setattr(request_log, "_is_open", True)
    monkeypatch.setattr(request_log, "_queue", deque())
    dropped = metrics.LOG_LINES_DROPPED._value.get()
    for number in range(5):
        request_log.enqueue(event_of(str(number)))
    assert [event.request_id for event in request_log._queue] == ["2", "3", "4"]
    assert metrics.LOG_LINES_DROPPED._value.get() - dropped == 2


def test_where_nobody_writes_nothing_is_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_queue", deque())
    request_log.enqueue(event_of("r1"))
    assert not request_log._queue


def test_the_log_of_a_second_process_is_not_needed_for_stdout_to_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(request_log, "_STDOUT", writer)
    request_log._write(b"a line\n")  # nobody reads: counted, and no more
    os.close(writer)
