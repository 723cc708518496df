"""Answers as they were written, remembered by the process: by place and form, as long as they live."""

import threading
from dataclasses import dataclass

from weather.core.cells import Cell
from weather.openmeteo_api.form import Form

#: What a process remembers of answers; about 3,000 of a week's hours.
MEMORY_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """A place of a question: its cell, number and zone, and the question's form."""

    cell: Cell
    number: int
    zone: str
    form: Form


@dataclass(frozen=True, slots=True)
class Finished:
    """A written answer about one place; times are unix seconds."""

    text: bytes
    #: What the text depends on but for `generationtime_ms`: equal texts have the same.
    identity: str
    stale: bool
    fetched_at: int
    expires_at: int
    #: When the zone's day that the answer begins with ends; None if it has no days.
    midnight: int | None


class FinishedAnswers:
    """Written answers by key, each valid for one record; past the bound those that were put first are dropped."""

    def __init__(self, most_bytes: int = MEMORY_BYTES) -> None:
        self.most_bytes = most_bytes
        self._entries: dict[Key, tuple[bytes, Finished]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key, record: bytes | None, now: float) -> Finished | None:
        """The answer that was put for this key and record, if it still lives."""
        entry = self._entries.get(key)
        if entry is None or record is None or now >= entry[1].expires_at or entry[0] != record:
            return None
        return entry[1]

    def put(self, key: Key, record: bytes, finished: Finished) -> None:
        """Remembers an answer that was derived from this record."""
        with self._lock:
            self._drop(key)
            self._entries[key] = record, finished
            self._bytes += len(finished.text)
            while self._bytes > self.most_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[1].text)
